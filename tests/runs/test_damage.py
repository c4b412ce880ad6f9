"""Damage to any file of a run folder is a sentence that names it, or is mended: it never changes an answer."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import bakeoff as library
from bakeoff.comparing import compare
from bakeoff.errors import DamagedError, UserError
from bakeoff.report.loaded import load_run
from bakeoff.runs.checksums import (
    MANIFEST,
    announce,
    check_folder,
    read_checked,
    read_manifest,
    remove_manifest,
    write_manifest,
)
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.mending import mend
from bakeoff.runs.results import Failure
from bakeoff.runs.writing import write_text
from bakeoff.serve.errors import ApiError
from bakeoff.serve.models import Models, find_runs
from bakeoff.serve.progress import run_view
from tests.command import bakeoff, refused
from tests.end_to_end.test_kill import everything_measured
from tests.real_runs import SENTIMENT, copy_run, write_config_file

TEXTS = ["a fine and moving film", "dull, long and badly made", ""]
WRITTEN_AGAIN = {"report.html", "report.md", "README.md", ".lock"}
"""Files that no answer rests on."""


def truncated(content: bytes, choose: random.Random) -> bytes:
    return content[: choose.randrange(len(content))]


def flipped(content: bytes, choose: random.Random) -> bytes:
    changed = bytearray(content)
    changed[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
    return bytes(changed)


def replaced(content: bytes, choose: random.Random) -> bytes:
    return choose.choice((b"", b"{}", b"[]", b"null", b"\x00" * len(content), choose.randbytes(len(content))))


DAMAGES: list[Callable[[bytes, random.Random], bytes] | None] = [truncated, flipped, replaced, None]
"""None deletes the file."""


def files_of(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if path.is_file() and path.name not in WRITTEN_AGAIN)


def damage(path: Path, how: Callable[[bytes, random.Random], bytes] | None, choose: random.Random) -> bytes:
    """Damage a file and return what it held. It becomes another file, as after a copy."""
    content = path.read_bytes()
    path.unlink()
    if how is not None:
        path.write_bytes(how(content, choose))
    return content


def classified(run: Path) -> dict[str, object]:
    names = [folder.name for folder in RunFolder(run).evaluated()]
    best = library.load_classifier(run).probabilities(TEXTS).tolist()
    return {
        "best": best,
        **{name: library.load_classifier(run, contestant=name).probabilities(TEXTS).tolist() for name in names},
    }


def written(run: Path) -> dict[str, object]:
    name = RunFolder(run).evaluated()[1].name
    model = library.load_language_model(str(run / "contestants" / name))
    return {name: list(model.stream("Once upon", max_new_tokens=3))}


def read(run: Path) -> object:
    RunFolder(run).must_hold_a_run()
    return load_run(RunFolder(run))


@pytest.mark.parametrize("answers", [classified, read])
def test_no_damage_changes_an_answer_of_classifiers(sentiment_run, tmp_path, answers):
    assert_unchanged_or_explained(sentiment_run, tmp_path, answers)


@pytest.mark.parametrize("answers", [written, read])
def test_no_damage_changes_an_answer_of_language_models(language_model_run, tmp_path, answers):
    assert_unchanged_or_explained(language_model_run, tmp_path, answers)


def assert_unchanged_or_explained(run: Path, tmp_path: Path, answers: Callable[[Path], object]) -> None:
    copy = copy_run(run, tmp_path / "run").path
    choose = random.Random(1)
    expected = answers(copy)
    noticed = set()
    for path in files_of(copy):
        for how in choose.sample(DAMAGES, 2):
            content = damage(path, how, choose)
            said, found = "", None
            try:
                found = answers(copy)
            except UserError as error:
                said = str(error)
                noticed.add(path.name)
            named = (path.name, str(path.parent), f"'{path.parent.name}' of {copy} is not trained yet")
            assert any(name in said for name in named) if said else found == expected, (path, how, said)
            path.write_bytes(content)
    assert "bakeoff.yaml" in noticed
    assert {"model.safetensors", "metrics.jsonl", "result.json"} & noticed


def test_one_damaged_run_does_not_take_the_others_down(sentiment_run, tmp_path):
    good, bad = (copy_run(sentiment_run, tmp_path / name).path for name in ("good", "bad"))
    choose = random.Random(2)
    for path in files_of(bad):
        content = damage(path, choose.choice(DAMAGES), choose)
        runs = find_runs([good, bad])
        models = Models(runs)
        for run in runs.values():
            run_view(run)
        for model in models.listed():
            if model.run == "bad":
                with contextlib.suppress(ApiError):
                    models.classifier(model)
        assert models.classifier(models.find("good/linear")).probabilities(TEXTS).shape == (3, 2)
        path.write_bytes(content)


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = {
        **SENTIMENT,
        "data": {"table": "sentence-polarity", "rows": 200},
        "contestants": {"majority": {}, "linear": {}, "lstm": {"embedding_size": 4, "hidden_size": 4}, "both": {}},
        "budget": {"epochs": 2},
    }
    config["contestants"]["both"] = {"method": "ensemble", "members": ["linear", "lstm"]}
    folder = tmp_path_factory.mktemp("damage")
    typed = bakeoff("run", write_config_file(folder / "small.yaml", config), "-o", folder / "run")
    assert typed.code == 0, typed.err
    return folder / "run"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("verdict.json", ""),
        ("data.json", "of its data was damaged, and was written again"),
        ("contestants/linear/model/vocabulary.json", "linear starts again"),
        ("contestants/lstm/scores.parquet", "lstm starts again"),
        ("contestants/lstm/metrics.jsonl", "lstm starts again"),
        ("contestants/both/model/members/lstm/model.safetensors", "both starts again"),
        ("contestants/majority/checksums.json", "majority starts again"),
        ("contestants/lstm/result.json", "there is no checkpoint, so it starts again"),
    ],
)
def test_resume_mends_what_can_be_computed_again(small_run, tmp_path, monkeypatch, file, said):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: load_run(run))  # without the plots
    copy = copy_run(small_run, tmp_path / "run").path
    damage(copy / file, None if file.endswith("result.json") else flipped, random.Random(3))

    typed = bakeoff("resume", copy)

    assert typed.code == 0, typed.err
    assert said in typed.err
    assert everything_measured(copy) == everything_measured(small_run)
    assert RunFolder(copy).verdict().comparisons == RunFolder(small_run).verdict().comparisons


def test_damaged_checksums_of_a_run_are_named_and_can_be_done_without(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: load_run(run))
    copy = copy_run(small_run, tmp_path / "run").path
    (copy / MANIFEST).write_text("{}")

    said = refused("resume", copy)

    assert f"{copy / MANIFEST} is damaged." in said
    assert "remove it" in said
    (copy / MANIFEST).unlink()
    typed = bakeoff("resume", copy)
    assert typed.code == 0, typed.err
    assert everything_measured(copy) == everything_measured(small_run)


def test_files_that_are_there_at_times_are_missed_where_they_were(small_run, tmp_path):
    folder = copy_run(small_run, tmp_path / "run").contestant("linear")
    assert (folder.out_of_scope(), folder.average()) == (None, folder.result())
    text = folder.result().model_dump_json()
    folder.write_average(folder.result())
    write_manifest(folder.path, [folder.path / "average.json"], texts={"out_of_scope.parquet": text})
    (folder.path / "average.json").unlink()

    for read_again in (folder.average, folder.out_of_scope):
        with pytest.raises(DamagedError, match="is missing"):
            read_again()


@pytest.mark.parametrize("inside", ["", "model"])
def test_folders_that_have_changed_places_are_noticed(small_run, tmp_path, inside):
    copy = copy_run(small_run, tmp_path / "run").path
    linear, lstm = (copy / "contestants" / name / inside for name in ("linear", "lstm"))
    linear.rename(tmp_path / "aside")
    lstm.rename(linear)
    (tmp_path / "aside").rename(lstm)

    for name in ("linear", "lstm"):
        assert "is not what belongs there, but " in refused("predict", copy, "text", "--contestant", name)
    assert library.load_classifier(copy, contestant="both").probabilities(TEXTS).shape == (3, 2)


def test_a_model_answers_outside_of_its_run(small_run, tmp_path):
    alone = shutil.copytree(small_run / "contestants" / "linear" / "model", tmp_path / "alone")
    expected = library.load_classifier(small_run, contestant="linear").probabilities(TEXTS).tolist()

    assert library.load_classifier(alone).probabilities(TEXTS).tolist() == expected


def test_means_miss_a_seed(small_run, tmp_path):
    folder = copy_run(small_run, tmp_path / "run").contestant("linear")
    result = folder.result()
    result.metrics[0].by_seed = [0.5, 0.6]
    folder.write_average(result)

    with pytest.raises(DamagedError, match="repeat-2 is missing"):
        folder.average()


def test_a_pipe_or_a_device_in_place_of_a_file_is_damage(small_run, tmp_path):
    copy = copy_run(small_run, tmp_path / "run").path
    (copy / "verdict.json").unlink()
    os.mkfifo(copy / "verdict.json")  # which would be waited for
    (copy / "contestants" / "lstm" / "checksums.json").unlink()
    os.mkfifo(copy / "contestants" / "lstm" / "checksums.json")
    (copy / "contestants" / "linear" / "scores.parquet").unlink()
    (copy / "contestants" / "linear" / "scores.parquet").symlink_to("/dev/zero")  # which has no end

    linear, lstm = (RunFolder(copy).contestant(name) for name in ("linear", "lstm"))
    for read_it in (RunFolder(copy).verdict, linear.scores, lstm.result):
        with pytest.raises(DamagedError, match="it is no file"):
            read_it()


def test_a_pipe_in_place_of_a_file_that_must_only_be_there_is_damage(tmp_path):
    (tmp_path / "a").write_text("one")
    write_manifest(tmp_path, [], beginnings={"a": 0})
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")

    with pytest.raises(DamagedError, match="it is no file"):
        check_folder(tmp_path)


@pytest.mark.parametrize("has_result", [True, False])
def test_resume_removes_a_pipe_in_the_way_of_a_file(small_run, tmp_path, monkeypatch, has_result):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: load_run(run))
    copy = copy_run(small_run, tmp_path / "run").path
    metrics, result = (copy / "contestants" / "lstm" / name for name in ("metrics.jsonl", "result.json"))
    for path in (metrics,) if has_result else (metrics, result):
        path.unlink()
    os.mkfifo(metrics)

    typed = bakeoff("resume", copy)

    assert typed.code == 0, typed.err
    assert f"{metrics} was no file, and was removed." in typed.err
    assert everything_measured(copy) == everything_measured(small_run)


def test_resume_finds_out_again_where_classifiers_fail(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: load_run(run))
    copy = copy_run(small_run, tmp_path / "run")
    assert copy.traits() is not None
    (copy.path / "traits.json").unlink()

    assert "says of its test texts was damaged" in bakeoff("resume", copy.path).err
    assert copy.traits() == RunFolder(small_run).traits()
    assert copy.verdict().slices == RunFolder(small_run).verdict().slices


def test_resume_removes_what_a_kill_after_the_result_has_left(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: load_run(run))
    folder = copy_run(small_run, tmp_path / "run").contestant("lstm")
    folder.checkpoint.mkdir()

    assert bakeoff("resume", tmp_path / "run").code == 0
    assert not folder.checkpoint.exists()


def test_a_training_without_a_checkpoint_keeps_nothing_that_may_be_of_another_contestant(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    stage = folder.stage("pretraining")
    stage.checkpoint.mkdir(parents=True)
    kept = ["pretraining.jsonl", "repeat-2/metrics.jsonl"]
    unknown = ["metrics.jsonl", "samples.jsonl", "trials.jsonl", "another.jsonl", "scores.parquet", "model/weights"]
    for name in (*kept, *unknown, "out_of_scope.parquet", "tracking/run-id"):
        write_text(folder.path / name, "{}\n")
    stage.write_checkpoint_checksums(stage.checkpoint, stage.metrics_size())

    assert list(mend(folder)) == ["lstm: there is no checkpoint, so it starts again."]
    assert list(mend(folder)) == []
    left = [path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file()]
    assert sorted(left) == sorted([*kept, "stages/pretraining/checkpoint/checksums.json"])


@pytest.mark.parametrize("file", ["failure.json", "trials.jsonl", "out_of_scope.parquet"])
def test_a_file_that_came_to_a_finished_contestant_is_noticed(small_run, tmp_path, file):
    folder = copy_run(small_run, tmp_path / "run").contestant("lstm")
    (folder.path / file).write_text('{"reason": "that of another contestant"}')
    readers = {"failure": folder.failure, "trials": folder.trials, "out_of_scope": folder.out_of_scope}

    with pytest.raises(DamagedError, match=f"{file} does not belong there: no checksum lists it"):
        readers[file.partition(".")[0]]()
    assert [said.endswith("lstm starts again.") for said in mend(folder)] == [True]
    assert not folder.ended


def test_lines_after_the_end_of_pretraining_are_not_taken_over(tmp_path):
    folder = ContestantFolder(tmp_path / "lstm")
    log = folder.path / "pretraining.jsonl"
    write_text(log, "{}\n")
    stage = folder.stage("pretraining")
    stage.path.mkdir(parents=True)
    stage.write_summary(Failure(reason="none: any record"))
    write_text(log, "{}\n{}\n")

    assert list(mend(folder)) == []
    assert log.read_text() == "{}\n"


def test_resume_gives_no_contestant_the_log_of_another(small_run, tmp_path, monkeypatch):
    interrupted_after(monkeypatch, 6)  # in the second epoch
    assert bakeoff("run", small_run / "bakeoff.yaml", "-o", tmp_path / "run").code == 130
    monkeypatch.undo()
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: load_run(run))
    linear, lstm = (tmp_path / "run" / "contestants" / name for name in ("linear", "lstm"))
    shutil.rmtree(linear)
    lstm.rename(linear)

    typed = bakeoff("resume", tmp_path / "run")

    assert typed.code == 0, typed.err
    assert "is not what belongs there, but lstm/checkpoint. linear starts again" in typed.err
    assert everything_measured(tmp_path / "run") == everything_measured(small_run)


def begun_at(run: Path, moment: str) -> RunFolder:
    """Let a copy of a run have begun at another time than its contestants say."""
    folder = RunFolder(run)
    folder.write_environment(folder.environment().model_copy(update={"created": moment}))
    folder.write_config_file(folder.config_values())
    return folder


def test_resume_takes_over_no_contestant_of_another_run(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.report.output.write_report", lambda run: load_run(run))
    run = begun_at(copy_run(small_run, tmp_path / "run").path, "2020-02-02T02:02:02+00:00")

    typed = bakeoff("resume", run.path)

    assert typed.code == 0, typed.err
    assert typed.err.count("is not of this run, but of one that began at") == 4  # majority, linear, lstm, both
    assert "linear starts again" in typed.err
    assert everything_measured(run.path) == everything_measured(small_run)
    for name in ("linear", "lstm"):
        assert check_folder(run.contestant(name).model)


def test_manifests_of_earlier_versions_do_not_name_the_run(small_run, tmp_path, monkeypatch):
    run = copy_run(small_run, tmp_path / "run")
    for manifest in run.path.glob("contestants/**/checksums.json"):
        with monkeypatch.context() as patch:
            patch.setattr("bakeoff.runs.checksums._beginning", lambda run: {})
            write_manifest(manifest.parent, [manifest.parent / name for name in read_manifest(manifest.parent) or {}])
        assert '"run"' not in manifest.read_text()
        begun_at(run.path, "2020-02-02T02:02:02+00:00")
        assert read_manifest(manifest.parent)


def test_a_damaged_record_of_the_beginning_costs_no_contestant(small_run, tmp_path):
    run = copy_run(small_run, tmp_path / "run")
    environment = run.path / "environment.json"
    environment.write_text(environment.read_text().replace('"created": "20', '"created": "19'))

    assert list(mend(run.contestant("lstm"))) == []


def test_a_kill_before_the_means_were_written_costs_no_training(small_run, tmp_path):
    folder = copy_run(small_run, tmp_path / "run").contestant("linear")
    announce(folder.path / folder.average_file, "not yet there")

    assert list(mend(folder)) == []


def test_a_run_without_its_config_is_named(small_run, tmp_path):
    copy = copy_run(small_run, tmp_path / "run").path
    (copy / "bakeoff.yaml").unlink()

    for command in ("resume", "report", "predict"):
        assert f"{copy / 'bakeoff.yaml'} is missing" in refused(command, copy)


@pytest.mark.parametrize("file", ["bakeoff.yaml", "environment.json"])
@pytest.mark.parametrize("command", ["resume", "report", "predict"])
def test_what_cannot_be_computed_again_is_named(small_run, tmp_path, file, command):
    copy = copy_run(small_run, tmp_path / "run").path
    damage(copy / file, flipped, random.Random(4))

    typed = bakeoff(command, copy, *["text"] * (command == "predict"))

    if file == "environment.json" and command == "predict":  # which does not rest on it
        assert typed.code == 0
        return
    assert typed.code == 2
    assert f"{copy / file} is damaged" in typed.err
    assert "copy" in typed.err


def test_a_damaged_environment_is_named_before_anything_is_trained(small_run, tmp_path):
    run = copy_run(small_run, tmp_path / "run")
    shutil.rmtree(run.contestant("linear").path)
    damage(run.path / "environment.json", flipped, random.Random(4))

    assert "environment.json is damaged" in refused("resume", run.path)

    assert not run.contestant("linear").path.exists()


def test_a_run_that_lost_a_checkpoint_starts_again_and_says_so(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.training.loop.CHECKPOINT_SECONDS", 0.0)
    interrupted_after(monkeypatch, 6)  # in the second epoch
    assert bakeoff("run", small_run / "bakeoff.yaml", "-o", tmp_path / "run").code == 130
    checkpoint = tmp_path / "run" / "contestants" / "lstm" / "checkpoint"
    for file in files_of(checkpoint):
        content = damage(file, flipped, random.Random(5))
        folder = RunFolder(tmp_path / "run").contestant("lstm")
        with pytest.raises(DamagedError, match=file.name):
            check_folder(checkpoint)
        file.write_bytes(content)
        assert list(mend(folder)) == []
    (checkpoint.parent / "model").rename(tmp_path / "model")
    with pytest.raises(DamagedError, match="is missing"):
        check_folder(checkpoint)
    (tmp_path / "model").rename(checkpoint.parent / "model")
    damage(checkpoint / "state.safetensors", flipped, random.Random(5))
    monkeypatch.undo()

    typed = bakeoff("resume", tmp_path / "run")

    assert typed.code == 0, typed.err
    assert "state.safetensors is damaged" in typed.err
    assert "lstm starts again" in typed.err
    assert everything_measured(tmp_path / "run") == everything_measured(small_run)


def test_metrics_before_a_checkpoint_count(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.training.loop.CHECKPOINT_SECONDS", 0.0)
    interrupted_after(monkeypatch, 6)  # in the second epoch
    assert bakeoff("run", small_run / "bakeoff.yaml", "-o", tmp_path / "run").code == 130
    monkeypatch.undo()
    log = tmp_path / "run" / "contestants" / "lstm" / "metrics.jsonl"
    log.write_text(log.read_text().replace('"loss":0.', '"loss":1.', 1))

    typed = bakeoff("resume", tmp_path / "run")

    assert "metrics.jsonl is damaged" in typed.err
    assert everything_measured(tmp_path / "run") == everything_measured(small_run)


def interrupted_after(monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    from bakeoff.runs.contestant_folder import ContestantFolder

    append, seen = ContestantFolder.append_metrics, []

    def interrupting(self, line):
        append(self, line)
        seen.append(line)
        if len(seen) == lines:
            raise KeyboardInterrupt

    monkeypatch.setattr(ContestantFolder, "append_metrics", interrupting)


def test_a_bad_line_in_the_middle_of_metrics_is_no_torn_end(small_run, tmp_path):
    copy = copy_run(small_run, tmp_path / "run")
    folder = copy.contestant("lstm")
    remove_manifest(folder.path)
    log = folder.path / "metrics.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join([lines[0], "{]\n", *lines[1:]]))

    with pytest.raises(DamagedError, match=r"metrics.jsonl is damaged in line 2"):
        folder.training_log()


@pytest.mark.parametrize("checked", [True, False])
def test_weights_that_are_not_numbers_are_refused(small_run, tmp_path, checked):
    model = copy_run(small_run, tmp_path / "run").contestant("lstm").model
    tensors = load_file(model / "model.safetensors")
    next(iter(tensors.values())).flat[0] = np.nan
    save_file(tensors, model / "model.safetensors")
    if not checked:
        remove_manifest(model)

    with pytest.raises(DamagedError, match="is damaged: " + ("its checksum" if checked else ".* not numbers")):
        library.load_classifier(model)


def test_language_models_with_weights_that_are_not_numbers_are_refused(language_model_run, tmp_path):
    model = copy_run(language_model_run, tmp_path / "run").contestant("full").model
    tensors = load_file(model / "model.safetensors")
    next(iter(tensors.values())).flat[0] = np.inf
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    remove_manifest(model)

    assert "holds values that are not numbers" in refused("generate", model, "Once")


def test_runs_without_checksums_are_read(small_run, tmp_path):
    copy = copy_run(small_run, tmp_path / "run").path
    for path in copy.rglob(MANIFEST):
        path.unlink()

    assert classified(copy) == classified(small_run)
    assert compare([copy, copy_run(small_run, tmp_path / "other").path]).results


def test_a_folder_is_read_once_until_a_file_changes(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("one")
    write_manifest(tmp_path)
    assert check_folder(tmp_path)
    digest = bakeoff_digest(monkeypatch)
    assert check_folder(tmp_path)
    assert digest == []

    (tmp_path / "a").unlink()
    (tmp_path / "a").write_text("two")
    with pytest.raises(DamagedError, match="a is damaged: its checksum has changed"):
        check_folder(tmp_path)
    with pytest.raises(DamagedError, match="a is damaged"):
        read_checked(tmp_path / "a")
    (tmp_path / "a").write_text("three")
    with pytest.raises(DamagedError, match="a is damaged: its size has changed"):
        check_folder(tmp_path)


def bakeoff_digest(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    from bakeoff.runs import checksums

    seen: list[Path] = []
    digest = checksums.digest_of
    monkeypatch.setattr(checksums, "digest_of", lambda path, size: seen.append(path) or digest(path, size))
    return seen
