"""Whether a run and the call that goes on with it fit together: the same space, and the parts that differ."""

import json
from collections.abc import Iterator

from ..errors import GeniusError
from ..record.files import sha256_of
from ..record.settings import Settings
from ..spaces.decision import Decision
from ..spaces.space import SearchSpace
from .setup import Given, named_space


def fingerprint(space: SearchSpace) -> str:
    """Return the SHA-256 of a space's decisions, with their options and numbers."""
    decisions = [[decision.name, decision.names, decision.first, *_more(decision)] for decision in space.decisions]
    return sha256_of(json.dumps(decisions).encode())


def _more(decision: Decision) -> list[object]:
    """Return the types of a decision's options, its scale and its condition; nothing for plain texts."""
    if decision.plain:
        return []
    return [[type(option).__name__ for option in decision.options], decision.scale, decision.condition]


def check_fits(old: Settings, new: Settings, given: Given) -> None:
    """Make sure that a run goes on with the space that it began with.

    Raises: GeniusError.
    """
    space = given.space or (None if "space" in new.run.custom else named_space(new))
    if space is not None and old.run.fingerprint and fingerprint(space) != old.run.fingerprint:
        raise GeniusError(
            f"the space {space.name} has other decisions or options than when this run began: its architectures would "
            "mean something else; start a new search"
        )


def changes_in_words(old: Settings, new: Settings) -> Iterator[str]:
    """Say which of its parts a run goes on without."""
    if old.run.table_sha256 != new.run.table_sha256:
        yield f"from now on {new.goal.objective.plural} are those of the table {new.training.table}"
    before, after = (one.llm.models or (one.proposer,) for one in (old, new))
    if before != after:
        yield f"{', '.join(before)} made this run; from now on {', '.join(after)} proposes"
