"""The server of the Model Context Protocol: the tools of an assistant, over standard input and output."""

import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError
from ..printable import one_line
from ..record.secrets import redact
from ..record.versions import own_version
from ..tools.arguments import BadArgument
from .abilities import Abilities
from .permits import permits
from .run_folders import RunFolders
from .searching_abilities import SearchingAbilities

if TYPE_CHECKING:
    from mcp.server import MCPServer

_INSTRUCTIONS = """\
Neural architecture search. list_spaces and describe_space tell what can be searched; cost prices architectures, and \
nothing is trained for it. start_search begins a search, which goes on by itself: watch_search tells how it goes, hint \
tells its language model something, answer answers its questions, stop_search and resume_search stop it and go on. \
predict forecasts architectures after a run's measurements; read_result reads a run. Numbers come with their units."""
_LONGEST = 1_500  # characters of an error
_READ_ONLY = ("list_spaces", "describe_space", "cost", "predict", "list_runs", "read_result", "watch_search")
_CHANGING = ("start_search", "resume_search", "answer", "stop_search", "hint")


def mcp_server(runs: Path, spaces: Sequence[str], options: Mapping[str, Any], set: Sequence[str]) -> "MCPServer[None]":
    """Make the server of a folder of runs; its searches have these options, and may use these spaces of one's own.

    Raises: GeniusError, also where the package `mcp` is missing.
    """
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.tools import Tool
        from mcp_types import ToolAnnotations
    except ImportError:
        raise GeniusError("the server needs the package mcp: pip install 'genius-nas[mcp]'") from None
    folders, allowed = RunFolders(runs.resolve()), permits(spaces, options, set)
    reading, searching = Abilities(folders, allowed), SearchingAbilities(folders, allowed)

    @asynccontextmanager
    async def lifespan(_: "MCPServer[None]") -> AsyncIterator[None]:
        try:
            yield
        finally:
            searching.processes.end()

    tools = []
    for name in (*_READ_ONLY, *_CHANGING):
        ability = getattr(reading if hasattr(reading, name) else searching, name)
        tool = Tool.from_function(
            _told(ability),
            description=inspect.getdoc(ability),
            annotations=ToolAnnotations(read_only_hint=name in _READ_ONLY, open_world_hint=name not in _READ_ONLY),
        )
        tools.append(_closed(tool))
    return MCPServer(
        "genius", instructions=_INSTRUCTIONS, version=own_version(), tools=tools, log_level="ERROR", lifespan=lifespan
    )


def _closed(tool: Any) -> Any:
    """Have a tool refuse arguments that it does not take: the package itself would ignore them."""
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters["additionalProperties"] = False
    return tool


def _told(ability: Callable[..., Any]) -> Callable[..., Any]:
    """Make a tool of a function: what it refuses is told in one sentence, without secrets."""

    @wraps(ability)
    async def tool(*arguments: Any, **named: Any) -> Any:
        from mcp.server.mcpserver.exceptions import ToolError

        try:
            found = ability(*arguments, **named)
            return await found if inspect.isawaitable(found) else found
        except (GeniusError, BadArgument) as error:
            raise ToolError(one_line(redact(str(error)), _LONGEST)) from None
        except OSError as error:
            words = f"cannot use {error.filename}: {error.strerror}" if error.filename else str(error)
            raise ToolError(one_line(redact(words), _LONGEST)) from None

    return tool
