"""The reflection of a model on a search: its notebook, and the surprises after which it is rewritten."""

from collections.abc import Sequence
from math import hypot

import numpy as np

from ..guide.features import encoder
from ..guide.guide import ADVISER, fit, observe
from ..printable import printable
from ..record.call import Reply
from ..record.candidate import Candidate, Message
from ..record.history import History
from ..record.notebook import NOTEBOOK_LENGTH
from ..spaces.region import Region
from ..tools.seen import short
from .beliefs import seen
from .experiments import list_experiments
from .prompting import Prompts
from .proposer import Form
from .strong_beliefs import strongest_beliefs

NOTEBOOK = Form("notebook")
_SURPRISING = 2.0  # standard deviations
_KNOWN = 3  # measurements before the surrogate's first forecast
_NAMED = 5  # surprises that a prompt names


def surprise(region: Region, history: History, place: int, seed: Sequence[int]) -> str | None:
    """Describe the measurement at a place of a history if it lies beyond 2 standard deviations of the expected value.

    The proposer's own forecast counts, else that of the surrogate from all measurements before it.
    """
    candidate = history[place]
    if candidate.value is None or candidate.architecture is None:
        return None
    told = _own_forecast(candidate) or _forecast(region, history, place, seed)
    if told is None or abs(candidate.value - told[1]) <= _SURPRISING * told[2]:
        return None
    who, expected, sd = told
    objective = history.goal.objective
    measured = objective.numbers([candidate.value, expected])[0]
    written = region.space.written(candidate.architecture)
    return (
        f"iteration {candidate.iteration}, {short(written, 300)}: {measured}, and {who} {objective.near(expected, sd)}"
    )


def _own_forecast(candidate: Candidate) -> tuple[str, float, float] | None:
    if candidate.expected is None or candidate.expected_sd is None:
        return None
    noise = (candidate.measurement and candidate.measurement.sd) or 0.0
    return "its proposer expected", candidate.expected, hypot(candidate.expected_sd, noise)


def _forecast(region: Region, history: History, place: int, seed: Sequence[int]) -> tuple[str, float, float] | None:
    """Return the surrogate's forecast of a measurement, with that one's own noise in its standard deviation."""
    goal, architecture = history.goal, history[place].architecture
    before = History.of(history[:place], goal, history.beliefs)
    if architecture is None or len(before.measured) < _KNOWN:
        return None
    rng = np.random.default_rng([*seed, place])
    surrogate = fit(region, observe(before), rng, ADVISER.of(goal), beliefs=history.beliefs)
    predicted = surrogate.predict(encoder(region.space).encode([architecture]))
    expected, sd = goal.objective.utility(float(predicted.mean[0])), float(predicted.measured_sd()[0])
    return "the surrogate expected", expected, sd


def ask_notebook(
    prompts: Prompts, region: Region, history: History, iterations: int | None, surprises: Sequence[str]
) -> list[Message]:
    """Write the request to rewrite the notebook; the history holds the one so far."""
    space, used = region.space, len(history)
    words = prompts.render(
        "notebook",
        space=space.words,
        limits=region.words if region.limits.limited else "",
        objectives="; ".join(objective.words for objective in history.goal.objectives),
        experiments=list_experiments(region, history, "best", prompts),
        used=used,
        left=-1 if iterations is None else max(0, iterations - used),
        surprises=list(surprises[-_NAMED:]),
        notes=history.notebook,
        beliefs=strongest_beliefs(space, history.beliefs),
        length=NOTEBOOK_LENGTH,
    )
    return [Message(role="user", content=words)]


def read_notebook(reply: Reply) -> str:
    """Read the notebook in an answer: printable text, without its end where it is too long.

    Raises: UnreadableAnswer.
    """
    text = printable(seen(reply).strip())
    if len(text) <= NOTEBOOK_LENGTH:
        return text
    return f"{text[: NOTEBOOK_LENGTH - 2].rstrip()} …"
