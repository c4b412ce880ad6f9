"""The published lab's LSTM as one would write it in plain PyTorch: it tokenizes every
review each time it is read, and pads and packs random batches."""

from __future__ import annotations

import string
import time
from collections import Counter
from collections.abc import Iterator
from statistics import mean

import numpy as np
import pandas as pd
import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

from peers import ours_classifier, tables
from peers.job import Job, Measured

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
MIN_FREQUENCY = 5
MAX_LENGTH = 256
BATCH_SIZE = 96

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # words (rows, longest), lengths (rows,), labels (rows,)


def prepare(job: Job) -> Measured:
    """Read, divide, count, and encode every review once. The value is the size of the vocabulary."""
    started = time.perf_counter()
    splits = read_sides(job)
    vocabulary = build_vocabulary(splits[0])
    for part in splits:
        for text in part.review:
            encode(text, vocabulary)
    return Measured(time.perf_counter() - started, sum(map(len, splits)), len(vocabulary) + FIRST_WORD)


def epoch(job: Job) -> Measured:
    """Train the first steps of an epoch. Batches are random, so all steps take about as long."""
    train, *_ = read_sides(job)
    vocabulary = build_vocabulary(train)
    torch.manual_seed(tables.SEED)
    device = _device()
    model = LabLSTM(job, len(vocabulary) + FIRST_WORD, train.label.nunique()).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = endless(DataLoader(Reviews(train, vocabulary), BATCH_SIZE, shuffle=True, collate_fn=collate))
    seconds, rows, losses = [], [], []
    for _ in range(job.warmup_steps + job.steps):
        started = time.perf_counter()
        words, lengths, labels = next(batches)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(words.to(device), lengths), labels.to(device))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - started)
        rows.append(len(labels))
    return Measured(
        seconds=mean(seconds[job.warmup_steps :]),
        count=mean(rows[job.warmup_steps :]),
        value=mean(losses[: job.loss_steps]),
        details={"losses": losses, "step_seconds": seconds[job.warmup_steps :]},
    )


def curve(job: Job) -> Measured:
    """Train packed, from bakeoff's initial weights, on its batches, without dropout. The value is the last loss."""
    learner, settings, steps = ours_classifier.curve_learner(job)
    train = tables.split(job).train
    model = LabLSTM(job, learner.vocabulary.size, len(set(train.labels))).eval()
    take_weights(model, learner.model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seconds, losses = [], []
    for step in steps:
        rows = np.concatenate([batch.rows for batch in step])
        texts = learner.vocabulary.encode([train.texts[row] for row in rows]).cut(MAX_LENGTH, settings.truncation)
        words, lengths = texts.padded(np.arange(len(rows)))
        started = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(words, lengths), torch.tensor([train.labels[row] for row in rows]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - started)
    count = sum(batch.count for step in steps for batch in step) / len(steps)
    return Measured(mean(seconds), count, losses[-1], details={"losses": losses})


def take_weights(model: nn.Module, source: nn.Module) -> None:
    """Copy weights between networks with the same tensors in the same order under other names."""
    with torch.no_grad():
        for weight, given in zip(model.parameters(), source.parameters(), strict=True):
            assert weight.shape == given.shape
            weight.copy_(given)


def predict(job: Job) -> Measured:
    """Classify reviews with untrained weights, which cost as much time as trained ones."""
    train, *_ = read_sides(job)
    vocabulary = build_vocabulary(train)
    model = LabLSTM(job, len(vocabulary) + FIRST_WORD, train.label.nunique()).to(_device())
    reviews = list(tables.split(job).test.texts[: job.reviews])
    probabilities(model, reviews[:1], vocabulary)
    started = time.perf_counter()
    found = probabilities(model, reviews, vocabulary)
    return Measured(time.perf_counter() - started, len(found))


def read_sides(job: Job) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the train, validation and test splits: 70, 10 and 20 %."""
    frame = pd.read_parquet(job.table)
    frame["label"] = pd.factorize(frame.sentiment, sort=True)[0]
    rest, test = train_test_split(frame, test_size=0.2, random_state=tables.SEED)
    train, validation = train_test_split(rest, test_size=0.125, random_state=tables.SEED)
    return train, validation, test


def tokenize(text: str) -> list[str]:
    return text.lower().translate(str.maketrans("", "", string.punctuation)).split()


def build_vocabulary(train: pd.DataFrame) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for text in train.review:
        counts.update(tokenize(text))
    words = [word for word, count in counts.items() if count >= MIN_FREQUENCY and word not in ENGLISH_STOP_WORDS]
    return {word: number for number, word in enumerate(words, start=FIRST_WORD)}


def encode(text: str, vocabulary: dict[str, int]) -> list[int]:
    """Return at least one id: an empty text cannot be packed."""
    return [vocabulary.get(word, UNKNOWN) for word in tokenize(text)][:MAX_LENGTH] or [UNKNOWN]


class Reviews(Dataset[tuple[torch.Tensor, int]]):
    """Reviews, tokenized and encoded each time one is requested."""

    def __init__(self, frame: pd.DataFrame, vocabulary: dict[str, int]) -> None:
        self.texts = frame.review.tolist()
        self.labels = frame.label.tolist()
        self.vocabulary = vocabulary

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return torch.tensor(encode(self.texts[row], self.vocabulary)), self.labels[row]


def collate(rows: list[tuple[torch.Tensor, int]]) -> Batch:
    words = [words for words, _ in rows]
    return (
        pad_sequence(words, batch_first=True, padding_value=PADDING),
        torch.tensor([len(each) for each in words]),  # packing wants them on the CPU
        torch.tensor([label for _, label in rows]),
    )


def endless(loader: DataLoader[tuple[torch.Tensor, int]]) -> Iterator[Batch]:
    while True:
        yield from loader


class LabLSTM(nn.Module):
    """Word embedding -> LSTM over packed sequences -> last hidden state -> dropout -> linear layer."""

    def __init__(self, job: Job, vocabulary_size: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, job.embedding_size, padding_idx=PADDING)
        self.lstm = nn.LSTM(job.embedding_size, job.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(job.hidden_size, classes)

    def forward(self, words: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(self.embedding(words), lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        logits: torch.Tensor = self.output(self.dropout(hidden[-1]))
        return logits


@torch.no_grad()
def probabilities(model: LabLSTM, texts: list[str], vocabulary: dict[str, int]) -> torch.Tensor:
    """Shape (texts, classes)."""
    model.eval()
    device = model.output.weight.device
    found = []
    for start in range(0, len(texts), BATCH_SIZE):
        rows = [(torch.tensor(encode(text, vocabulary)), 0) for text in texts[start : start + BATCH_SIZE]]
        words, lengths, _ = collate(rows)
        found.append(model(words.to(device), lengths).softmax(dim=1).cpu())
    return torch.cat(found)


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
