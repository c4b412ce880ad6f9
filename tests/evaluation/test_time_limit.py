from __future__ import annotations

from bakeoff.evaluation.time_limit import time_limit
from bakeoff.evaluation.verdict import decide
from bakeoff.runs.results import EpochLine
from tests.evaluation.test_verdict import DRAWS, classified, np, result


def line(seconds: float, loss: float, accuracy: float | None = None) -> EpochLine:
    return EpochLine(epoch=1, step=1, validation_loss=loss, validation_accuracy=accuracy, seconds=seconds, best=True)


QUICK = [line(5, 3.2), line(10, 3.0)]
SLOW = [line(9, 3.1), line(20, 2.8), line(40, 2.5)]


def found(**epochs: list[EpochLine]):
    results = [
        result(name, 20.0, task="language-model", seconds=lines[-1].seconds if lines else 1.0)
        for name, lines in epochs.items()
    ]
    return time_limit(results, {name: lines for name, lines in epochs.items() if lines})


def test_everybody_is_read_at_the_time_of_the_quickest():
    limit = found(slow=SLOW, quick=QUICK)

    assert limit is not None
    assert (limit.quickest, limit.seconds, limit.metric) == ("quick", 10, "validation loss")
    assert limit.values == {"slow": 3.1, "quick": 3.0}
    assert limit.leader == "quick"


def test_the_best_evaluation_counts_and_accuracy_where_there_is_one():
    limit = found(a=[line(1, 0.5, 0.8), line(2, 0.4, 0.7)], b=[line(2, 0.6, 0.75), line(4, 0.1, 0.9)])

    assert limit is not None
    assert (limit.metric, limit.values, limit.leader) == ("validation accuracy", {"a": 0.8, "b": 0.75}, "a")


def test_who_was_not_evaluated_by_then_has_no_value():
    limit = found(quick=QUICK, late=[line(30, 1.0)])

    assert limit is not None
    assert limit.values == {"quick": 3.0, "late": None}
    assert limit.leader == "quick"


def test_a_quickest_that_is_never_evaluated_leads_nobody():
    limit = found(linear=[], lstm=[line(0.5, 0.6, 0.7), line(9, 0.5, 0.8)])

    assert limit is not None
    assert (limit.quickest, limit.leader, limit.values) == ("linear", None, {"lstm": 0.7})


def test_there_is_nothing_to_say_of_one_or_of_equal_times():
    assert found(alone=QUICK) is None
    assert found(a=QUICK, b=[line(10.5, 2.0)]) is None
    assert found(a=[], b=[]) is None


def test_losses_of_other_tokenizers_are_not_compared_where_answers_decide():
    """A nat per token of one model is not that of another; a verdict by perplexity has the same tokens."""

    def of_models(metric: str, *models: str):
        results = [result(name, 20.0, task="language-model") for name in "ab"]
        for each, model in zip(results, models, strict=True):
            each.pretrained_model = model
            each.metrics[0].name = metric
        return time_limit(results, {"a": QUICK, "b": SLOW})

    assert of_models("token_f1", "smollm2-135m", "gpt2") is None
    assert of_models("token_f1", "gpt2", "gpt2") is not None
    assert of_models("perplexity", "gpt2", "gpt2-medium") is not None


def sentences(seconds: dict[str, float], epochs: dict[str, list[EpochLine]]) -> str:
    right = np.arange(200) < 150
    results = [result(name, 0.75, documents=200, seconds=each) for name, each in seconds.items()]
    verdict = decide(results, {name: [classified(right)] for name in seconds}, epochs=epochs, **DRAWS)
    return " ".join(verdict.sentences)


def test_the_sentence_names_leader_limit_and_the_others():
    text = sentences({"quick": 10, "slow": 40}, {"quick": QUICK, "slow": SLOW})
    assert (
        "Under a limit of 10 s of training, the time of quick, quick leads: validation loss 3.0000, against slow's "
        "3.1000 (a single look at the validation split, without an interval)." in text
    )


def test_the_sentence_without_a_leader_says_where_the_others_stood():
    text = sentences({"linear": 1, "lstm": 40, "gru": 30}, {"lstm": SLOW, "gru": [line(0.5, 3.3), line(30, 2.9)]})
    assert (
        "When linear finished training, after 1.0 s, gru had reached a validation loss of 3.3000 and lstm had not been "
        "evaluated yet." in text
    )
