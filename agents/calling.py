"""The caller's callbacks, names and metadata for every invocation inside a search, in LangChain's form."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError
from ..plugins import Plugins
from .otel import send_traces

if TYPE_CHECKING:
    from langchain_core.callbacks import BaseCallbackHandler, Callbacks
    from langchain_core.runnables import RunnableConfig

_TAKEN = ("callbacks", "tags", "metadata", "run_name", "max_concurrency")
_LEFT = ("configurable", "recursion_limit", "run_id")
"""Keys of a node's configuration in LangGraph that are ignored: they belong to that run, and a search has its own."""


def caller_config(callbacks: "Callbacks" = None, config: "RunnableConfig | None" = None) -> "RunnableConfig":
    """Merge a caller's callbacks with the parts of a RunnableConfig that hold for every invocation of the graph.

    Raises: GeniusError for values of other types, and for unknown keys.
    """
    if config is not None and not isinstance(config, Mapping):
        raise GeniusError(f"config takes a RunnableConfig, a dict with {', '.join(_TAKEN)}, got {config!r:.80}")
    given: Mapping[str, Any] = config or {}
    if unknown := [name for name in given if name not in (*_TAKEN, *_LEFT)]:
        raise GeniusError(f"config has no {unknown[0]!r}: a search takes {', '.join(_TAKEN)} of it")
    found: Any = {name: given[name] for name in _TAKEN if given.get(name) is not None}
    for each in (callbacks, found.get("callbacks")):
        _check_callbacks(each)
    if callbacks is not None:
        from langchain_core.runnables.config import merge_configs

        found = merge_configs(found, {"callbacks": callbacks})
    return found  # type: ignore[no-any-return]


def _read(value: object) -> "BaseCallbackHandler | None":
    from langchain_core.callbacks import BaseCallbackHandler

    return value if isinstance(value, BaseCallbackHandler) else None


CALLBACKS: "Plugins[BaseCallbackHandler]" = Plugins("callback", {}, _read, "a callback handler of LangChain's")
"""The door for sinks of traces: LangChain's callback handlers, of which none is built in."""


OTEL = "otel"
"""The name by which traces are sent by OpenTelemetry."""


def callbacks_named(names: Iterable[str]) -> "list[BaseCallbackHandler]":
    """Return callback handlers by their names; `otel` is none, but has all traces sent.

    Raises: GeniusError for a name of another object, and where a package is missing.
    """
    names = list(names)
    if OTEL in names:
        send_traces()
    return [CALLBACKS.find(name) for name in names if name != OTEL]


def _check_callbacks(callbacks: object) -> None:
    from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager

    if callbacks is None or isinstance(callbacks, BaseCallbackManager):
        return
    if not isinstance(callbacks, Sequence) or not all(isinstance(one, BaseCallbackHandler) for one in callbacks):
        raise GeniusError(f"callbacks takes a list of LangChain's callback handlers, got {callbacks!r:.80}")
