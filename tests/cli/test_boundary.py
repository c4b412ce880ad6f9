"""Whatever happens, a user sees a sentence and an exit code that says what kind of problem it is."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from unittest import mock

import pytest

from bakeoff.errors import UserError
from tests.command import bakeoff, refused
from tests.real_runs import SENTIMENT, write_config_file


@pytest.fixture
def failing(monkeypatch):
    """Makes `bakeoff doctor` raise an exception."""

    def fail_with(error: BaseException) -> None:
        def examine():
            raise error

        monkeypatch.setattr("bakeoff.cli.doctor.examine", examine)

    return fail_with


def test_a_bug_is_a_sentence_a_file_and_code_70(failing, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(KeyError("of ours"))

    typed = bakeoff("doctor", "--json")

    assert typed.code == 70
    assert typed.out == ""
    assert "Traceback" not in typed.err
    assert "This is a bug in bakeoff, please report it: KeyError: 'of ours' (" in typed.err
    [file] = tmp_path.iterdir()
    assert str(file) in typed.err
    details = file.read_text()
    assert "command: bakeoff doctor --json" in details
    assert "torch: 2" in details
    assert "Traceback" in details
    assert "test_boundary.py" in details


def test_a_report_holds_no_token(failing, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("bakeoff.packages.require", mock.Mock(side_effect=KeyError("of ours")))

    for words in (["--token", "secret"], ["--token=secret"]):
        assert bakeoff("serve", "run", *words).code == 70

    assert all("secret" not in file.read_text() for file in tmp_path.iterdir())


def test_details_that_cannot_be_written_are_no_second_error(failing, monkeypatch):
    monkeypatch.setattr("tempfile.mkstemp", mock.Mock(side_effect=OSError(28, "No space left on device")))
    failing(KeyError("of ours"))

    typed = bakeoff("doctor")

    assert typed.code == 70
    assert "details could not be written to a file: No space left on device" in typed.err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "data/reviews.csv"), "data/reviews.csv: No such file"),
        (OSError(36, "File name too long", "x" * 300), "File name too long"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (RecursionError(), "nested too deeply"),
        (UserError("Both.", "And a hint."), "Both.\nAnd a hint."),
    ],
)
def test_what_the_system_refuses_is_no_bug(failing, error, said):
    failing(error)

    assert said in refused("doctor")


@pytest.mark.parametrize("swallowed", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_and_code_130(monkeypatch, number, swallowed):
    def examine():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            if swallowed:  # as by a library that was being imported
                raise ImportError("half of it") from None
            raise

    monkeypatch.setattr("bakeoff.cli.doctor.examine", examine)

    typed = bakeoff("doctor")

    assert (typed.code, typed.err) == (130, "Error: Interrupted.\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_sigterm_while_reading_says_that_nothing_was_trained(tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.runner.prepare_data", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    config = write_config_file(tmp_path / "config.yaml", SENTIMENT)

    typed = bakeoff("run", config, "-o", tmp_path / "out")

    assert typed.code == 130
    assert "Interrupted.\nNothing had been trained: run the same command again." in typed.err
    assert not (tmp_path / "out").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_sigterm_while_evaluating_says_how_to_resume(tmp_path, monkeypatch):
    monkeypatch.setattr("bakeoff.tasks.classification.evaluate", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "contestants": {"linear": {}}})

    typed = bakeoff("run", config, "-o", tmp_path / "out")

    assert typed.code == 130
    assert f"Resume with: bakeoff resume {tmp_path / 'out'}" in typed.err


def test_a_full_disk_before_training_does_not_recommend_resume(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bakeoff.runs.writing.sync", full)
    config = write_config_file(tmp_path / "config.yaml", SENTIMENT)

    said = refused("run", config, "-o", tmp_path / "out")

    assert "The disk is full" in said
    assert "resume" not in said
    assert "run the same command again" in said


def test_the_program_answers_ctrl_c_while_it_is_imported(monkeypatch, capsys):
    from bakeoff.__main__ import main

    class Interrupting:
        def find_spec(self, name, *_):
            if name == "bakeoff.cli.main":
                raise KeyboardInterrupt

    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "bakeoff.cli.main")
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    try:
        assert main() == 130
        assert capsys.readouterr().err == "Error: Interrupted.\n"
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # a second Ctrl-C while Python shuts down
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_endless_values_are_cut_in_messages(tmp_path):
    config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "seed": "9" * 4000, "budget": ["a"] * 9999})

    said = refused("run", config)

    assert "seed: " in said
    assert "budget: must be `key: value` pairs, not ['a', 'a'" in said
    assert len(said) < 5000


@pytest.mark.parametrize("words", [["predict", "run", "caf\udce9"], ["run", "\ud800.yaml"], ["init", "caf\udce9.csv"]])
def test_arguments_that_are_not_unicode(words):
    assert "is not UTF-8" in refused(*words)


@pytest.mark.parametrize("words", [["predict", "RUN"], ["explain", "RUN"], ["generate", "stories260k", "-"]])
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # the latter in the C locale
def test_standard_input_that_is_not_unicode(sentiment_run, words, errors):
    stdin = io.TextIOWrapper(io.BytesIO(b"a caf\xe9"), encoding="utf-8", errors=errors)
    words = [str(sentiment_run) if word == "RUN" else word for word in words]

    assert "Standard input is not UTF-8" in refused(*words, stdin=stdin)


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        *(["init", LONG], ["init", "good.csv", "-o", LONG], ["run", LONG], ["plan", LONG], ["resume", LONG]),
        *(["report", LONG], ["compare", LONG, LONG], ["predict", LONG, "text"], ["explain", LONG, "text"]),
        *(["export", LONG, "-o", "out"], ["generate", LONG, "text"], ["perplexity", LONG, "good.csv"]),
        *(["perplexity", "stories260k", LONG], ["serve", LONG], ["run", "sentiment", "-o", LONG]),
        *(["predict", "RUN", "--file", LONG], ["predict", "RUN", "text", "--out", LONG + ".csv"], ["init", ""]),
        *(["run", "sentiment", "-o", ""], ["init", "good.csv", "-o", ""], ["run", ""], ["resume", ""]),
        ["export", "RUN", "-o", ""],
    ],
)
def test_paths_that_no_file_system_takes(words, sentiment_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Path("good.csv").write_text("text,label\n" + "".join(f"text {n} is here,{'pn'[n % 2]}\n" for n in range(40)))

    refused(*(str(sentiment_run) if word == "RUN" else word for word in words))

    assert [file.name for file in tmp_path.iterdir()] == ["good.csv"]


def test_a_folder_that_is_removed_under_a_run(tmp_path, monkeypatch):
    import shutil

    from bakeoff.runs.contestant_folder import ContestantFolder

    append = ContestantFolder.append_metrics

    def removed_first(self, line):
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "out").write_text("a file in its place")
        append(self, line)

    monkeypatch.setattr(ContestantFolder, "append_metrics", removed_first)
    config = write_config_file(tmp_path / "config.yaml", {**SENTIMENT, "contestants": {"lstm": {"hidden_size": 4}}})

    assert "its folder was removed meanwhile" in refused("run", config, "-o", tmp_path / "out")
