"""Checkpoints in safetensors and JSON: everything needed to resume bit for bit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.record import Record
from bakeoff.runs.results import RangeTest
from bakeoff.runs.writing import recover_folder, replaced_folder, temporary_folder
from bakeoff.training import distributed, sharding, torchrun
from bakeoff.training.learner import Validation
from bakeoff.training.optimizer import allocate_averages
from bakeoff.training.precision import MasterWeights

_FIRST_ROWS = "first_rows"
"""Key of a file's metadata: the numbers of the first rows that it holds of tensors, by their names, where not 0."""


@dataclass
class TrainingState:
    """Progress of a training. The counters of the current epoch let its averages continue after a resume."""

    step: int = 0
    epoch: int = 1
    step_in_epoch: int = 0
    tokens: int = 0
    seconds: float = 0.0
    evaluations: int = 0
    epoch_loss: float = 0.0
    epoch_count: int = 0
    epoch_correct: int = 0
    best: Validation | None = None
    best_epoch: int | None = None
    micro_batch_tokens: int | None = None  # most tokens in one micro-batch, where memory ran short
    metrics_size: int = 0
    finished_by: str | None = None
    range_test: RangeTest | None = None


def save_checkpoint(
    folder: ContestantFolder, state: TrainingState, weights: MasterWeights, optimizer: torch.optim.Optimizer
) -> None:
    """Replace the checkpoint atomically. Every process must call this.

    The main process writes it. Where weights are sharded, each process writes a file with its rows of them. Tensors are
    not saved before the first step, nor once training has finished: the best model is in model/ then.
    """
    if not (folder.writes or weights.sharded):
        return
    place = folder.checkpoint
    with replaced_folder(place) if folder.writes else nullcontext(temporary_folder(place)) as temporary:
        if weights.sharded:
            distributed.wait()  # until the main process has made the folder
        if state.step and state.finished_by is None:
            _save_tensors(temporary, weights, optimizer)
        if weights.sharded:
            distributed.wait()  # until all have written
        if folder.writes:
            values = json.dumps(asdict(state), default=Record.model_dump)
            (temporary / "state.json").write_text(values, encoding="utf-8")
            folder.write_checkpoint_checksums(temporary, state.metrics_size)


def _save_tensors(folder: Path, weights: MasterWeights, optimizer: torch.optim.Optimizer) -> None:
    tensors = {f"weights.{name}": tensor for name, tensor in weights.state().items()}
    for name, master in weights.named.items():
        for key, value in optimizer.state[master].items():
            tensors[f"optimizer.{key}.{name}"] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    first_rows = {name: sharding.first_row(tensor) for name, tensor in tensors.items()}
    save_file(
        {name: sharding.local(tensor).contiguous() for name, tensor in tensors.items()},
        folder / (f"state-{torchrun.rank():05}.safetensors" if weights.sharded else "state.safetensors"),
        {_FIRST_ROWS: json.dumps({name: row for name, row in first_rows.items() if row})},
    )


def load_state(folder: Path) -> TrainingState | None:
    """Return the state of the last checkpoint, or None if there is none."""
    recover_folder(folder)
    path = folder / "state.json"
    if not path.exists():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    best, range_test = values.pop("best"), values.pop("range_test")
    return TrainingState(
        **values,
        best=Validation(**best) if best else None,
        range_test=RangeTest.model_validate(range_test) if range_test else None,
    )


def trained_seconds(folder: Path) -> float:
    """Return the seconds of training and range test in earlier sessions of a resumed run; 0 for a new one."""
    state = load_state(folder)
    if state is None:
        return 0.0
    return state.seconds + (state.range_test.seconds if state.range_test else 0.0)


def load_tensors(folder: Path, weights: MasterWeights, optimizer: torch.optim.AdamW) -> None:
    """Restore weights, optimizer and random number generators from a checkpoint, of as many processes as there were."""
    allocate_averages(optimizer)
    with ExitStack() as stack, torch.no_grad():
        paths = sorted(folder.glob("state*.safetensors"))
        files = [stack.enter_context(safe_open(path, framework="pt")) for path in paths]
        for name, master in weights.named.items():
            _read(files, f"weights.{name}", master)
            for key, value in optimizer.state[master].items():
                _read(files, f"optimizer.{key}.{name}", value)
        weights.publish()
        torch.set_rng_state(files[0].get_tensor("random.cpu"))
        if torch.cuda.is_available() and "random.cuda" in files[0].keys():  # noqa: SIM118
            torch.cuda.set_rng_state(files[0].get_tensor("random.cuda"))


def _read(files: Sequence[Any], name: str, tensor: torch.Tensor) -> None:
    """Fill a tensor, or the rows of it that this process holds, from files that each hold some of its rows."""
    rows, first = sharding.local(tensor), sharding.first_row(tensor)
    for file in files:
        if not rows.dim():
            rows.copy_(file.get_tensor(name))
            return
        saved = file.get_slice(name)
        begin = json.loads(file.metadata().get(_FIRST_ROWS, "{}")).get(name, 0)
        start, end = max(first, begin), min(first + len(rows), begin + saved.get_shape()[0])
        if start < end:
            rows[start - first : end - first].copy_(saved[start - begin : end - begin])
