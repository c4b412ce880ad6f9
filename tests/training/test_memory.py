"""Where memory runs short, micro-batches get smaller and results stay the same."""

from __future__ import annotations

import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from bakeoff import machine
from bakeoff.errors import UserError
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.sections import Budget
from bakeoff.training import distributed, loop, memory
from bakeoff.training.checkpoint import TrainingState
from bakeoff.training.learner import LossSum, TrainingSettings
from bakeoff.training.memory import by_parts, divided, is_out_of_memory
from bakeoff.training.progress import Progress
from tests.processes import SERVER
from tests.training.tiny import Listener, TinyBatch, TinyLearner

SETTINGS = TrainingSettings(budget=Budget(epochs=3), learning_rate=0.01, schedule="linear", warmup_steps=2, seed=3)
REFUSALS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:128] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    MemoryError(),
]


class ShortOfMemory(TinyLearner):
    """Runs out of memory with more than `rows` rows at once, late in a step: gradients and counts exist already."""

    def __init__(self, rows: int = 3, refusal: Exception = REFUSALS[0], **options) -> None:
        super().__init__(**options)
        self.most, self.refusal, self.refused = rows, refusal, 0

    def loss(self, batch: TinyBatch) -> LossSum:
        if batch.count > self.most:
            self.refused += 1
            self.model(batch.inputs.to(next(self.model.parameters()).dtype)).sum().backward()  # a half-done step
            raise self.refusal
        return super().loss(batch)


def train(learner, path, settings=SETTINGS, progress=None):
    folder = ContestantFolder(path)
    return loop.train(learner, settings, folder, progress or Progress()), folder


def losses(folder: ContestantFolder) -> list[float]:
    return [line.loss for line in folder.training_log()[0]]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
def test_losses_and_weights_are_those_of_enough_memory(tmp_path, refusal, precision):
    settings = TrainingSettings(**{**vars(SETTINGS), "precision": precision})
    listener = Listener()
    short = ShortOfMemory(dropout=0.0, refusal=refusal, micro_batches=2)

    expected_cost, expected = train(TinyLearner(dropout=0.0), tmp_path / "enough", settings)
    cost, limited_run = train(short, tmp_path / "short", settings, listener)

    tolerance = 1e-6 if precision == "fp32" else 1e-2  # bf16 rounds the losses of pieces by themselves
    assert losses(limited_run) == pytest.approx(losses(expected), rel=tolerance)
    ours, theirs = (load_file(folder.model / "model.safetensors") for folder in (limited_run, expected))
    for name, weight in theirs.items():
        torch.testing.assert_close(ours[name], weight, rtol=tolerance, atol=tolerance)
    assert (cost.steps, cost.tokens, cost.epochs) == (expected_cost.steps, expected_cost.tokens, expected_cost.epochs)
    assert cost.micro_batch_tokens == 2
    assert expected_cost.micro_batch_tokens is None


def test_the_limit_is_reported_and_remembered(tmp_path):
    listener = Listener()
    learner = ShortOfMemory(rows=4)

    cost, _ = train(learner, tmp_path, progress=listener)

    (message,) = listener.messages
    assert "micro-batches have at most 4 tokens" in message
    assert learner.refused == 1  # not again in the 17 steps that follow
    (note,) = memory.memory_notes(cost)
    assert "4 tokens" in note


@pytest.mark.parametrize("killed_after", [1, 9])
def test_resume_equals_an_uninterrupted_run(tmp_path, monkeypatch, killed_after):
    """With dropout: a step that failed draws the same random numbers again."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)

    class KilledError(Exception):
        pass

    class Killer(Progress):
        def step(self, line, share):
            if line.step == killed_after:
                raise KilledError

    _, whole = train(ShortOfMemory(), tmp_path / "whole")
    with pytest.raises(KilledError):
        train(ShortOfMemory(), tmp_path / "killed", progress=Killer())
    resumed_learner = ShortOfMemory()
    _, resumed = train(resumed_learner, tmp_path / "killed")

    assert losses(resumed) == losses(whole)
    assert resumed_learner.refused == (1 if killed_after == 1 else 0) * 2  # killed before the first checkpoint


def test_a_single_text_that_does_not_fit_is_explained(tmp_path):
    with pytest.raises(UserError, match=r"even for a micro-batch of 1 tokens.*\n.*activation_checkpointing"):
        train(ShortOfMemory(rows=0), tmp_path)


def test_other_errors_are_raised(tmp_path):
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(ShortOfMemory(refusal=RuntimeError("shapes do not fit")), tmp_path)
    assert not is_out_of_memory(ValueError("DefaultCPUAllocator"))


@given(rows=st.integers(1, 40), most=st.integers(1, 12))
def test_division_loses_nothing(rows, most):
    batch = TinyBatch(torch.arange(rows * 4.0).view(rows, 4), torch.arange(float(rows))[:, None])

    parts = list(divided(batch, most))

    assert torch.equal(torch.cat([part.inputs for part in parts]), batch.inputs)
    assert torch.equal(torch.cat([part.targets for part in parts]), batch.targets)
    assert all(part.tokens <= most for part in parts)


def test_by_parts_halves_until_memory_suffices():
    def total(batch: TinyBatch) -> float:
        if batch.count > 2:
            raise MemoryError
        return float(batch.inputs.sum())

    batch = TinyBatch(torch.ones(7, 4), torch.ones(7, 1))

    assert sum(by_parts(total, batch)) == 28
    assert len(by_parts(total, batch)) == 4
    with pytest.raises(MemoryError):  # other processes, which compute at the same time, would not wait
        by_parts(total, batch, in_step=True)


@pytest.mark.parametrize(
    ("available", "limit", "message"),
    [
        (10_000, None, None),
        (500 + 444, 4, "at most 4 tokens"),  # 500 for gradients, 100 a row, a tenth kept free
        (500 + 60, 1, "one text of 1 tokens needs 600 B"),
    ],
)
def test_looking_ahead_chooses_what_fits(monkeypatch, available, limit, message):
    """A text takes 100 bytes here, and the step another 500."""
    listener = Listener()
    state = TrainingState()
    learner = TinyLearner()
    monkeypatch.setattr(machine, "memory_growth", lambda work: work() and 100)
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: int(available / (1 - memory.SPARE)) + 1)
    random = torch.get_rng_state()

    memory.MicroBatches(state, listener.message).look_ahead(learner, learner.steps(1), 500)

    assert state.micro_batch_tokens == limit
    if message is None:
        assert listener.messages == []
    else:
        assert message in " ".join(listener.messages)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(weight.grad is None for weight in learner.model.parameters())


class CheckpointedLayer(torch.nn.Tanh):
    """A layer as those of transformers are, which keep nothing but their inputs where they train."""

    gradient_checkpointing = True

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.keeps_inputs_alone = self.training
        return super().forward(inputs)


def test_looking_ahead_measures_what_is_kept_with_activation_checkpointing(monkeypatch):
    """The backward pass computes one layer at a time again, which is then whole in memory."""
    learner, layers = TinyLearner(), [CheckpointedLayer() for _ in range(3)]
    dropout = torch.nn.Dropout()
    learner.model = torch.nn.Sequential(torch.nn.Linear(4, 16), *layers, dropout, torch.nn.Linear(16, 1))
    monkeypatch.setattr(machine, "memory_growth", lambda work: work() and 100)

    memory.MicroBatches(TrainingState(), lambda text: None).look_ahead(learner, learner.steps(1), 500)

    assert [layer.keeps_inputs_alone for layer in layers] == [True, True, False]
    assert not dropout.training


@pytest.mark.parametrize(("limit_of_the_other", "limit"), [(8, 4), (2, 2)])
def test_processes_share_the_memory_of_a_machine_and_agree(monkeypatch, limit_of_the_other, limit):
    """A text takes 100 bytes, and the step another 500 in each process."""
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "smallest", lambda value: min(value, limit_of_the_other))
    monkeypatch.setattr(machine, "memory_growth", lambda work: work() and 100)
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: int(2 * (500 + 444) / (1 - memory.SPARE)) + 1)
    state, learner = TrainingState(), TinyLearner()

    memory.MicroBatches(state, lambda text: None).look_ahead(learner, learner.steps(1), 500)

    assert state.micro_batch_tokens == limit


class Hungry(TinyLearner):
    def loss(self, batch: TinyBatch) -> LossSum:
        kept = torch.ones(batch.count, 15_000_000)  # 60 MB a row
        return LossSum(super().loss(batch).total * kept[0, 0])


def train_without_and_with_a_limit(path: Path) -> list[tuple[int | None, list[float]]]:
    torch.set_num_threads(1)
    memory.MicroBatches.look_ahead = lambda *_: None  # it would notice before the system refuses
    found = []
    for name in ("enough", "short"):
        if name == "short":
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, resource.RLIM_INFINITY))
        settings = TrainingSettings(budget=Budget(epochs=1), learning_rate=0.01)
        cost, folder = train(Hungry(dropout=0.0, rows=16), path / name, settings)
        found.append((cost.micro_batch_tokens, losses(folder)))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process' memory")
def test_training_goes_on_where_the_system_refuses_memory(tmp_path):
    with ProcessPoolExecutor(1, SERVER) as process:
        (unlimited, expected), (limited, found) = process.submit(train_without_and_with_a_limit, tmp_path).result()

    assert unlimited is None
    assert limited in (2, 4)  # 8 rows would need 480 MB of the 400 that are left
    assert found == pytest.approx(expected, rel=1e-6)


def test_growth_is_measured_and_the_peak_before_it_is_not_lost():
    machine.reset_peak_memory()
    large = torch.ones(30_000_000)
    del large
    before = machine.peak_memory_bytes()

    growth = machine.memory_growth(lambda: torch.ones(10_000_000))

    assert growth == pytest.approx(40e6, rel=0.2)
    assert machine.peak_memory_bytes() >= before


def test_memory_of_a_container(tmp_path):
    """Two nested control groups; cached files can be reclaimed."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    for folder, limit, used, files in ((inner, "max", 70, 5), (inner.parent, "100", 80, 30)):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {files}\nactive_file 0\n")
    own = tmp_path / "cgroup"
    own.write_text("0::/outer/inner\n")

    assert machine._room_in_groups(tmp_path, own) == [50]
    assert machine._room_in_groups(tmp_path, tmp_path / "none") == []
    assert 0 < machine.available_memory_bytes() < 1e15
