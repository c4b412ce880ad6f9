"""The language-model benchmarks: parts, contenders and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from comparison.parts import OURS, Part, Target
from peers.job import Job, Method

COUNTED = "real tokens"
PADDED = "(a) Trainer, padded rows, fp32"
PACKED_FP32 = "(b) Trainer, packed blocks, fp32"
PACKED_BF16 = "(b) Trainer, packed blocks, bf16"


@dataclass(frozen=True)
class Sizes:
    """How much work a measurement does."""

    repetitions: int
    padded_warmup_steps: int
    padded_steps: int
    warmup_steps: int
    steps: int
    rows: int
    many_rows: int
    characters: int
    new_tokens: int
    quality_steps: int
    quality_lines: int
    limit_steps: int


# A single step of the padded recipe takes a minute and hardly depends on what ran before it.
FULL = Sizes(
    repetitions=3,
    padded_warmup_steps=0,
    padded_steps=1,
    warmup_steps=1,
    steps=2,
    rows=24,
    many_rows=400,
    characters=24_000,
    new_tokens=100,
    quality_steps=12,
    quality_lines=160,
    limit_steps=7,
)
QUICK = Sizes(
    repetitions=1,
    padded_warmup_steps=0,
    padded_steps=1,
    warmup_steps=1,
    steps=2,
    rows=8,
    many_rows=40,
    characters=8_000,
    new_tokens=100,
    quality_steps=4,
    quality_lines=32,
    limit_steps=3,
)


def training(method: Method, title: str, job: Job, sizes: Sizes) -> Part:
    trained = replace(job, method=method, warmup_steps=sizes.warmup_steps, steps=sizes.steps)
    padded = replace(
        trained, measure="trainer.padded", warmup_steps=sizes.padded_warmup_steps, steps=sizes.padded_steps
    )
    wanted = {"full": (45, 3.3), "lora": (40, 2.8)}[method]
    targets = [
        Target(f"{title}: tokens / s against (a)", "speed", OURS, (PADDED,), wanted[0]),
        Target(f"{title}: tokens / s against (b) fp32", "speed", OURS, (PACKED_FP32,), wanted[1]),
    ]
    if method == "full":
        targets.append(Target(f"{title}: tokens / s against (b) bf16", "speed", OURS, (PACKED_BF16,), 1.8))
    else:
        targets.append(Target(f"{title}: tokens / s against our full", "speed", OURS, (f"full: {OURS}",), 1.4))
    targets.append(Target(f"{title}: peak memory against (b) fp32", "memory", OURS, (PACKED_FP32,), 0.55))
    return Part(
        name=method,
        title=title,
        unit="step",
        counted=COUNTED,
        value=f"loss of step {sizes.warmup_steps + sizes.steps}",
        contenders={
            OURS: replace(trained, measure="ours.train", precision="auto"),
            PADDED: padded,
            PACKED_FP32: replace(trained, measure="trainer.packed", precision="fp32"),
            PACKED_BF16: replace(trained, measure="trainer.packed", precision="bf16"),
        },
        targets=tuple(targets),
        repetitions=sizes.repetitions,
    )


def full(job: Job, sizes: Sizes) -> Part:
    return training("full", "Full fine-tuning", job, sizes)


def lora(job: Job, sizes: Sizes) -> Part:
    return training("lora", "LoRA", job, sizes)


def lab(job: Job, sizes: Sizes) -> Part:
    fp32, bf16, padded = f"{OURS}, fp32", f"{OURS}, bf16", "transformers, padded rows, fp32"
    job = replace(job, rows=sizes.rows)
    return Part(
        name="lab",
        title="Perplexity, protocol lab",
        unit=f"{sizes.rows} rows",
        counted=COUNTED,
        value="perplexity",
        contenders={
            fp32: replace(job, measure="ours.lab_perplexity", precision="fp32"),
            bf16: replace(job, measure="ours.lab_perplexity", precision="bf16"),
            padded: replace(job, measure="plain.padded_perplexity"),
        },
        targets=(
            Target("Perplexity lab, fp32: speed against padded rows", "speed", fp32, (padded,), 18),
            Target("Perplexity lab, fp32: same value", "value", fp32, (padded,), 1e-6),
            Target("Perplexity lab, bf16: speed against padded rows", "speed", bf16, (padded,), 30),
        ),
        repetitions=sizes.repetitions,
    )


def lab_bf16(job: Job, sizes: Sizes) -> Part:
    """Use enough rows for rounding errors, which differ from token to token, to average out as in a real evaluation."""
    job = replace(job, measure="ours.lab_perplexity", rows=sizes.many_rows)
    return Part(
        name="lab-bf16",
        title="Perplexity, protocol lab, on more rows",
        unit=f"{sizes.many_rows} rows",
        counted=COUNTED,
        value="perplexity",
        contenders={precision: replace(job, precision=precision) for precision in ("fp32", "bf16")},
        targets=(Target("Perplexity lab, bf16: value against fp32", "value", "bf16", ("fp32",), 1e-3),),
        repetitions=1,
    )


def document(job: Job, sizes: Sizes) -> Part:
    ours, one, four = f"{OURS}, fp32", "lm-eval, fp32, batch 1", "lm-eval, fp32, batch 4"
    job = replace(job, characters=sizes.characters)
    return Part(
        name="document",
        title="Perplexity, protocol document",
        unit="run",
        counted=COUNTED,
        value="sum of losses (nats)",
        contenders={
            ours: replace(job, measure="ours.document_perplexity", precision="fp32"),
            one: replace(job, measure="harness.document_perplexity", batch_size=1),
            four: replace(job, measure="harness.document_perplexity", batch_size=4),
        },
        targets=(
            Target("Perplexity document: speed against lm-eval", "speed", ours, (one, four), 1.5),
            Target("Perplexity document: same value", "value", ours, (one, four), 1e-6),
        ),
        repetitions=sizes.repetitions,
    )


def generation(job: Job, sizes: Sizes) -> Part:
    fp32, bf16 = "transformers, fp32", "transformers, bf16"
    job = replace(job, new_tokens=sizes.new_tokens)
    return Part(
        name="generation",
        title="Greedy generation, batch 1",
        unit="text",
        counted=COUNTED,
        value="share of memory bandwidth",
        contenders={
            OURS: replace(job, measure="ours.generate", precision="fp32"),
            fp32: replace(job, measure="plain.generate", precision="fp32"),
            bf16: replace(job, measure="plain.generate", precision="bf16"),
            "llama.cpp": replace(job, measure="llama.generate"),
        },
        targets=(
            Target("Generation: tokens / s against transformers fp32", "speed", OURS, (fp32,), 5),
            Target("Generation: same text as transformers fp32", "text", OURS, (fp32,)),
        ),
        repetitions=sizes.repetitions,
    )


def quality(job: Job, sizes: Sizes) -> Part:
    """Measure what bf16 costs: the same training in both precisions. Times do not matter here, so it runs once."""
    methods: tuple[Method, ...] = ("full", "lora")
    job = replace(
        job, measure="ours.quality", warmup_steps=0, steps=sizes.quality_steps, validation_lines=sizes.quality_lines
    )
    return Part(
        name="quality",
        title="bf16 with fp32 masters against fp32",
        unit="step",
        counted=COUNTED,
        value=f"validation perplexity after {sizes.quality_steps} steps",
        contenders={
            f"{method}, {precision}": replace(job, method=method, precision=precision)
            for method in methods
            for precision in ("bf16", "fp32")
        },
        targets=tuple(
            Target(f"Quality, {method}: bf16 against fp32", "value", f"{method}, bf16", (f"{method}, fp32",), 3e-3)
            for method in methods
        ),
        repetitions=1,
    )


def limit(job: Job, sizes: Sizes) -> Part:
    """Measure how much of a step is what no implementation can leave out."""
    job = replace(job, measure="limit.step", precision="auto", steps=sizes.limit_steps)
    methods: tuple[Method, ...] = ("full", "lora")
    return Part(
        name="limit",
        title="A step against its matrix products and attention alone",
        unit="step",
        counted=COUNTED,
        value="share of the limit",
        contenders={method: replace(job, method=method) for method in methods},
        targets=tuple(Target(f"Share of the limit, {method}", "share", method, (), 0.85) for method in methods),
        repetitions=1,
        more=("products and attention alone (s)",),
    )


PARTS: dict[str, Callable[[Job, Sizes], Part]] = {
    "full": full,
    "lora": lora,
    "lab": lab,
    "lab-bf16": lab_bf16,
    "document": document,
    "generation": generation,
    "quality": quality,
    "limit": limit,
}
NOT_QUICK = ("lab-bf16", "quality")
"""Parts that `--quick` leaves out unless `--only` names them."""
