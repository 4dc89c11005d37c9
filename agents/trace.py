"""A trace without a viewer: the runs that LangSmith would show, collected as plain JSON to be written down."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from langsmith import Client, run_trees
from langsmith.run_trees import configure
from langsmith.utils import tracing_is_enabled
from pydantic import BaseModel

from .proposer import shortened
from .secrets import redactor

_HEAD, _TAIL = 20_000, 80_000
"""Characters that a trace keeps of the beginning and of the end of a longer text."""


def keep_secrets_out() -> None:
    """Have LangSmith's client clear all it sends of the environment's secrets: a server's error may quote a key.

    Does nothing where tracing is off, or where the program has made its own client before.
    """
    if tracing_is_enabled() and getattr(run_trees, "_CLIENT", None) is None:
        configure(client=_Client(anonymizer=_cleared))


class _Client(Client):
    """LangSmith's client without the parts of a run that its anonymizer does not see.

    The manifest holds the arguments that a model object was made with, such as its headers.
    """

    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **fields: Any) -> None:
        super().create_run(name, inputs, run_type, **_without_manifest(fields))

    def update_run(self, run_id: Any, **fields: Any) -> None:
        super().update_run(run_id, **_without_manifest(fields))


def _without_manifest(fields: Mapping[str, Any]) -> dict[str, Any]:
    extra = _cleared({"extra": fields["extra"]}) if fields.get("extra") else {}
    return {name: value for name, value in fields.items() if name != "serialized"} | extra


class TraceCollector(BaseTracer):
    """Collects each finished run: the graph's invocations, its nodes, and its model calls.

    A callback handler; its runs have the ids, names, tags and metadata that LangSmith gets.
    """

    def __init__(self) -> None:
        super().__init__()
        self._finished: list[dict[str, object]] = []

    def take(self) -> list[dict[str, object]]:
        """Return the runs that have finished since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def _on_run_update(self, run: Run) -> None:
        self._finished.append(_line(run))

    def _persist_run(self, run: Run) -> None:
        """Do nothing for a whole trace: each of its runs was collected when it ended."""


def _line(run: Run) -> dict[str, object]:
    return _cleared(
        {
            "id": run.id,
            "trace_id": run.trace_id,
            "parent_run_id": run.parent_run_id,
            "name": run.name,
            "run_type": run.run_type,
            "start_time": run.start_time,
            "end_time": run.end_time,
            "tags": run.tags,
            "metadata": run.metadata,
            "inputs": run.inputs,
            "outputs": run.outputs,
            "usage": _usage(run.outputs),
            "error": run.error,
        }
    )


def _cleared(fields: Mapping[str, object]) -> dict[str, object]:
    """Return plain JSON without secrets, and without texts that are too long or that no file can hold."""
    redact = redactor()

    def clear(value: Any) -> Any:
        if isinstance(value, str):
            return shortened(redact(value).encode(errors="replace").decode(), _HEAD, _TAIL)
        if isinstance(value, Mapping):
            return {clear(str(key)): clear(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set):
            return [clear(inner) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, BaseModel):
            return clear(value.model_dump(mode="python"))
        return clear(value.isoformat() if isinstance(value, datetime) else str(value))

    return {name: clear(value) for name, value in fields.items()}


def _usage(outputs: Mapping[str, Any] | None) -> object:
    """Return the token counts of a model call, where it reports them."""
    for generation in (outputs or {}).get("generations", [[]])[0]:
        message = generation.get("message")
        if isinstance(message, BaseMessage):
            return getattr(message, "usage_metadata", None)
        if isinstance(message, Mapping):
            return message.get("kwargs", {}).get("usage_metadata")
    return None
