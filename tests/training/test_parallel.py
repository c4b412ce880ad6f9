"""Several processes train what one trains: all cases in two processes, started once; then in three, and in one."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file

from bakeoff.lm.batching import TokenBatch, pad_rows
from bakeoff.lm.forward import CausalForward
from bakeoff.lm.scoring_plan import Row
from bakeoff.methods.lora.adapters import add_lora
from bakeoff.methods.lora.config import LoraConfig
from bakeoff.pretrained.adapters import save_adapter, trained_weights
from bakeoff.pretrained.kernels.install import install_kernels
from bakeoff.pretrained.saving import save_full
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.sections import Budget
from bakeoff.training import distributed, loop, torchrun
from bakeoff.training.learner import LossSum, TrainingSettings, Validation
from bakeoff.training.progress import Progress
from tests.processes import Forked
from tests.training.tiny import TinyBatch, TinyLearner

DDP = TrainingSettings(budget=Budget(epochs=2), learning_rate=0.01, schedule="linear", weight_decay=0.01, seed=3)
FSDP = replace(DDP, strategy="fsdp")


class OftenIdle(TinyLearner):
    """Has a layer that only some micro-batches use: in bf16, its gradients are summed all the same."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0, micro_batches=4)
        self.model.append(torch.nn.Linear(1, 1))

    def loss(self, batch: TinyBatch) -> LossSum:
        used = self.model if batch.count == 1 else self.model[:-1]
        weight = next(self.model.parameters())
        return LossSum((used(batch.inputs.to(weight.dtype)).float() - batch.targets).square().sum())


class Sentences:
    """Trains a small GPT-2 or Llama, or adapters on it, on random texts: five micro-batches to divide."""

    def __init__(self, kind: str, variant: str | None = None, kernels: bool = False, sharded: bool = False) -> None:
        """
        Args:
            variant: Of the adapters, if there are any.
            sharded: Only the main process has the weights.
        """
        torch.manual_seed(0)
        with torch.device("cpu" if torchrun.is_main_process() or not sharded else "meta"):
            self.model = MODELS[kind]()
        if kernels:
            install_kernels(self.model)
        if variant:
            config = LoraConfig(variant=variant, r=3, lora_alpha=8, target_modules="all-linear")
            self.model = add_lora(self.model, config, reference="small", seed=1)
        self._adapters = variant is not None
        self._taken_out = trained_weights(self.model) if variant == "pissa" else None
        self._forward = CausalForward(self.model, sharded=sharded)
        random = np.random.default_rng(0)
        texts = [random.integers(0, 37, length) for length in (9, 8, 7, 9, 5, 8, 4)]
        self._rows = [Row(text[:-1], text[1:]) for text in texts]

    def steps(self, epoch: int) -> Sequence[Sequence[TokenBatch]]:
        first, second = self._rows[:5], self._rows[5:]
        return [
            [pad_rows(first[:2]), *(pad_rows([row]) for row in first[2:])],
            [pad_rows(second)],
            [pad_rows([first[0]])],
        ]

    def loss(self, batch: TokenBatch) -> LossSum:
        return LossSum(self._forward.summed_loss(batch))

    def validate(self) -> Validation:
        sums = torch.zeros(2, dtype=torch.float64)
        for row, own in distributed.shard_in_step(self._rows[:5]):
            losses = self._forward.losses(pad_rows([row]))
            if own:
                sums += torch.tensor([losses.sum(), len(losses)])
        total, count = distributed.summed(sums).tolist()
        return Validation(total / count)

    def save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        if self._adapters:
            save_adapter(self.model, folder, weights, taken_out=self._taken_out)
        else:
            save_full(self.model, folder, weights)


MODELS = {
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=37, n_positions=16, n_embd=12, n_layer=2, n_head=2, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
        )
    ),
    "llama": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=37, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=16, bos_token_id=0, eos_token_id=0,
        )
    ),
}  # fmt: skip
CASES = {
    "ddp": (lambda: TinyLearner(dropout=0.0, micro_batches=3, batch_size=7), DDP),  # the last step has 6 rows
    "ddp-one-row": (lambda: TinyLearner(dropout=0.0, rows=4, batch_size=1), DDP),  # the second process has none
    "ddp-bf16": (lambda: TinyLearner(dropout=0.0, micro_batches=2), replace(DDP, precision="bf16")),
    "ddp-idle": (OftenIdle, DDP),
    "ddp-idle-bf16": (OftenIdle, replace(DDP, precision="bf16")),
    "ddp-lora": (lambda: Sentences("llama", "lora"), DDP),
    "ddp-kernels": (lambda: Sentences("gpt2", kernels=True), DDP),  # whose embedding is its output layer
    "ddp-auto": (lambda: Sentences("llama"), replace(DDP, range_test=True)),
    "fsdp": (lambda: Sentences("gpt2", sharded=True), FSDP),
    "fsdp-whole": (lambda: Sentences("gpt2"), FSDP),  # in every process, before it is sharded
    "fsdp-llama": (lambda: Sentences("llama", sharded=True), FSDP),
    "fsdp-lora": (lambda: Sentences("gpt2", "lora", sharded=True), FSDP),
    "fsdp-dora": (lambda: Sentences("llama", "dora", sharded=True), FSDP),
    "fsdp-pissa": (lambda: Sentences("llama", "pissa", sharded=True), FSDP),
    "fsdp-auto": (lambda: Sentences("llama", sharded=True), replace(FSDP, range_test=True)),
    "fsdp-bf16": (lambda: Sentences("llama", sharded=True), replace(FSDP, precision="bf16")),
    "fsdp-bf16-lora": (lambda: Sentences("llama", "lora", sharded=True), replace(FSDP, precision="bf16")),
}
LOOSE = {"fsdp-bf16": 0.02, "fsdp-bf16-lora": 0.02}  # rounded otherwise
RESUMED = ["ddp-lora", "fsdp", "fsdp-lora"]


class StopError(Exception):
    pass


class Stopper(Progress):
    """Ends a training after its fourth step, of which no checkpoint knows."""

    def step(self, line, share):
        if line.step == 4:
            raise StopError


def train(case: str, path: Path, progress: Progress | None = None) -> None:
    learner, settings = CASES[case]
    folder = ContestantFolder(path, writes=torchrun.is_main_process())
    loop.train(learner(), settings, folder, progress or Progress())


def train_all(words: list[str]) -> None:
    """Train each case in this process, and some up to the middle; what processes of a group are started with."""
    path, *resumed = words
    for case in resumed or CASES:
        train(case, Path(path) / case)
    for case in [] if resumed else RESUMED:
        try:
            train(case, Path(path) / f"{case}-half", Stopper())
        except StopError:
            distributed.wait()


def together(processes: int, *words: str | Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    group = [
        Forked(train_all, words, env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(processes)
    ]
    said = [process.communicate(timeout=120) for process in group]
    assert [process.poll() for process in group] == [0] * processes, said
    assert [text for out_and_err in said for text in out_and_err if text] == []


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("alone")
    for case in CASES:
        train(case, path / case)
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("two")
    together(2, path)
    return path


def losses(path: Path) -> list[float]:
    steps, epochs = ContestantFolder(path).training_log()
    return [*(line.loss for line in steps), *(line.validation_loss for line in epochs)]


def assert_same(ours: Path, theirs: Path, tolerance: float = 1e-5) -> None:
    assert losses(ours) == pytest.approx(losses(theirs), rel=tolerance)
    (file,) = (theirs / "model").glob("*.safetensors")
    expected, found = load_file(file), load_file(ours / "model" / file.name)
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        if name.endswith("c_attn.bias"):
            continue  # that of the keys changes nothing: its gradient is noise, which AdamW scales up
        assert found[name].dtype == weight.dtype
        assert float((found[name] - weight).norm() / weight.norm()) <= 10 * tolerance, name
    assert {path.name for path in (ours / "model").iterdir()} == {path.name for path in (theirs / "model").iterdir()}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_weights_are_those_of_one_process(alone, two, case):
    assert_same(two / case, alone / case, LOOSE.get(case, 1e-5))


def test_each_process_writes_its_rows_to_the_checkpoint(two):
    files = sorted((two / "fsdp-half" / "checkpoint").glob("*.safetensors"))

    assert [file.name for file in files] == ["state-00000.safetensors", "state-00001.safetensors"]
    name = "optimizer.exp_avg.transformer.wte.weight"
    rows = []
    for file in files:
        with safe_open(file, framework="pt") as opened:
            first = json.loads(opened.metadata()["first_rows"]).get(name, 0)
            rows.append((first, opened.get_slice(name).get_shape()))
    assert rows == [(0, [19, 12]), (19, [18, 12])]


@pytest.mark.parametrize("case", RESUMED)
def test_one_process_goes_on_where_two_have_stopped(alone, two, tmp_path, case):
    copied = shutil.copytree(two / f"{case}-half", tmp_path / case)

    train(case, copied)

    assert_same(copied, alone / case)


def test_three_processes_go_on_where_two_have_stopped(alone, two, tmp_path):
    for case in RESUMED:
        shutil.copytree(two / f"{case}-half", tmp_path / case)
    with pytest.raises(StopError):
        train("fsdp-llama", tmp_path / "fsdp-llama", Stopper())  # in one

    together(3, tmp_path, *RESUMED, "fsdp-llama")

    for case in [*RESUMED, "fsdp-llama"]:
        assert_same(tmp_path / case, alone / case)
