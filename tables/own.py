"""A table of one's own: read, and checked against its space before a search uses it.

The file is JSON: an object that maps keys of the space (`SearchSpace.key`) to an accuracy in percent, or to an object
with `accuracy` and, for reports, `test_accuracy`; other fields are not read. Where the space names another objective,
the numbers are its values, and the fields are `value` and `test_value`. An entry that cannot be meant is an error.
A table that can be searched all the same is a warning: where it lacks architectures, the space is narrowed to those
that it holds.
"""

import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import warn
from ..printable import brief, said_by
from ..record.files import sha256_of
from ..schema import LARGEST
from ..spaces.objective import ACCURACY, Objective
from ..spaces.rule import judge, rule_in_words
from ..spaces.space import ENUMERABLE, Architecture, SearchSpace
from .published import BadTable, Table

_LARGEST = 2**28  # bytes of a file

_Numbers = dict[str, float]
"""Accuracies by the keys of the file."""


def open_table(space: SearchSpace, path: Path) -> tuple[SearchSpace, Table]:
    """Read a table; return the space narrowed to the table's architectures, and the table in the space's order.

    One GeniusWarning lists possible mistakes, with counts and examples. Raises: BadTable.
    """
    content = _content(path)
    values, test = _values(_parsed(content, space.measured, path), space.measured, path)
    architectures = _by_key(space, path)
    _check_keys(space, path, list(values), architectures)
    allowed = space.allows([architectures[key] for key in values])
    held = [key for key, kept in zip(values, allowed, strict=True) if kept]
    if not held:
        raise BadTable(f"{path} holds nothing that the rule of {space.name} allows")
    held.sort(key=architectures.__getitem__)
    table = Table(
        [architectures[key] for key in held],
        np.array([values[key] for key in held]),
        np.array([test.get(key, values[key]) for key in held]),
        space.identity,
        sha256_of(content),
        space.measured,
    )
    narrowed = _only(space, table)
    remarks = [*_on_the_file(values, test, held, space.measured), *_on_the_space(space, narrowed, table)]
    if remarks:
        warn(f"the table {path}: {'; '.join(remarks)}")
    return narrowed, table


def table_sha256(path: Path) -> str:
    """Return the SHA-256 of a table's file.

    Raises: BadTable.
    """
    return sha256_of(_content(path))


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise BadTable(f"the table {path} is not there, or no file")
        if (size := path.stat().st_size) > _LARGEST:
            raise BadTable(f"the table {path} has {size:,} bytes, more than the {_LARGEST:,} that are read")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadTable(f"the table {path} cannot be read: {said_by(error)}") from error


def _parsed(content: bytes, objective: Objective, path: Path) -> Mapping[str, object]:
    """Read JSON, and check that no key occurs twice with different values."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        twice.extend(key for key, value in pairs if found[key] is not value and found[key] != value)
        return found

    try:
        parsed = json.loads(content, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise BadTable(f"the table {path} is no JSON: {said_by(error)}") from error
    if twice:
        raise BadTable(f"the table {path} gives {len(twice):,} keys twice, with different values, {_as(twice)}")
    if not isinstance(parsed, dict):
        raise BadTable(f"the table {path} is to give {objective.plural} by architecture, got {brief(repr(parsed))}")
    return parsed


def _values(parsed: Mapping[str, object], objective: Objective, path: Path) -> tuple[_Numbers, _Numbers]:
    """Return the values of all keys, and the test values of those that have one."""
    value, test_value = objective.titles
    rows = {key: row if isinstance(row, dict) else {value: row} for key, row in parsed.items()}
    seen = {key: row.get(value) for key, row in rows.items()}
    test = {key: row[test_value] for key, row in rows.items() if row.get(test_value) is not None}
    what = objective.plural
    return _numbers(what, seen, objective, path), _numbers(f"test {what}", test, objective, path)


def _numbers(what: str, values: Mapping[str, object], objective: Objective, path: Path) -> _Numbers:
    found = {key: float(value) for key, value in values.items() if _is_number(value, objective)}  # type: ignore[arg-type]
    if wrong := [key for key in values if key not in found]:
        unit = "in percent" if objective == ACCURACY else f"in {objective.unit}" if objective.unit else ""
        allowed = ", ".join(filter(None, [f"numbers {objective.ends}".strip(), unit]))
        raise BadTable(
            f"of the {len(values):,} {what} in {path} {len(wrong):,} are no {allowed}, "
            f"{_as(wrong)}: {brief(repr(values[wrong[0]]))}"
        )
    return found


def _is_number(value: object, objective: Objective) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= LARGEST:
        return False
    return objective.outside(value) is None


def _by_key(space: SearchSpace, path: Path) -> dict[str, Architecture]:
    """Map keys to architectures, those that the rule forbids included."""
    if space.size > ENUMERABLE:
        raise BadTable(
            f"{path} cannot be a table of {space.name}: it has {space.size:.3g} architectures, too many to list"
        )
    found: dict[str, Architecture] = {}
    for architecture in space.without_rule.architectures():
        if (other := found.setdefault(space.key(architecture), architecture)) != architecture:
            raise BadTable(
                f"{list(other)} and {list(architecture)} of {space.name} have the same key, "
                f"{space.key(architecture)!r}: give the space a `key` that tells them apart"
            )
    return found


def _check_keys(space: SearchSpace, path: Path, keys: Sequence[str], known: Mapping[str, Architecture]) -> None:
    if not keys:
        raise BadTable(f"the table {path} is empty: its keys should look like {next(iter(known))!r}")
    if unknown := [key for key in keys if key not in known]:
        raise BadTable(
            f"of the {len(keys):,} keys in {path} {len(unknown):,} are no architecture of {space.name}, "
            f"{_as(unknown)}: they should look like {next(iter(known))!r}"
        )


def _as(examples: Sequence[str]) -> str:
    return f"as {brief(repr(examples[0]))}"


def _only(space: SearchSpace, table: Table) -> SearchSpace:
    """Narrow a space to the architectures that a table holds."""
    if len(table) == space.count:
        return space
    own = space.valid

    def held(architecture: Architecture) -> bool | str:
        if own is not None and (told := judge(own, architecture, space.name)) is not True:
            return told
        return table.place(architecture) is not None or "the table does not hold it"

    words = "only its table's architectures can be measured"
    held.__doc__ = "; ".join(filter(None, [own and rule_in_words(own), words]))
    return replace(space, valid=held)


def _on_the_file(values: _Numbers, test: _Numbers, held: Sequence[str], objective: Objective) -> Iterator[str]:
    if forbidden := sorted(set(values) - set(held)):
        yield f"the rule forbids {len(forbidden):,} of its {len(values):,} keys, {_as(forbidden)}; they are left out"
    lacking = [key for key in values if key not in test]
    if test and lacking:
        of_all = f"{len(lacking):,} of {len(values):,}"
        yield f"{of_all} have no test {objective.name}, {_as(lacking)}; their {objective.name} stands for it"
    if objective == ACCURACY and 0 < max(values.values()) <= 1:
        yield "no accuracy is above 1, and all are read as percent"


def _on_the_space(space: SearchSpace, narrowed: SearchSpace, table: Table) -> Iterator[str]:
    if narrowed is not space:
        lacking = (a for a in space.architectures() if table.place(a) is None)
        total = space.count or space.size
        missing = f"{total - len(table):,} of the {total:,} architectures of {space.name}"
        searched = f"only the {len(table):,} that it holds are searched, and ranks are among these"
        yield f"it lacks {missing}, as {list(next(lacking))}; {searched}"
    values: dict[Hashable, list[int]] = defaultdict(list)
    for at, architecture in enumerate(table.architectures):
        values[table.identity(architecture)].append(at)
    apart = [ats for ats in values.values() if len({(table.values[at], table.test_values[at]) for at in ats}) > 1]
    if apart:
        one, other = (list(table.architectures[at]) for at in apart[0][:2])
        yield (
            f"{len(apart):,} functions have architectures with different {space.measured.plural}, as {one} and "
            f"{other}; a search tries one of each"
        )
