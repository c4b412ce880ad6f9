"""In RLHF people give preferences; the weights are changed by training against a reward model, not by people.

**Measured:** the three steps with TRL. The people are played by bakeoff's LSTM, trained on the packaged sentences: of
two continuations by the packaged story model, it prefers the more positive one. A reward model learns from these
pairs (Bradley and Terry's loss). The story model is then trained against the reward model (REINFORCE leave-one-out,
Ahmadian et al. 2024) with a penalty for leaving the original model, and once more without. After every step it is
checked whether any weight of the story model has changed, and how often people were asked. Of new texts: their
reward, what the people who gave the preferences think of them, KL divergence from the original model, and the
perplexity of texts that the original model wrote.

**Rule:** the statement holds if no weight of the story model changes while preferences are given and the reward model
is trained, all training of the story model happens without asking anybody, changes its weights, and raises its reward
by an interval. It depends if all is so but the interval of the reward reaches 0. Otherwise it does not hold. The
reward is hacked, which decides nothing, where it rises without the penalty more than with it while the people like
the texts less.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats

import bakeoff
from bakeoff.evaluation.intervals import wilson
from bakeoff.packages import require
from bakeoff.pretrained.packaged_models import packaged_folder
from bakeoff.pretrained.quiet import quiet_libraries
from experiments.shared import CONFIDENCE, Gap, Result, SizeName, Table, Verdict, new_figure, plot_gaps

PROMPTS = (
    "Once upon a time, there was a",
    "One day, a little girl named Lily",
    "Tom and his friend went to",
    "The dog was very",
    "Mom said to the boy",
    "It was a dark night and",
    "The old man looked at",
    "In the garden, the bird",
)
WAYS = {"with penalty": 0.1, "without penalty": 0.0}
"""The weight of the KL divergence in the reward."""


@dataclass(frozen=True)
class Size:
    method: str  # that gives the preferences
    sentences: int
    pairs: int  # per prompt
    reward_epochs: int
    steps: int
    texts: int  # per prompt, to measure
    tokens: int  # in a continuation


SIZES: dict[SizeName, Size] = {
    "tiny": Size("linear", 100, 2, 1, 1, 2, 4),
    "quick": Size("lstm", 1500, 32, 3, 30, 25, 24),
    "full": Size("lstm", 10_662, 64, 3, 150, 40, 32),
}


@dataclass
class People:
    """Those who give preferences, played by a classifier; counts how often they are asked."""

    classifier: Any
    asked: int = 0

    def liking(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probability that each text is positive."""
        self.asked += len(texts)
        return np.array([each.probabilities["positive"] for each in self.classifier.predict(list(texts))])


@dataclass(frozen=True)
class Stage:
    """What happened to the story model in one step."""

    name: str
    asked: int
    weights_changed: bool


@dataclass(frozen=True)
class Texts:
    """New texts of one model, as measured; arrays by text."""

    reward: np.ndarray
    liking: np.ndarray
    kl: float  # nats per token
    perplexity: float  # of the original model's texts


def decide(before: Sequence[Stage], training: Sequence[Stage], gain: Gap) -> tuple[Verdict, str]:
    """Apply the rule.

    Args:
        before: The steps before the story model is trained.
        training: Its trainings.
        gain: Reward with the penalty minus that of the original model.
    """
    still = not any(stage.weights_changed for stage in before)
    trained = all(stage.weights_changed and stage.asked == 0 for stage in training)
    said = (
        f"People were asked {sum(stage.asked for stage in before):,} times before the story model was trained, which "
        f"changed {'none' if still else 'some'} of its weights, and {sum(stage.asked for stage in training)} times "
        f"while it was. The reward rose by {gain}."
    )
    if not still or not trained:
        return "does not hold", said
    return ("holds" if gain.above else "depends"), said


def digest(model: torch.nn.Module) -> str:
    """Hash all weights."""
    found = hashlib.sha256()
    for name, weight in model.state_dict().items():
        found.update(name.encode() + weight.numpy().tobytes())
    return found.hexdigest()


@dataclass(frozen=True)
class Drawn:
    """Continuations of the prompts: as texts, and as ids behind their prompt, one tensor per prompt."""

    texts: list[str]
    ids: list[torch.Tensor]
    starts: list[int]  # tokens of each prompt

    @property
    def prompts(self) -> list[str]:
        return [prompt for prompt, rows in zip(PROMPTS, self.ids, strict=True) for _ in rows]


@torch.no_grad()
def draw(model: Any, tokenizer: Any, number: int, tokens: int, seed: int) -> Drawn:
    """Draw so many continuations of every prompt."""
    torch.manual_seed(seed)
    drawn = Drawn([], [], [])
    for prompt in PROMPTS:
        start = torch.tensor([tokenizer(prompt)["input_ids"]]).expand(number, -1)
        ids = model.generate(
            start,
            attention_mask=torch.ones_like(start),
            do_sample=True,
            top_k=0,
            max_new_tokens=tokens,
            pad_token_id=tokenizer.pad_token_id,
        )
        drawn.texts.extend(tokenizer.batch_decode(ids[:, start.shape[1] :], skip_special_tokens=True))
        drawn.ids.append(ids)
        drawn.starts.append(start.shape[1])
    return drawn


@torch.no_grad()
def nats_per_token(model: Any, drawn: Drawn, end: int) -> float:
    """Return the mean loss of the continuations' tokens; what follows the end of a text is padding."""
    total, count = 0.0, 0
    for ids, start in zip(drawn.ids, drawn.starts, strict=True):
        losses = F.cross_entropy(model(input_ids=ids).logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
        ended = (ids == end).cumsum(1)[:, start - 1 : -1] - (ids[:, :start] == end).sum(1, keepdim=True)
        real = ended == 0
        total += float(losses[:, start - 1 :][real].sum())
        count += int(real.sum())
    return total / count


def preferences(texts: Sequence[str], people: People) -> list[dict[str, str]]:
    """Ask people about pairs of continuations of the same prompt."""
    liking = people.liking(texts)
    each = len(texts) // len(PROMPTS)
    rows = []
    for place in range(0, len(texts), 2):
        chosen, rejected = (place, place + 1) if liking[place] > liking[place + 1] else (place + 1, place)
        rows.append({"prompt": PROMPTS[place // each], "chosen": texts[chosen], "rejected": texts[rejected]})
    return rows


@torch.no_grad()
def rewards(model: Any, tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """Return the reward of each text."""
    encoded = tokenizer(list(texts), padding=True, return_tensors="pt")
    found = model(input_ids=encoded["input_ids"], attention_mask=encoded["attention_mask"]).logits[:, 0]
    return np.asarray(found.double().numpy())


def common_settings(folder: str) -> dict[str, Any]:
    """Return the settings that all of TRL's trainers share here."""
    return {
        "output_dir": folder,
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "seed": 12,
    }


def train_reward_model(model: Any, tokenizer: Any, rows: list[dict[str, str]], epochs: int, folder: str) -> None:
    """Train a reward model on preferences."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    settings = RewardConfig(
        **common_settings(folder), num_train_epochs=epochs, per_device_train_batch_size=16, learning_rate=1e-3
    )
    start(RewardTrainer(model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=tokenizer))


def train_policy(policy: Any, reward_model: Any, tokenizer: Any, penalty: float, size: Size, folder: str) -> None:
    """Train the story model against the reward model."""
    from datasets import Dataset
    from trl import RLOOConfig, RLOOTrainer

    settings = RLOOConfig(
        **common_settings(folder),
        max_steps=size.steps,
        per_device_train_batch_size=32,
        num_generations=8,
        max_completion_length=size.tokens,
        learning_rate=5e-4,
        beta=penalty,
    )
    trainer = RLOOTrainer(
        model=policy,
        reward_funcs=reward_model,
        args=settings,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in PROMPTS * 32]),
        processing_class=tokenizer,
        reward_processing_classes=tokenizer,
    )
    start(trainer)


def start(trainer: Any) -> None:
    """Train without printing."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    trainer.train()


def raise_people(size: Size) -> People:
    """Train the classifier that plays the people."""
    config = {
        "task": "classification",
        "data": {"table": "sentence-polarity", "rows": size.sentences},
        "budget": {"epochs": 3},
        "contestants": {"people": {"method": size.method}},
        "seed": 12,
    }
    with tempfile.TemporaryDirectory() as folder:
        outcome = bakeoff.run(config, Path(folder) / "run")
        return People(bakeoff.load_classifier(outcome.folder))


def run(name: SizeName) -> Result:
    require("rlhf", "The experiment rlhf")
    import datasets

    bars = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with quiet_libraries(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # names of TRL's settings that change in a later version
            return _run(SIZES[name])
    finally:
        if not bars:
            datasets.enable_progress_bars()


def _run(size: Size) -> Result:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    source = str(packaged_folder("stories260k"))
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    tokenizer.pad_token = tokenizer.eos_token
    people = raise_people(size)
    stages: list[Stage] = []

    def watched(step: str, model: Any, task: Callable[[], Any]) -> Any:
        """Run a step, and note whether it changed the story model and asked anybody."""
        asked, weights = people.asked, digest(model)
        result = task()
        stages.append(Stage(step, people.asked - asked, digest(model) != weights))
        return result

    def story_model() -> Any:
        return AutoModelForCausalLM.from_pretrained(source, trust_remote_code=False)

    original = story_model()
    pairs = watched(
        "people compare pairs of texts",
        original,
        lambda: preferences(draw(original, tokenizer, 2 * size.pairs, size.tokens, 1).texts, people),
    )
    random = np.random.default_rng(12)
    random.shuffle(pairs)
    held_out, training = pairs[: len(pairs) // 5], pairs[len(pairs) // 5 :]
    reward_model = AutoModelForSequenceClassification.from_pretrained(
        source, num_labels=1, pad_token_id=tokenizer.pad_token_id, trust_remote_code=False
    )
    policies = {"original": original}
    with tempfile.TemporaryDirectory() as folder:
        watched(
            "the reward model is trained",
            original,
            lambda: train_reward_model(reward_model, tokenizer, training, size.reward_epochs, folder),
        )
        reward_model.eval()
        for way, penalty in WAYS.items():
            policy = policies[way] = story_model()
            watched(
                f"the story model is trained {way}",
                policy,
                partial(train_policy, policy, reward_model, tokenizer, penalty, size, folder),
            )
            policy.eval()
    before, trainings = stages[:2], stages[2:]

    reference = draw(original, tokenizer, size.texts, size.tokens, 2)
    found = {}
    for way, policy in policies.items():
        drawn = draw(policy, tokenizer, size.texts, size.tokens, 3)
        whole = [prompt + text for prompt, text in zip(drawn.prompts, drawn.texts, strict=True)]
        end = tokenizer.eos_token_id
        found[way] = Texts(
            rewards(reward_model, tokenizer, whole),
            people.liking(drawn.texts),
            nats_per_token(original, drawn, end) - nats_per_token(policy, drawn, end),
            math.exp(nats_per_token(policy, reference, end)),
        )
    right = [
        rewards(reward_model, tokenizer, [row["prompt"] + row[side] for row in held_out])
        for side in ("chosen", "rejected")
    ]
    agreed = int((right[0] > right[1]).sum())
    low, high = wilson(agreed, len(held_out), CONFIDENCE)
    gains = {way: gap(found[way].reward, found["original"].reward) for way in WAYS}
    verdict, reason = decide(before, trainings, gains["with penalty"])

    rows = [
        [
            way,
            f"{one.reward.mean():+.3f}",
            str(gains[way]) if way in gains else "",
            f"{one.liking.mean():.3f}",
            f"{one.kl:.3f}",
            f"{one.perplexity:.2f}",
        ]
        for way, one in found.items()
    ]
    figure, axes = new_figure(2)
    plot_gaps(axes[0], gains, "reward minus original")
    plot_gaps(axes[1], {way: gap(found[way].liking, found["original"].liking) for way in WAYS}, "liking minus original")
    return Result(
        verdict,
        reason,
        [
            Table(
                "What happens to the story model",
                ["step", "questions to people", "weights changed"],
                [[stage.name, f"{stage.asked:,}", "yes" if stage.weights_changed else "no"] for stage in stages],
            ),
            Table(
                f"Before and after; the reward model agrees with people on {agreed} of {len(held_out)} new pairs "
                f"({low:.0%} to {high:.0%})",
                ["story model", "reward", "minus original", "liked by people", "KL per token", "perplexity"],
                rows,
            ),
        ],
        figure,
        "Reward, and what people think of the texts, compared with the original model, with 95% intervals.",
    )


def gap(new: np.ndarray, old: np.ndarray) -> Gap:
    """Compare means of texts that were drawn on their own: Welch's t interval."""
    found = stats.ttest_ind(new, old, equal_var=False)
    interval = found.confidence_interval(CONFIDENCE)
    return Gap(float(new.mean() - old.mean()), float(interval.low), float(interval.high))
