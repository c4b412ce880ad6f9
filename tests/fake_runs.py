"""Run folders that look like real ones, written in a second and without training. All numbers are invented."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from bakeoff.config.classification import ClassificationConfig
from bakeoff.config.language_model import LanguageModelConfig
from bakeoff.evaluation.calibration import with_temperature
from bakeoff.evaluation.classification import text_losses
from bakeoff.evaluation.classifier import Answers, ClassifierEvaluation, evaluate_classifier
from bakeoff.evaluation.intervals import bootstrap_ratio
from bakeoff.evaluation.pairing import loss_units
from bakeoff.evaluation.text_statistics import text_statistics, word_counts
from bakeoff.evaluation.verdict import decide
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.results import (
    ContestantResult,
    DataReport,
    Environment,
    EpochLine,
    Mark,
    MetricValue,
    NearDuplicate,
    Sample,
    SplitReport,
    StepLine,
    TrainingCost,
)
from bakeoff.tasks.attribution import word_spans

DRAWS = {"confidence": 0.95, "resamples": 300, "seed": 12}
LABELS = ["negative", "positive"]
WORDS = word_counts(["The next word can be guessed from the words before it, and most of the time it is a simple one."])
# What real reviews and models contain sooner or later: markup, markup of terminals, other scripts, very long words.
NASTY = "<script>alert('x')</script> [red]not red[/red] \x1b[31m ünïcödé 映画 & \"quotes\" | pipes | " + "long" * 40

ENVIRONMENT = Environment(
    command=["bakeoff", "run", "sentiment", "-o", "runs/sentiment"],
    created="2026-03-01T12:00:00+00:00",
    bakeoff="0.1.0",
    python="3.11.2",
    packages={"torch": "2.13.0+cpu", "transformers": "5.23.0", "scikit-learn": "1.9.1"},
    platform="Linux-6.1-x86_64",
    processor="A Processor @ 2.4 GHz",
    cores=2,
    threads=2,
    memory_bytes=24_000_000_000,
    settings={"OMP_PROC_BIND": "true"},
    git_revision="6a71fce",
)


def write_classification_run(path: Path, *, texts: int = 2132) -> RunFolder:
    """A finished sentiment bake-off: majority, linear, lstm."""
    run = RunFolder(path)
    config = ClassificationConfig.model_validate(
        {
            "task": "classification",
            "name": "sentiment",
            "data": {"table": "sentence-polarity"},
            "contestants": {
                "majority": {"method": "majority"},
                "linear": {"method": "linear"},
                "lstm": {"method": "lstm"},
            },
        }
    )
    run.write_config_file(config.model_dump(mode="json"))
    run.write_environment(ENVIRONMENT)
    run.write_data(
        DataReport(
            source="sentence-polarity (packaged)",
            files={"sentence-polarity.csv.gz": "3b" * 32},
            fingerprint="a7" * 32,
            split_seed=12,
            sides=[
                SplitReport(name="train", rows=7464, characters=853_000, labels={"negative": 3732, "positive": 3732}),
                SplitReport(
                    name="validation", rows=1066, characters=121_000, labels={"negative": 533, "positive": 533}
                ),
                SplitReport(name="test", rows=texts, characters=244_000, labels={"negative": 1066, "positive": 1066}),
            ],
            skipped={"empty text": 3},
            duplicate_texts=17,
            near_duplicate_texts=2,
            near_across_splits=1,
            near_duplicates=[
                NearDuplicate(
                    similarity=0.875,
                    names=["17", NASTY],
                    sides=["train", "test"],
                    labels=LABELS,
                    texts=["A fine film", f"A fine {NASTY}"],
                )
            ],
            notes=["Identical texts were kept on one side."],
        )
    )
    random = np.random.default_rng(0)
    labels = np.arange(texts) % 2
    hardness = random.normal(0, 1, size=texts)  # what is hard for one contestant is hard for the others
    scores, results = {}, []
    for name, skill, seconds, numbers in [
        ("majority", None, 0.1, 0),
        ("linear", 1.1, 2.4, 88_214),
        ("lstm", 1.05, 41.0, 2_631_938),
    ]:
        if skill is None:
            positive = np.full(texts, 0.495)
        else:
            true = 1 / (1 + np.exp(-1.6 * (skill + hardness + random.normal(0, 0.8, size=texts))))
            positive = np.where(labels == 1, true, 1 - true)
        # The first half of the texts plays the validation side too; contestants that were trained are too sure.
        said = np.stack([1 - positive, positive], axis=1)
        said = said if skill is None else with_temperature(said, 0.6)
        evaluation = evaluate_classifier(
            Answers(labels[: texts // 2].tolist(), said[: texts // 2]),
            Answers(labels.tolist(), said),
            LABELS,
            calibrate=skill is not None,
            metric="accuracy",
            **DRAWS,
        )
        folder = run.contestant(name)
        scores[name] = _classifier_scores(labels, evaluation)
        if name == "lstm":
            steps = 5 * 117
            for step in range(1, steps + 1):
                loss = 0.69 * math.exp(-step / 250) + 0.1 + 0.04 * random.normal()
                folder.append_metrics(
                    StepLine(
                        step=step,
                        epoch=(step - 1) // 117 + 1,
                        loss=abs(loss),
                        learning_rate=1e-3,
                        tokens=step * 1400,
                        seconds=step * 0.07,
                    )
                )
                if step % 117 == 0:
                    epoch = step // 117
                    accuracies = [0.69, 0.752, 0.771, 0.779, 0.775]
                    folder.append_metrics(
                        EpochLine(
                            epoch=epoch,
                            step=step,
                            train_loss=0.72 * math.exp(-epoch / 2) + 0.12,
                            train_accuracy=0.60 + 0.07 * epoch,
                            validation_loss=[0.61, 0.53, 0.49, 0.48, 0.50][epoch - 1],
                            validation_accuracy=accuracies[epoch - 1],
                            tokens=step * 1400,
                            seconds=step * 0.07,
                            best=epoch < 5,
                        )
                    )
        folder.write_scores(scores[name])
        folder.write_samples(_classified(labels, evaluation))
        results.append(
            ContestantResult(
                name=name,
                method=name,
                task="classification",
                settings=config.contestants[name].model_dump(mode="json"),
                seed=12,
                metrics=evaluation.metrics,
                training=TrainingCost(
                    epochs=5 if name == "lstm" else 0,
                    steps=585 if name == "lstm" else 0,
                    tokens=819_000 if name == "lstm" else 163_800,
                    seconds=seconds,
                    total_seconds=seconds * 1.3,
                    peak_memory_bytes=612_000_000 if name == "lstm" else 431_000_000,
                    best_epoch=4 if name == "lstm" else None,
                    stopped_by="epochs" if name == "lstm" else "nothing to train",
                ),
                total_parameters=numbers,
                trainable_parameters=numbers,
                model_bytes=numbers * 4 + 1200,
                confusion=evaluation.confusion,
                classes=evaluation.classes,
                calibration=evaluation.calibration,
                selective_prediction=evaluation.selective_prediction,
                label_issues=len(evaluation.label_issues.texts),
                notes=["12 test texts were longer than 400 words and were cut."] if name == "lstm" else [],
            )
        )
        folder.write_result(results[-1])
    _write_verdict(run, results, scores)
    return run


def _classifier_scores(labels: np.ndarray, evaluation: ClassifierEvaluation) -> pa.Table:
    suspected: list[str | None] = [None] * len(labels)
    for text, suggestion in zip(evaluation.label_issues.texts, evaluation.label_issues.suggestions, strict=True):
        suspected[text] = LABELS[suggestion]
    return pa.table(
        {
            "document": [f"row-{index}" for index in range(len(labels))],
            "label": [LABELS[label] for label in labels],
            "predicted": [LABELS[guess] for guess in evaluation.probabilities.argmax(axis=1)],
            "loss": text_losses(labels, evaluation.probabilities),
            "suggested_label": pa.array(suspected, pa.string()),
            "probability_negative": evaluation.probabilities[:, 0],
            "probability_positive": evaluation.probabilities[:, 1],
        }
    )


def _classified(labels: np.ndarray, evaluation: ClassifierEvaluation) -> list[Sample]:
    texts = [
        "a gorgeous, witty, seductive movie .",
        "it's slow -- very , very slow .",
        NASTY,
        "though everything might be literate and smart , it never took off and always seemed static .",
    ]

    probabilities = evaluation.probabilities

    def sample(index: int, kind: Literal["first", "mistake", "label_issue"]) -> Sample:
        guess = int(probabilities[index].argmax())
        text = texts[index % len(texts)]
        strengths = dict(zip(word_spans(text), (1.25, 0.0, -0.5), strict=False))
        return Sample(
            prompt=text,
            marks=[
                Mark(start=start, end=end, contribution=value) for (start, end), value in strengths.items() if value
            ],
            label=LABELS[labels[index]],
            predicted=LABELS[guess],
            probability=float(probabilities[index, guess]),
            document=f"row-{index}",
            kind=kind,
        )

    true = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    return [
        *(sample(index, "first") for index in range(6)),
        *(sample(int(index), "mistake") for index in np.argsort(true)[:6]),
        *(sample(int(index), "label_issue") for index in evaluation.label_issues.texts[:8]),
    ]


def _write_verdict(run: RunFolder, results: list[ContestantResult], scores: dict[str, pa.Table]) -> None:
    contestants = run.contestants()
    run.write_verdict(
        decide(
            results,
            {name: [table] for name, table in scores.items()},
            epochs={contestant.name: contestant.training_log()[1] for contestant in contestants},
            samples={contestant.name: contestant.samples() for contestant in contestants},
            **DRAWS,
        )
    )


def write_language_model_run(path: Path, *, articles: int = 20) -> RunFolder:
    """A finished language-model bake-off: pretrained, full, lora, evaluated by all three protocols."""
    run = RunFolder(path)
    prompts = ["GPT-2 is a language model based on", "The film"]
    config = LanguageModelConfig.model_validate(
        {
            "task": "language-model",
            "name": "language-model",
            "model": "smollm2-135m",
            "data": {"text": "wikitext-2-part"},
            "budget": {"tokens": 100_000},
            "contestants": {
                "pretrained": {"method": "pretrained"},
                "full": {"method": "full"},
                "lora": {"method": "lora", "r": 64},
            },
            "evaluation": {"prompts": prompts},
        }
    )
    run.write_config_file(config.model_dump(mode="json"))
    run.write_environment(ENVIRONMENT.model_copy(update={"command": ["bakeoff", "run", "language-model"]}))
    run.write_data(
        DataReport(
            source="wikitext-2-part (packaged)",
            files={"wiki.train.raw": "1c" * 32, "wiki.test.raw": "2d" * 32},
            fingerprint="b9" * 32,
            sides=[
                SplitReport(name="train", rows=43, tokens=220_805, lines=3279, characters=1_034_000),
                SplitReport(name="validation", rows=15, tokens=61_000, lines=900, characters=280_000),
                SplitReport(
                    name="test",
                    rows=articles,
                    tokens=articles * 3000,
                    lines=articles * 70,
                    characters=articles * 14_000,
                ),
            ],
        )
    )
    random = np.random.default_rng(1)
    base = random.normal(3.05, 0.25, size=articles)
    scores, results = {}, []
    for name, gain, seconds, trained, size in [
        ("pretrained", 0.0, 0.0, 0, 538_000_000),
        ("full", 0.21, 96.0, 134_515_008, 538_000_000),
        ("lora", 0.17, 71.0, 1_843_200, 7_400_000),
    ]:
        scores[name] = _language_model_scores(base - gain - random.normal(0, 0.01, size=articles), articles)
        folder = run.contestant(name)
        if trained:
            for step in range(1, 50):
                loss = 3.2 - gain * (1 - math.exp(-step / 12)) + 0.05 * random.normal()
                folder.append_metrics(
                    StepLine(
                        step=step,
                        epoch=1,
                        loss=loss,
                        learning_rate=5e-5,
                        tokens=step * 2048,
                        seconds=step * seconds / 49,
                    )
                )
                if step % 12 == 0:
                    folder.append_metrics(
                        EpochLine(
                            epoch=1,
                            step=step,
                            train_loss=3.2 - gain * (1 - math.exp(-step / 12)),
                            validation_loss=3.15 - gain * (1 - math.exp(-step / 10)),
                            tokens=step * 2048,
                            seconds=step * seconds / 49,
                            best=True,
                        )
                    )
        folder.write_scores(scores[name])
        written = {
            "pretrained": "the same principle as the previous model . " * 5,
            "full": "a simple principle : that the next word can be guessed from the words before it . " + NASTY,
            "lora": "the transformer , which was introduced in 2017 and replaced recurrent networks in most tasks .",
        }[name]
        folder.write_samples(
            Sample(
                prompt=prompt, text=" " + written, tokens=40, seconds=2.0, statistics=text_statistics(written, WORDS)
            )
            for prompt in prompts
        )
        results.append(
            ContestantResult(
                name=name,
                method=name,
                task="language-model",
                settings=config.contestants[name].model_dump(mode="json"),
                seed=12,
                metrics=_language_model_metrics(scores[name]),
                training=TrainingCost(
                    epochs=1 if trained else 0,
                    steps=49 if trained else 0,
                    tokens=100_352 if trained else 0,
                    seconds=seconds,
                    total_seconds=seconds + 30,
                    peak_memory_bytes=3_400_000_000 if name == "full" else 1_900_000_000,
                    precision="bf16" if trained else "fp32",
                    best_epoch=1 if trained else None,
                    stopped_by="tokens" if trained else "nothing to train",
                ),
                total_parameters=134_515_008 + (trained if name == "lora" else 0),
                trainable_parameters=trained,
                model_bytes=size,
            )
        )
        folder.write_result(results[-1])
    _write_verdict(run, results, scores)
    return run


def _language_model_scores(loss_per_token: np.ndarray, articles: int) -> pa.Table:
    rows = []
    for protocol, extra in [("window", -0.1), ("document", 0.0), ("lab", 0.4)]:
        for article in range(articles):
            for piece in range(3):
                tokens = 900 + 37 * article
                rows.append(
                    {
                        "protocol": protocol,
                        "document": f"article {article}",
                        "piece": piece,
                        "nll": float((loss_per_token[article] + extra) * tokens),
                        "tokens": tokens,
                        "weight": tokens + (20 if protocol == "lab" else 0),
                        "words": int(tokens * 0.8),
                        "bytes": int(tokens * 4.4),
                    }
                )
    return pa.Table.from_pylist(rows)


def _language_model_metrics(scores: pa.Table) -> list[MetricValue]:
    protocols = {
        "window": "window(context=1024, stride=512)",
        "document": "document(context=1024)",
        "lab": "lab(rows, context=1024)",
    }
    metrics = []
    for name, protocol in protocols.items():
        units = loss_units(scores, name)
        ends = bootstrap_ratio(units.values, units.weights, **DRAWS)
        assert ends is not None
        metrics.append(
            MetricValue(
                name="perplexity",
                value=math.exp(units.values.sum() / units.weights.sum()),
                low=math.exp(ends[0]),
                high=math.exp(ends[1]),
                protocol=protocol,
                split="test",
                documents=len(set(scores["document"].to_pylist())),
                interval_unit=units.kind,
                higher_is_better=False,
            )
        )
    nats = metrics[1].value
    for name, value in [
        ("word_perplexity", nats**1.25),
        ("byte_perplexity", nats ** (1 / 4.4)),
        ("bits_per_byte", math.log2(nats) / 4.4),
    ]:
        metrics.append(metrics[1].model_copy(update={"name": name, "value": value, "low": None, "high": None}))
    return metrics
