"""The arms of a hybrid search, and the choice among the architectures that they offer.

The surrogate that weighs the offers is also the one by which its own arms choose: their offers maximise its score, and
so it would always judge itself right. Two things speak against that. A part of the iterations is shared out evenly,
whatever it promises. And a promise is held to account: an arm's probabilities are multiplied by how often its picks
really improved on the best, over how often the surrogate had promised that they would.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

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

GUIDES = ("guided", "guided-without-beliefs")
ARMS = (MODEL, *GUIDES)
"""The arms of a hybrid search where none are named."""

_EVEN = 0.2  # of the iterations: shared out evenly among the arms
_DOUBT = 1.0  # improvements, promised and made, that stand for an arm of which nothing is known yet
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


def check_arm(name: str) -> None:
    """Raises GeniusError for an arm that cannot be found."""
    if name not in (MODEL, START) and ":" not in name:
        PROPOSERS.find(name)


@Unprompted
def no_model(*_: object) -> str:
    """Stand for the language model of a hybrid search that has none.

    Raises: GeniusError, since nobody asks it.
    """
    raise GeniusError(f"this search has no language model: name one with --llm, or arms of {OWN} without one")


def credits_of(history: Sequence[Candidate]) -> Mapping[str, float]:
    """Return by how much each arm's promises are to be multiplied: the improvements that its picks made over those that
    they promised, shrunk towards 1 where there are few. An arm of which nothing is known has 1.

    An arm is given credit for every architecture that it offered and that was tried, whoever was chosen for it.
    """
    known = History.of(history)
    improved = {candidate.iteration for candidate in known.goal.improving(known.measured)}
    promised: defaultdict[str, float] = defaultdict(float)
    made: defaultdict[str, float] = defaultdict(float)
    for candidate in known:
        settled = candidate.measurement is not None or candidate.error is not None
        for offer in candidate.offers if settled else ():
            if offer.architecture == candidate.architecture and offer.probability is not None:
                promised[offer.arm] += offer.probability
                made[offer.arm] += candidate.iteration in improved
    return defaultdict(lambda: 1.0, {arm: (_DOUBT + made[arm]) / (_DOUBT + promised[arm]) for arm in promised})


def shares(offers: Sequence[Offer], credits: Mapping[str, float]) -> Floats:
    """Return the probability that each offer is taken: in proportion to its probability to improve times its arm's
    credit, but for the part of all iterations that is shared out evenly. Shape (n,)."""
    weights = np.array([(offer.probability or 0.0) * credits[offer.arm] for offer in offers])
    if not weights.any():
        weights = np.ones(len(offers))
    found: Floats = _EVEN / len(offers) + (1 - _EVEN) * weights / weights.sum()
    return found


def choose_offer(offers: Sequence[Offer], history: Sequence[Candidate], seed: Sequence[int], refused: int = 0) -> int:
    """Return the place of the offer that is tried: a draw that depends on nothing but offers, history and seed.

    Until something was measured the arms take turns, in their order. `refused` is how many proposals of this iteration
    were refused.
    """
    if all(offer.probability is None for offer in offers):
        return (len(history) + refused) % len(offers)
    rng = np.random.default_rng([*seed, len(history), refused, _DRAW])
    return int(rng.choice(len(offers), p=shares(offers, credits_of(history))))
