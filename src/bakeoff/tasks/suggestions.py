"""Suggest the settings of the next trial of a search, with Optuna."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.methods.search_space import Choice, SearchSpace
from bakeoff.runs.results import Trial

if TYPE_CHECKING:
    import optuna

_FEWEST_FOR_IMPORTANCE = 4
_UNPRUNED_TRIALS = 4
"""The first trials are never stopped early: there is too little to compare them with."""


@dataclass(frozen=True)
class Suggestions:
    """A tree-structured Parzen estimator (Bergstra et al. 2011) and a pruner by the median of earlier trials.

    Nothing is kept between calls: each depends on the seed and the trials so far alone.
    """

    space: SearchSpace
    seed: int
    trials_wanted: int | None
    higher_is_better: bool

    def settings(self, number: int, trials: Sequence[Trial]) -> dict[str, Any]:
        """Return the settings of a trial, from 2, which knows the trials so far.

        Those between them and it are of the same round: their settings are taken into account, as if they had ended
        badly, which keeps it away from them.
        """
        study = self._study(trials)
        params: dict[str, Any] = {}
        for each in range(max(len(trials) + 1, 2), number + 1):
            study.sampler = self._sampler(each)
            params = study.ask(self._distributions()).params
        return params

    def falls_behind(self, trials: Sequence[Trial], values: Sequence[float]) -> bool:
        """Return whether a trial is worse than the median of earlier ones after as many evaluations.

        Args:
            values: Its evaluations so far.
        """
        trial = self._study(trials).ask(self._distributions())
        for step, value in enumerate(values):
            trial.report(value, step)
        return bool(trial.should_prune())

    def importance(self, trials: Sequence[Trial]) -> dict[str, float]:
        """Return each setting's share of the variance of the results, or nothing where too few trials ended."""
        import optuna

        study = self._study(trials)
        values = {trial.value for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])}
        if len(values) < _FEWEST_FOR_IMPORTANCE:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self.seed)
        importance = optuna.importance.get_param_importances(study, evaluator=evaluator)
        return {name: float(share) for name, share in importance.items()}

    def _study(self, trials: Sequence[Trial]) -> optuna.Study:
        """Return a study that knows the trials."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            direction="maximize" if self.higher_is_better else "minimize",
            sampler=self._sampler(len(trials) + 1),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED_TRIALS),
        )
        states = {
            "finished": optuna.trial.TrialState.COMPLETE,
            "pruned": optuna.trial.TrialState.PRUNED,
            "failed": optuna.trial.TrialState.FAIL,
        }
        for trial in trials:
            # The config's own settings, those of the first trial, need not lie within the search space.
            with contextlib.suppress(ValueError):
                study.add_trial(
                    optuna.trial.create_trial(
                        params={name: trial.chosen.get(name, value) for name, value in trial.settings.items()},
                        distributions=self._distributions(),
                        value=None if trial.state == "failed" else trial.value,
                        intermediate_values=dict(enumerate(trial.values)),
                        state=states[trial.state],
                    )
                )
        return study

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Return what draws a trial's settings, from the seed and the trial's number."""
        import optuna

        seed = int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])
        at_random = max(4, (self.trials_wanted or 40) // 4)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=at_random, constant_liar=True)

    def _distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        made: dict[str, optuna.distributions.BaseDistribution] = {}
        for name, values in self.space.items():
            if isinstance(values, Choice):
                made[name] = CategoricalDistribution(values.values)
            elif isinstance(values.low, int) and isinstance(values.high, int):
                made[name] = IntDistribution(values.low, values.high, log=values.log)
            else:
                made[name] = FloatDistribution(values.low, values.high, log=values.log)
        return made
