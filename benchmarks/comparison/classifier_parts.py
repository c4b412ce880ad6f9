"""The classifier benchmarks: parts, contenders and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from comparison.parts import OURS, Part, Target
from peers.job import PREDICTED, Job

LAB = "(a) packed"
UNCHECKED = f"{OURS}, no search for similar texts"
SHAPES = {"100 / 256": (100, 256), "1 / 100": (1, 100)}
"""Embedding and hidden size of the published lab's networks."""
COUNTED = "reviews"


@dataclass(frozen=True)
class Sizes:
    """How much work a measurement does."""

    repetitions: int
    large_steps: int  # of (a), whose steps at 100 / 256 take eight seconds
    small_steps: int
    share: float  # of an epoch that bakeoff trains
    reviews: int  # that are scored
    rows: int | None  # of the table, for the alternatives; None: all


FULL = Sizes(repetitions=3, large_steps=8, small_steps=30, share=1.0, reviews=2_000, rows=None)
QUICK = Sizes(repetitions=1, large_steps=2, small_steps=8, share=0.1, reviews=500, rows=8_000)


def epoch(job: Job, sizes: Sizes) -> Part:
    contenders, targets = {}, []
    wanted = {"100 / 256": (sizes.large_steps, 20), "1 / 100": (sizes.small_steps, 10)}
    for shape, (steps, bound) in wanted.items():
        shaped = replace(_shaped(job, shape), steps=steps, loss_steps=job.warmup_steps + steps)
        ours, lab = f"{OURS}, {shape}", f"{LAB}, {shape}"
        contenders[ours] = replace(shaped, measure="ours_classifier.epoch", share=sizes.share)
        contenders[lab] = replace(shaped, measure="lab_lstm.epoch")
        targets.append(Target(f"Epoch, {shape}: reviews / s against (a)", "speed", ours, (lab,), bound))
    return Part(
        name="epoch",
        title="The lab's LSTM, an epoch",
        unit="step",
        counted=COUNTED,
        value="mean loss of the first steps",
        contenders=contenders,
        targets=tuple(targets),
        repetitions=sizes.repetitions,
    )


def curve(job: Job, sizes: Sizes) -> Part:
    """Check that both compute the same. Times do not matter here, so it runs once."""
    contenders, targets = {}, []
    for shape, steps in {"100 / 256": sizes.large_steps, "1 / 100": sizes.small_steps}.items():
        shaped = replace(_shaped(job, shape), steps=steps)
        ours, lab = f"{OURS}, {shape}", f"{LAB}, {shape}"
        contenders[ours] = replace(shaped, measure="ours_classifier.curve")
        contenders[lab] = replace(shaped, measure="lab_lstm.curve")
        targets.append(Target(f"Curve, {shape}: loss of step {steps}", "value", ours, (lab,), 1e-4))
    return Part(
        name="curve",
        title="The lab's LSTM, the same weights and batches",
        unit="step",
        counted=COUNTED,
        value="loss of the last step",
        contenders=contenders,
        targets=tuple(targets),
        repetitions=1,
    )


def encoder(job: Job, sizes: Sizes) -> Part:
    """Fine-tune the packaged encoder. Speed and loss are those of each program's own batches."""
    job = replace(job, steps=sizes.small_steps, loss_steps=sizes.small_steps)
    contenders, targets = {}, []
    for precision in ("fp32", "bf16"):
        contenders[f"{OURS}, {precision}"] = replace(job, measure="encoder.ours", precision=precision)
        contenders[f"Trainer, {precision}"] = replace(job, measure="encoder.trainer", precision=precision)
        ours, peer = f"{OURS}, {precision}", f"Trainer, {precision}"
        targets.append(Target(f"Encoder, {precision}: reviews / s against Trainer", "speed", ours, (peer,), 2))
    contenders[f"{OURS}, curve"] = replace(job, measure="encoder.our_curve", precision="fp32", steps=sizes.large_steps)
    contenders["Trainer, curve"] = replace(contenders[f"{OURS}, curve"], measure="encoder.trainers_curve")
    what = f"Encoder: loss of step {sizes.large_steps}, same batches, no dropout"
    targets.append(Target(what, "value", f"{OURS}, curve", ("Trainer, curve",), 1e-4))
    return Part(
        name="encoder",
        title="Full fine-tuning of the packaged encoder",
        unit="step",
        counted=COUNTED,
        value="mean loss",
        contenders=contenders,
        targets=tuple(targets),
        repetitions=sizes.repetitions,
    )


def predict(job: Job, sizes: Sizes) -> Part:
    job = replace(job, reviews=sizes.reviews)
    contenders, targets = {}, []
    for shape in SHAPES:
        ours, rounded, lab = f"{OURS}, {shape}", f"{OURS}, bf16, {shape}", f"{LAB}, {shape}"
        contenders[ours] = replace(_shaped(job, shape), measure="ours_classifier.predict")
        contenders[rounded] = replace(contenders[ours], precision="bf16")
        contenders[lab] = replace(contenders[ours], measure="lab_lstm.predict")
        targets += [
            Target(f"Predict, {shape}: reviews / s against (a)", "speed", ours, (lab,), 5),
            Target(f"Predict, {shape}, bf16: reviews / s against (a)", "speed", rounded, (lab,), 5),
        ]
    contenders["scikit-learn"] = replace(job, measure="scikit_learn.predict")
    return Part(
        name="predict",
        title="Scoring new reviews",
        unit="run",
        counted=COUNTED,
        value=None,
        contenders=contenders,
        targets=tuple(targets),
        repetitions=sizes.repetitions,
    )


def prepare(job: Job, sizes: Sizes) -> Part:
    return Part(
        name="prepare",
        title="From the file to numbers",
        unit="run",
        counted=COUNTED,
        value="words in the vocabulary",
        contenders={
            OURS: replace(job, measure="ours_classifier.prepare"),
            UNCHECKED: replace(job, measure="ours_classifier.prepare_unchecked"),
            LAB: replace(job, measure="lab_lstm.prepare"),
        },
        targets=(
            Target("Prepare: reviews / s against (a)", "speed", UNCHECKED, (LAB,), 3),
            # The rows of the training side are others, and (a) knows only the punctuation of ASCII.
            Target("Prepare: size of the vocabulary", "value", OURS, (LAB,), 0.02),
        ),
        repetitions=sizes.repetitions,
    )


def alternatives(job: Job, sizes: Sizes) -> Part:
    """Compare with the tools that a user might choose instead. There are no targets."""
    job = replace(job, table_rows=sizes.rows)
    ours = replace(job, measure="ours_classifier.contestant")
    return Part(
        name="alternatives",
        title="From texts to a classifier",
        unit="training",
        counted=COUNTED,
        value="test accuracy",
        contenders={
            f"{OURS}, linear": replace(ours, contestant="linear"),
            f"{OURS}, lstm, 1 epoch": replace(ours, contestant="lstm"),
            "scikit-learn": replace(job, measure="scikit_learn.contestant"),
            "fastText": replace(job, measure="fast_text.contestant"),
        },
        targets=(),
        repetitions=sizes.repetitions,
        more=(PREDICTED,),
    )


def _shaped(job: Job, shape: str) -> Job:
    embedding_size, hidden_size = SHAPES[shape]
    return replace(job, embedding_size=embedding_size, hidden_size=hidden_size)


PARTS: dict[str, Callable[[Job, Sizes], Part]] = {
    "epoch": epoch,
    "curve": curve,
    "encoder": encoder,
    "predict": predict,
    "prepare": prepare,
    "alternatives": alternatives,
}
