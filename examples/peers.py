"""Proposers of one's own for `genius bench`, as MODULE:NAME: Optuna's TPE, and the guided one with a wrong prior.

pip install optuna
genius bench all --proposers guided,examples.peers:tpe,examples.peers:reversed_prior
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import genius
import numpy as np
from genius.agents.baselines import guided
from genius.guide.guide import GUIDE
from genius.spaces.region import Region

Propose = Callable[[Sequence[object], Sequence[genius.Candidate]], object]


@genius.seeded
def reversed_prior(region: Region, seed: Sequence[int]) -> Propose:
    """Take the smallest networks to be the best until measurements say otherwise."""
    return guided(region, seed, replace(GUIDE, prior=-GUIDE.prior))


@genius.seeded
def tpe(region: Region, seed: Sequence[int]) -> Propose:
    """Propose as Optuna's tree-structured Parzen estimator does, with its own defaults and categorical options."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    choices = {d.name: optuna.distributions.CategoricalDistribution(tuple(d.numbers)) for d in region.space.decisions}

    def ask(history: Sequence[genius.Candidate]) -> str:
        first = int(np.random.default_rng([*seed, len(history)]).integers(2**31))
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=first))
        known = {c.architecture: c.accuracy for c in history if c.architecture and c.accuracy is not None}
        for architecture, accuracy in known.items():
            params = dict(zip(choices, architecture, strict=True))
            study.add_trial(optuna.trial.create_trial(params=params, distributions=choices, value=accuracy))
        space = region.space
        tried = {space.identity(c.architecture) for c in history if c.architecture}
        for _ in range(1_000):
            trial = study.ask(choices)
            found = tuple(trial.params[name] for name in choices)
            if space.identity(found) not in tried and region.allows(found).all():
                return f"By TPE.\nArchitecture: {list(found)}"
            study.tell(trial, state=optuna.trial.TrialState.FAIL)  # a repeat, or off the limits: asked again
        return "-"

    async def propose(prompt: Sequence[object], history: Sequence[genius.Candidate]) -> str:
        return await asyncio.to_thread(ask, history)

    return propose
