"""The file of a predicted cost: a look-up of one's own, as JSON."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ..record.files import read_plain, sha256_of, write_atomically
from ..schema import CLOSED, Amount, BadRecord, Count, Name, Number, Schema, Text, Whole
from ..spaces.objective import Objective
from ..spaces.region import PredictedCost
from ..spaces.space import SearchSpace
from .published import BadTable

_Values = Annotated[tuple[Number, ...], Field(max_length=1_000_000)]


@dataclass(frozen=True)
class _TermRecord:
    """The places of some decisions, and the cost of each combination of their options, those of the last in a row."""

    decisions: tuple[Whole, ...]
    values: _Values


@dataclass(frozen=True)
class CostTableFile:
    """A predicted cost as its file holds it, with the space's decisions and options by name.

    `conditions` say how the `samples` were measured.
    """

    __pydantic_config__ = CLOSED

    version: Literal[1]
    space: Name
    decisions: tuple[tuple[Text, tuple[Text, ...]], ...]
    objective: Objective
    conditions: Text
    samples: Count
    mae: Amount
    within: Amount
    base: Number
    terms: tuple[_TermRecord, ...]


_FILE = Schema[CostTableFile](CostTableFile)


def write_cost_table(path: Path, cost: PredictedCost, space: SearchSpace, conditions: str, samples: int) -> None:
    """Write a predicted cost of a space, whole or not at all."""
    terms = tuple(_TermRecord(decisions, tuple(values.ravel().tolist())) for decisions, values in cost.terms)
    record = CostTableFile(
        version=1,
        space=space.name,
        decisions=_decisions(space),
        objective=cost.objective,
        conditions=conditions,
        samples=samples,
        mae=cost.mae,
        within=cost.within,
        base=cost.base,
        terms=terms,
    )
    write_atomically(path, json.dumps(_FILE.plain(record)) + "\n")


def read_cost_table(path: Path, space: SearchSpace) -> tuple[PredictedCost, CostTableFile]:
    """Read a predicted cost, and hold it against its space.

    Raises: BadTable where it is none, or one of another space.
    """
    try:
        record = _FILE.read(_content(path))
    except BadRecord as error:
        raise BadTable(f"{path} is no look-up that `genius latency` wrote: {error}") from None
    if record.decisions != _decisions(space):
        raise BadTable(
            f"{path} was made for the space {record.space}, whose decisions or options are others than those of "
            f"{space.name}: make one with `genius latency`"
        )
    terms = tuple((term.decisions, _shaped(term, space, path)) for term in record.terms)
    return PredictedCost(record.objective, record.base, terms, record.mae, record.within), record


def cost_table_sha256(path: Path) -> str:
    """Return the SHA-256 of the file of a predicted cost.

    Raises: BadTable.
    """
    return sha256_of(_content(path))


def _content(path: Path) -> bytes:
    try:
        return read_plain(path)
    except OSError as error:
        raise BadTable(f"the look-up {path} cannot be read: {error.strerror or error}") from None


def _decisions(space: SearchSpace) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((decision.name, tuple(decision.names)) for decision in space.decisions)


def _shaped(term: _TermRecord, space: SearchSpace, path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    if any(at >= len(space.decisions) for at in term.decisions):
        raise BadTable(f"{path} names the decision {max(term.decisions)}, and {space.name} has {len(space.decisions)}")
    shape = [len(space.decisions[at].options) for at in term.decisions]
    if prod(shape) != len(term.values):
        raise BadTable(f"{path} holds {len(term.values)} values of decisions that have {prod(shape)} combinations")
    return np.array(term.values, dtype=np.float64).reshape(shape)
