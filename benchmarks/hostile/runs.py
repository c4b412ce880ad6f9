"""Small bake-offs to be attacked, and everything they measured."""

from __future__ import annotations

import csv
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash
import yaml

from bakeoff.runs.checksums import UNCHECKED
from bakeoff.runs.folder import RunFolder

_LSTM = {"method": "lstm", "embedding_size": 8, "hidden_size": 8, "batch_size": 32}
_POLARITY = {"table": "sentence-polarity", "rows": 300}
_QUICK = {"evaluation": {"resamples": 50}}
_TEXT = {
    "task": "language-model",
    "model": "stories260k",
    "data": {"text": "wikitext-2-part", "fraction": {"train": 0.02, "validation": 0.01, "test": 0.01}},
    "budget": {"tokens": 4000, "evaluations": 3},
    "evaluation": {"context_length": 128, "prompts": ["Once upon a time"], "max_new_tokens": 5, "resamples": 50},
}


def _classification(contestants: dict[str, Any], data: dict[str, Any] = _POLARITY, **more: Any) -> dict[str, Any]:
    return {
        "task": "classification",
        "data": data,
        "budget": {"epochs": 2, "evaluations": 3},
        "contestants": contestants,
        **_QUICK,
        **more,
    }


@dataclass(frozen=True)
class Kind:
    """A bake-off, and how it is started."""

    values: dict[str, Any]
    processes: int = 1  # of torchrun
    options: tuple[str, ...] = ()  # of `run` and `resume`

    @property
    def alone(self) -> bool:
        """True if it needs one process, which can be a fork of this one."""
        return self.processes == 1 and not self.options


_FOUR = {
    "linear": {},
    "lstm": _LSTM,
    "corrector": {**_LSTM, "linear_part": {}},
    "both": {"method": "ensemble", "members": ["linear", "lstm"]},
}
_MANY = _classification(
    {"linear": {}, "lstm": _LSTM, "both": {"method": "ensemble", "members": ["linear", "lstm"]}},
    {**_POLARITY, "rows": 200, "split": {"folds": 2}},
    repeats=2,
)

KINDS: dict[str, Kind] = {
    "classifiers": Kind(_classification(_FOUR)),
    "repeats": Kind(_classification({"linear": {}, "gru": {**_LSTM, "method": "gru"}}, repeats=3)),
    "folds": Kind(_classification({"linear": {}, "lstm": _LSTM}, {**_POLARITY, "split": {"folds": 3}})),
    "learning-curve": Kind(
        _classification({"majority": {}, "linear": {}, "lstm": _LSTM}, learning_curve=[0.3, 0.6, 1.0])
    ),
    "pretrain": Kind(_classification({"lstm": {**_LSTM, "pretrain": {"text": "unlabeled.txt", "epochs": 3}}})),
    "tune": Kind(_classification({"lstm": {**_LSTM, "tune": {"trials": 4}}, "linear": {"tune": {"trials": 3}}})),
    "several-labels": Kind(
        _classification(
            {"linear": {}, "lstm": _LSTM, "both": {"method": "ensemble", "members": ["linear", "lstm"]}},
            {"table": "tickets.csv", "text": "text", "label": ["billing", "login", "bug"]},
        )
    ),
    "out-of-scope": Kind(
        _classification(
            {"linear": {}, "lstm": _LSTM, "fasttext": {"buckets": 100}},
            {"table": "questions.csv", "text": "text", "label": "label", "out_of_scope": "oos"},
            repeats=2,
        )
    ),
    "diverged": Kind(_classification({"linear": {}, "wild": {**_LSTM, "learning_rate": 1e30, "gradient_clip": None}})),
    "ordered": Kind(
        _classification(
            {"linear": {}, "said": {"method": "predictions", "file": "answers.csv"}},
            {"table": "stars.csv", "text": "text", "label": "stars", "split": {"group": "author"}},
            evaluation={"resamples": 50, "labels": "ordered", "cost": {"1": {"3": 20}}},
        )
    ),
    "transformer": Kind(_classification({"transformer": {"model": "encoder", "max_length": 32}})),
    "language-model": Kind(
        {**_TEXT, "contestants": {"pretrained": {}, "full": {"max_length": 64}, "lora": {"max_length": 64, "r": 2}}}
    ),
    "range-test": Kind({**_TEXT, "contestants": {"full": {"max_length": 64, "learning_rate": "auto"}}, "repeats": 2}),
    "prompts": Kind(
        {
            "task": "language-model",
            "model": "stories260k",
            "data": {"examples": "answers.jsonl", "prompt": "question", "completion": "answer"},
            "budget": {"epochs": 1, "evaluations": 2},
            "contestants": {"few-shot": {"examples": 2}, "lora": {"batch_size": 8, "max_length": 64, "r": 2}},
            "evaluation": {"answers": 5, "max_new_tokens": 5, "resamples": 50},
        }
    ),
    "torchrun": Kind({**_TEXT, "contestants": {"full": {"max_length": 64}}}, processes=2),
    "workers": Kind(_MANY, options=("--workers", "2")),
    "ray": Kind(_MANY, options=("--on", "ray")),
}

_WORDS = ("film", "plot", "scene", "actor", "score", "ending", "story", "camera", "light", "voice", "music", "cut")
_TELLING = {"good": ("fine", "moving", "warm", "clever"), "bad": ("dull", "flat", "clumsy", "loud")}
_TOPICS = {"billing": "invoice", "login": "password", "bug": "crash"}


def write_config(kind: Kind, folder: Path) -> Path:
    """Write the config of a kind, and the files that it names."""
    choose = random.Random(1)

    def sentence(*telling: str) -> str:
        words = [*choose.choices(_WORDS, k=8), *telling]
        choose.shuffle(words)
        return f"{' '.join(words)} {choose.randrange(10_000)}"

    wanted = json.dumps(kind.values)
    if "unlabeled.txt" in wanted:
        (folder / "unlabeled.txt").write_text("\n".join(sentence() for _ in range(300)), encoding="utf-8")
    if "tickets.csv" in wanted:
        tickets = []
        for _ in range(240):
            topics = {topic: choose.random() < 0.4 for topic in _TOPICS}
            words = [word for topic, word in _TOPICS.items() if topics[topic]]
            tickets.append({"text": sentence(*words), **{topic: int(has) for topic, has in topics.items()}})
        _write_table(folder / "tickets.csv", tickets)
    if "questions.csv" in wanted:
        labels = [choose.choice(("good", "bad", "oos")) for _ in range(240)]
        said = [sentence(*(choose.choices(_TELLING[label], k=2) if label in _TELLING else ())) for label in labels]
        _write_table(
            folder / "questions.csv",
            [{"text": text, "label": label} for text, label in zip(said, labels, strict=True)],
        )
    if "stars.csv" in wanted:
        stars = [choose.randint(1, 3) for _ in range(240)]
        rows = [
            {"text": sentence(*(["dull"] * (3 - star) + ["fine"] * star)), "stars": star, "author": n % 40}
            for n, star in enumerate(stars)
        ]
        _write_table(folder / "stars.csv", rows)
        _write_table(
            folder / "answers.csv",
            [{"text": row["text"], "predicted": choose.choice((row["stars"], 1, 2, 3))} for row in rows],
        )
    if "answers.jsonl" in wanted:
        pairs = ({"question": sentence(), "answer": choose.choice(_WORDS)} for _ in range(80))
        (folder / "answers.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    if '"encoder"' in wanted:
        _write_encoder(folder / "encoder")
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(kind.values, sort_keys=False), encoding="utf-8")
    return file


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _write_encoder(folder: Path) -> None:
    """Write a BERT with random weights, whose tokens are letters."""
    import tokenizers
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(3)
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz .,'"]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({letter: number for number, letter in enumerate(letters)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **special).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.BertConfig(vocab_size=len(letters), max_position_embeddings=64, **sizes)
    transformers.BertForMaskedLM(config).save_pretrained(folder)


_SECONDS = re.compile(r"\d s\b")
_TIMES = {"seconds", "total_seconds", "peak_memory_bytes", "preparing_seconds", "tokens_per_second"}


def measured(path: Path) -> dict[str, Any]:
    """Return all that a run measured, without what depends on the clock."""
    found: dict[str, Any] = {}
    for contestant in RunFolder(path).contestants():
        for repeat in contestant.repeats():
            parts = [repeat.part(number) for number in range(1, len(list(repeat.path.glob("part-*"))) + 1)]
            for training in (*repeat.folds(), *parts, repeat):
                if not training.path.is_dir():  # a copy has been counted as one
                    continue
                if (reason := training.failure()) is not None:
                    found[training.name] = {"failure": reason}
                    continue
                steps, epochs = training.training_log()
                outside = training.out_of_scope()
                found[training.name] = without_times(
                    {
                        "result": training.result().model_dump(),
                        "steps": [line.model_dump() for line in steps],
                        "epochs": [line.model_dump() for line in epochs],
                        "scores": training.scores().to_pylist(),
                        "samples": [sample.model_dump() for sample in training.samples()],
                        "trials": [trial.model_dump() for trial in training.trials()],
                        "out of scope": outside.to_pylist() if outside is not None else [],
                    }
                )
    return found


def models(path: Path) -> dict[str, str]:
    """Return the checksums of all files of models of a run, but for the cards that people read."""
    files = (file for file in sorted(path.rglob("model/**/*")) if file.is_file() and file.name not in UNCHECKED)
    return {str(file.relative_to(path)): xxhash.xxh3_128_hexdigest(file.read_bytes()) for file in files}


def concluded(path: Path) -> dict[str, Any]:
    """Return the verdict of a run, without what rests on the clock."""
    verdict: dict[str, Any] = without_times(RunFolder(path).verdict().model_dump(mode="json"))
    for key in ("time_limit", "fronts", "recommended", "sentences", "summary", "rule"):
        verdict.pop(key)
    return verdict


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Return the places where two measurements differ."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        return [each for key in found for each in differences(found[key], expected[key], f"{where}.{key}")]
    if found == expected or (found != found and expected != expected):  # NaN
        return []
    return [f"{where}: {str(found)[:80]} instead of {str(expected)[:80]}"]


def without_times(value: Any) -> Any:
    """Return JSON without what depends on the clock."""
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in _TIMES}
    if isinstance(value, list):
        return [without_times(each) for each in value if not (isinstance(each, str) and _SECONDS.search(each))]
    return value
