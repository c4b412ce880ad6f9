"""Checkpoints in safetensors and JSON: everything needed to resume bit for bit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.record import Record
from bakeoff.runs.results import RangeTest
from bakeoff.runs.writing import recover_folder, replaced_folder
from bakeoff.training.learner import Validation
from bakeoff.training.precision import MasterWeights


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
    """Replace the checkpoint atomically.

    Tensors are not saved before the first step, nor once training has finished: the best model is in model/ then.
    """
    with replaced_folder(folder.checkpoint) as temporary:
        if state.step and state.finished_by is None:
            tensors = {f"weights.{name}": tensor for name, tensor in weights.state().items()}
            for name, master in weights.named.items():
                for key, value in optimizer.state[master].items():
                    tensors[f"optimizer.{key}.{name}"] = value
            tensors["random.cpu"] = torch.get_rng_state()
            if torch.cuda.is_available():
                tensors["random.cuda"] = torch.cuda.get_rng_state()
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary / "state.safetensors")
        (temporary / "state.json").write_text(json.dumps(asdict(state), default=Record.model_dump), encoding="utf-8")
        folder.write_checkpoint_checksums(temporary, state.metrics_size)


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


def load_tensors(folder: Path, weights: MasterWeights, optimizer: torch.optim.Optimizer) -> None:
    """Restore weights, optimizer and random number generators from a checkpoint."""
    tensors = load_file(folder / "state.safetensors")
    weights.load({name: tensors[f"weights.{name}"] for name in weights.named})
    for name, master in weights.named.items():
        suffix = f".{name}"
        for key in ("step", "exp_avg", "exp_avg_sq"):
            if (tensor := tensors.get(f"optimizer.{key}{suffix}")) is not None:
                optimizer.state[master][key] = tensor.to(master.device)
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
