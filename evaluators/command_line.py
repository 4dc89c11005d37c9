"""A user's command: its words, and the placeholders in them that a configuration fills in. No shell reads it."""

import json
import re
import shlex
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import GeniusError
from ..printable import brief
from ..schema import Scalar
from ..spaces.decision import Decision

OURS = ("seed", "device", "folder", "config")
"""The placeholders besides the names of decisions; a decision of such a name goes first."""

_MARK = re.compile(r"(\{\{|\}\})|\{([^{}]*)\}|(\{.*)")  # a brace, a placeholder, or one without its end


def words_of(command: str, decisions: Sequence[Decision]) -> tuple[str, ...]:
    """Split a command into its words, as a shell would, and check its placeholders: `{lr}`; `{{` and `}}` are braces.

    Raises: GeniusError for a command that cannot be read, and for an unknown placeholder.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise GeniusError(f"the command {brief(command)!r} cannot be split into words: {error}") from None
    if not words:
        raise GeniusError("the command is empty: name a program, as in --command ./train.sh")
    known = list(dict.fromkeys([*(decision.name for decision in decisions), *OURS]))
    for mark in (mark for word in words for mark in _MARK.finditer(word) if not mark[1]):
        if mark[3] or mark[2] not in known:
            placeholders = ", ".join(f"{{{each}}}" for each in known)
            raise GeniusError(
                f"the command has no value for {brief(mark[0])}; there are {placeholders}, and {{{{ stands for a brace"
            )
    hidden = [each.name for each in decisions if each.when is not None and each.name in _names(words[0])]
    if hidden:
        raise GeniusError(f"the program {words[0]!r} depends on {hidden[0]!r}, which does not always count")
    return words


def check_program(words: Sequence[str], home: Path) -> None:
    """Make sure that a command's program is there, seen from a folder; one with a placeholder is not looked for.

    Raises: GeniusError.
    """
    if not any(_names(words[0])):
        find_program(_filled(words[0], {}), home)


def filled_in(
    words: Sequence[str], config: Mapping[str, Scalar], hidden: Collection[str], ours: Mapping[str, str]
) -> list[str]:
    """Return the words for a configuration: a text stands as it is, any other value as JSON.

    A word with a `hidden` decision is left out, and so is a flag in front of it that is a word of its own.
    """
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in config.items()}
    kept: list[str] = []
    for before, word in zip(("", *words), words, strict=False):
        if not any(name in hidden for name in _names(word)):
            kept.append(_filled(word, {**ours, **values}))
        elif before.startswith("-") and before.strip("-") and not any(_names(before)):
            kept.pop()
    return kept


def _names(word: str) -> Iterator[str]:
    return (mark[2] for mark in _MARK.finditer(word) if not mark[1])


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _MARK.sub(lambda mark: mark[1][0] if mark[1] else values[mark[2]], word)


def find_program(program: str, home: Path) -> str:
    """Return the path of a program: a relative one is seen from a folder, and a bare name is looked up as usual.

    Raises: GeniusError where there is none.
    """
    bare = Path(program).name == program
    if (found := shutil.which(program if bare else str(home / program))) is None:
        there = not bare and (home / program).is_file()
        why = "it may not be executed: chmod +x it" if there else "there is no such program"
        where = "" if bare or Path(program).is_absolute() else f" in {home}"
        raise GeniusError(f"the command {brief(program)!r} cannot be run{where}: {why}")
    return found
