"""The beliefs that a simulated model states, from its judgement of every architecture."""

import json
from collections.abc import Hashable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..guide.features import Floats
from ..record.notebook import Beliefs, CostBelief, OptionBelief, PairBelief
from ..spaces.space import Architecture, SearchSpace
from ..tables.published import Table
from .judgement import Factor, factored, kendall

_STARTS, _OPTIONS, _PAIRS = 3, 60, 8  # that are stated at most
_STRONGEST = 2.0  # the score of the strongest option
_COSTS = ("flops", "params")


def beliefs_in_json(space: SearchSpace, beliefs: Beliefs) -> str:
    """Write beliefs as a language model does that is asked for structured output: decisions by their names."""

    def named(decision: int, option: int, prefix: str = "") -> dict[str, object]:
        one = space.decisions[decision]
        written = one.names[option - one.first] if space.by_value else option
        return {f"{prefix}decision": one.name, f"{prefix}option": written}

    return json.dumps(
        {
            "starts": [json.loads(space.declared(start)) for start in beliefs.starts],
            "options": [named(each.decision, each.option) | _score(each) for each in beliefs.options],
            "pairs": [
                named(each.decisions[0], each.options[0])
                | named(each.decisions[1], each.options[1], "other_")
                | _score(each)
                for each in beliefs.pairs
            ],
            "costs": [{"cost": each.cost} | _score(each) for each in beliefs.costs],
        }
    )


def _score(belief: OptionBelief | PairBelief | CostBelief) -> dict[str, object]:
    return {"score": belief.score, "why": belief.why}


def stated(space: SearchSpace, table: Table, scores: Floats) -> Beliefs:
    """State the scores of a table's architectures as beliefs.

    Options and pairs have their effects in the scores, in halves, where the strongest option has 2; of the pairs the
    strongest are named. Costs have four times their Kendall correlation with the scores. The starts are the best.
    """
    known = factored(table)
    found = known.effects_in(scores)
    alone = len(space.decisions)
    strongest = max(float(np.abs(effect).max()) for effect in found[:alone]) or 1.0
    rounded = [_halves(_STRONGEST * effect / strongest) for effect in found]
    options = [
        OptionBelief(at, int(option), float(of_options[option]))
        for at, of_options in enumerate(rounded[:alone])
        for option in np.flatnonzero(of_options)
    ]
    options.sort(key=lambda belief: -abs(belief.score))
    return Beliefs(
        tuple(islice(_best(table, scores), _STARTS)),
        tuple(options[:_OPTIONS]),
        tuple(_pairs(known.factors[alone:], rounded[alone:])),
        tuple(_costs(space, table, scores)),
    )


def _halves(scores: npt.ArrayLike) -> Floats:
    return np.clip(np.round(2 * np.asarray(scores, dtype=float)) / 2, -_STRONGEST, _STRONGEST)


def _best(table: Table, scores: Floats) -> Iterator[Architecture]:
    """Go through the architectures by their scores; of those that are the same function the first stands."""
    seen: set[Hashable] = set()
    for at in np.argsort(-scores, kind="stable"):
        architecture = table.architectures[at]
        if (identity := table.identity(architecture)) not in seen:
            seen.add(identity)
            yield architecture


def _pairs(factors: Sequence[Factor], scores: Sequence[Floats]) -> Iterator[PairBelief]:
    """State the strongest pairs."""
    found = [
        (float(table[code]), factor.decisions, divmod(int(code), factor.width))
        for factor, table in zip(factors, scores, strict=True)
        for code in np.flatnonzero(table)
    ]
    for score, (one, other), options in sorted(found, key=lambda pair: -abs(pair[0]))[:_PAIRS]:
        yield PairBelief((one, other), options, score)


def _costs(space: SearchSpace, table: Table, scores: Floats) -> Iterator[CostBelief]:
    if not space.costed:
        return
    costs = space.costs(list(table.architectures))
    for at, name in enumerate(_COSTS):
        if score := float(_halves(4 * kendall(scores, costs[:, at]))):
            yield CostBelief(name, score)
