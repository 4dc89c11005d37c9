"""The jobs of a user's own code: a function that is named, or a command. Does not load it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..schema import CLOSED, Flag, Name, Numbers, Scalar, Text, Title
from ..spaces.objective import SCORE
from ..training.job import Job

Config = Annotated[dict[str, Scalar], Field(max_length=100_000)]
"""The values of an architecture in plain types, by the names of the decisions that count."""


@dataclass(frozen=True, kw_only=True)
class ScriptJob(Job):
    """An evaluation by a user's own code.

    - `config`: the options that were chosen; `architecture` is the same as option numbers. `hidden` are the names of
      the decisions that do not count here.
    - `names`: the quantities that the goal needs, that of the first objective first.
    - `home`: the folder where the search was started, which relative paths are of.
    """

    may_be_silent = True

    config: Config
    architecture: Numbers
    hidden: tuple[Name, ...] = ()
    names: tuple[Title, ...] = (SCORE.name,)
    home: Path


@dataclass(frozen=True, kw_only=True)
class FunctionJob(ScriptJob):
    """An evaluation by a function, `MODULE:NAME` or `FILE.py:NAME`.

    `space` names the space where options are objects, which only the space itself holds. `by_value` tells whether a
    function of one argument gets the values or the option numbers.
    """

    __pydantic_config__ = CLOSED

    kind: Literal["function"] = "function"
    function: Name
    space: Name | None = None
    by_value: Flag = True


@dataclass(frozen=True, kw_only=True)
class CommandJob(ScriptJob):
    """An evaluation by a command, as its words with placeholders."""

    __pydantic_config__ = CLOSED

    kind: Literal["command"] = "command"
    command: tuple[Text, ...]
