"""The arms of a hybrid search, and the choice among the architectures that they offer.

Some arms go by the language model's beliefs, the others do without. The evidence says how far the beliefs are to be
trusted: their posterior probability among the mean functions of the surrogate. It is also the share of the iterations
of the arms that go by them (posterior sampling, Thompson 1933). So beliefs that are wrong cost little: the guide
without beliefs searches as it does alone, its exploration included, and what it measures speaks against them.

The arms of one side are held to the probability that their offers improve on the best. The surrogate that promises
this is also the one by which the guide chooses, and would always judge itself right. So a promise is held to account:
an arm's probabilities are multiplied by how often its picks really improved, over how often that was promised. An arm
that is no guide has to earn this first: by the part of the iterations that is shared out evenly, whatever is promised,
and the model by its start, which is measured against the guide's own first pick.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..errors import GeniusError
from ..guide.features import Floats
from ..plugins import OWN
from ..record.candidate import Candidate, Offer
from ..record.history import History
from ..record.settings import MODEL
from ..spaces.region import Region
from .baselines import PROPOSERS
from .prompting import Prompts
from .proposer import Asking, Briefing, Proposer, Unprompted

START = "start"
"""The arm of the architectures that a model would try first."""

BELIEVING, UNBELIEVING = "guided", "guided-without-beliefs"
GUIDES = (BELIEVING, UNBELIEVING)
ARMS = (MODEL, *GUIDES)
"""The arms of a hybrid search where none are named; the guide without beliefs has the first pick."""

_EVEN = 0.1  # of the iterations: shared out evenly among the arms
_DOUBT = 1.0  # improvements, promised, and by a guide made, that stand for an arm of which nothing is known yet
_DRAW = 15  # tells the choice's random numbers from those of the arms


def open_arms(
    names: Sequence[str],
    region: Region,
    seed: Sequence[int],
    model: Proposer | None = None,
    prompts: Prompts | None = None,
) -> dict[str, Proposer]:
    """Make the arms of a trial by their names; `model` is the search's language model, `prompts` are its templates.

    Raises: GeniusError for an unknown name, and for an arm that asks a model where there is none.
    """
    return {
        name: _open_arm(name, region, seed, model, prompts or Prompts())
        for name in names or (ARMS if model else GUIDES)
    }


def _open_arm(name: str, region: Region, seed: Sequence[int], model: Proposer | None, prompts: Prompts) -> Proposer:
    if name == START:
        raise GeniusError(f"the arm {START!r} is in every hybrid search, where its model names starts: leave it out")
    make = None if name == MODEL else PROPOSERS.find(name)
    if make is not None and not isinstance(make, Briefing):
        return make(region, seed)
    if model is None:
        raise GeniusError(f"the arm {name!r} asks a language model: name one with --llm")
    return model if make is None else Asking(name, make.brief(region, seed, prompts), model)


@Unprompted
def no_model(*_: object) -> str:
    """Stand for the language model of a hybrid search that has none.

    Raises: GeniusError, since nobody asks it.
    """
    raise GeniusError(f"this search has no language model: name one with --llm, or arms of {OWN} without one")


def credits_of(history: Sequence[Candidate], arms: Collection[str]) -> dict[str, float]:
    """Return by how much each arm's promises are to be multiplied: the improvements that its picks made over those that
    they promised, where these are few shrunk towards 1 for a guide, and towards 0 for any other arm beside one.

    An arm is given credit for every architecture that it offered and that was tried, whoever was chosen for it. A start
    counts for the model.
    """
    known = History.of(history)
    improved = {candidate.iteration for candidate in known.goal.improving(known.measured)}
    promised: defaultdict[str, float] = defaultdict(float)
    made: defaultdict[str, float] = defaultdict(float)
    for candidate in known:
        settled = candidate.measurement is not None or candidate.error is not None
        for offer in candidate.offers if settled else ():
            if offer.architecture == candidate.architecture and offer.probability is not None:
                promised[_owner(offer.arm)] += offer.probability
                made[_owner(offer.arm)] += candidate.iteration in improved
    trusted = {*GUIDES}.intersection(arms) or {*arms}
    return {arm: (_DOUBT * (arm in trusted) + made[_owner(arm)]) / (_DOUBT + promised[_owner(arm)]) for arm in arms}


def _owner(arm: str) -> str:
    return MODEL if arm == START else arm


def goes_by_beliefs(arm: str) -> bool:
    """Tell whether an arm goes by the language model's beliefs: it is the model, or a guide that was told them."""
    return arm in (MODEL, START, BELIEVING) or isinstance(None if ":" in arm else PROPOSERS.known(arm), Briefing)


def shares(offers: Sequence[Offer], credits: Mapping[str, float], belief: float | None = None) -> Floats:
    """Return the probability that each offer is taken: shape (n,).

    The arms that go by the model's beliefs share the probability `belief` of these, the others the rest; where all are
    on one side, or nothing was believed, they share all. They do so in proportion to an offer's probability to improve
    times its arm's credit, but for the part of all iterations that is shared out evenly.
    """
    weights = np.array([(offer.probability or 0.0) * credits[offer.arm] for offer in offers])
    believing = np.array([goes_by_beliefs(offer.arm) for offer in offers])
    if belief is None or believing.all() or not believing.any():
        found = _in_proportion(weights)
    else:
        found = np.zeros(len(offers))
        for side, share in ((believing, belief), (~believing, 1 - belief)):
            found[side] = share * _in_proportion(weights[side])
    even: Floats = _EVEN / len(offers) + (1 - _EVEN) * found
    return even


def _in_proportion(weights: Floats) -> Floats:
    found: Floats = weights / weights.sum() if weights.any() else np.full(len(weights), 1 / len(weights))
    return found


def choose_offer(
    offers: Sequence[Offer],
    history: Sequence[Candidate],
    seed: Sequence[int],
    refused: int = 0,
    belief: float | None = None,
) -> int:
    """Return the place of the offer that is tried: a draw that depends on nothing but its arguments.

    Until something was measured the arms take turns, in their order. `refused` is how many proposals of this iteration
    were refused, `belief` the probability of the model's beliefs by the evidence.
    """
    if all(offer.probability is None for offer in offers):
        return (len(history) + refused) % len(offers)
    rng = np.random.default_rng([*seed, len(history), refused, _DRAW])
    credits = credits_of(history, [offer.arm for offer in offers])
    return int(rng.choice(len(offers), p=shares(offers, credits, belief)))
