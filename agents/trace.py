"""The trace of a search as plain JSON: the runs that LangSmith would show, for a file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from langsmith import Client, get_tracing_context, run_trees
from langsmith.run_trees import configure
from langsmith.utils import tracing_is_enabled
from pydantic import BaseModel

from ..record.call import shortened
from ..record.secrets import redactor

_HEAD, _TAIL = 80, 60
"""Characters that a line keeps from the beginning and from the end of a longer text; `calls.jsonl` holds the whole."""

_HEAD_OF_STATE, _TAIL_OF_STATE = 40, 30  # characters of a text in the state, such as a reply that its model's run tells

_OF_ERROR = 500  # characters of the beginning, and of the end, of an error

_ELSEWHERE = (
    "langgraph_node",
    "langgraph_triggers",
    "langgraph_path",
    "langgraph_checkpoint_ns",
    "langgraph_step",
    "checkpoint_ns",
    "lc_versions",
    "ls_integration",
    "ls_model_type",
)
"""Metadata that repeats the name, the kind and the place of a run."""

_DIGITS = 6  # of a number


def keep_secrets_out() -> None:
    """Have LangSmith's client redact all that it sends, since a server's error may quote a key.

    Does nothing where tracing is off, or where the program has made its own client.
    """
    own = get_tracing_context().get("client") or getattr(run_trees, "_CLIENT", None)
    if tracing_is_enabled() and own is None:
        configure(client=_Client(anonymizer=_cleared))


class _Client(Client):
    """LangSmith's client, which leaves out the parts of a run that its anonymizer does not see.

    One of them, the manifest, holds the arguments of a model object, such as its headers.
    """

    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **fields: Any) -> None:
        super().create_run(name, inputs, run_type, **_without_manifest(fields))

    def update_run(self, run_id: Any, **fields: Any) -> None:
        super().update_run(run_id, **_without_manifest(fields))


def _without_manifest(fields: Mapping[str, Any]) -> dict[str, Any]:
    extra = _cleared({"extra": fields["extra"]}) if fields.get("extra") else {}
    return {name: value for name, value in fields.items() if name != "serialized"} | extra


class TraceCollector(BaseTracer):
    """A callback handler that collects each finished run: the graph's invocations, its nodes, and its model calls.

    The runs have the ids, names, tags and metadata that LangSmith gets.
    """

    def __init__(self) -> None:
        super().__init__()
        self._finished: list[dict[str, object]] = []
        self._state: dict[str, Any] = {}

    def take(self) -> list[dict[str, object]]:
        """Return the runs that have finished since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def _on_run_update(self, run: Run) -> None:
        parent, outputs = self.run_map.get(str(run.parent_run_id)), _said(run)
        if run.run_type == "chain" and isinstance(outputs, Mapping):
            outputs = self._changes(outputs)
        self._finished.append(_line(run, parent, outputs))

    def _changes(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return of a node's outputs, or a graph's, the part of the state that no earlier run of the trace has told."""
        told = {name: value for name, value in (outputs.get("output") or outputs).items() if name != "prompt"}
        if "running" in told:  # each was told when it was proposed
            told["running"] = [candidate["iteration"] for candidate in told["running"]]
        if "shortlist" in (candidate := told.get("candidate", {})):
            shortlist = [suggestion["architecture"] for suggestion in candidate["shortlist"]]
            told["candidate"] = {**candidate, "shortlist": shortlist}
        changed = _changed(told, self._state)
        self._state |= told
        return changed

    def _persist_run(self, run: Run) -> None:
        """Do nothing at the end of a trace: each of its runs was collected at its own end."""


def _line(run: Run, parent: Run | None, outputs: object) -> dict[str, object]:
    """Convert a run to plain JSON, without empty fields and without the tags and metadata of its parent.

    The inputs of a node are left out, since they are the outputs of the nodes before it. Numbers are rounded.
    """
    is_node = parent is not None and run.run_type == "chain"
    tags, known = (parent.tags or [], parent.metadata) if parent else ([], {})
    line = _cleared(
        {
            "id": run.id,
            "trace_id": run.trace_id,
            "parent_run_id": run.parent_run_id,
            "name": run.name,
            "run_type": run.run_type,
            "start_time": run.start_time,
            "end_time": run.end_time,
            "tags": [tag for tag in run.tags or [] if tag not in tags and ":step:" not in tag],
            "metadata": {
                name: value
                for name, value in run.metadata.items()
                if name not in _ELSEWHERE and value is not None and (name not in known or known[name] != value)
            },
            "inputs": {} if is_node else _filled(run.inputs),
            "usage": _filled(_usage(run.outputs)),
        },
        _HEAD,
        _TAIL,
    )
    ends = (_HEAD_OF_STATE, _TAIL_OF_STATE) if run.run_type == "chain" else (_HEAD, _TAIL)
    line |= _cleared({"outputs": _rounded(outputs)}, *ends) | _cleared({"error": run.error}, _OF_ERROR, _OF_ERROR)
    return {name: value for name, value in line.items() if name == "parent_run_id" or value not in (None, [], {})}


def _filled(value: Any) -> Any:
    """Leave out empty fields."""
    if isinstance(value, Mapping):
        filled = {name: _filled(inner) for name, inner in value.items()}
        return {name: inner for name, inner in filled.items() if inner not in (None, "", 0.0, [], {}, ())}
    if hasattr(value, "goto") and hasattr(value, "resume"):  # a Command: the next node with its values, or an answer
        return _filled({"goto": value.goto, "resume": value.resume, **(value.update or {})})
    return [_filled(inner) for inner in value] if isinstance(value, list | tuple) else value


def _rounded(value: Any) -> Any:
    """Round numbers that are no times to a few digits, also within lists and mappings."""
    if isinstance(value, float) and abs(value) < 1e6:
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _said(run: Run) -> object:
    """Return the outputs of a run without empty fields; of a model's its texts, without what its client adds."""
    if run.run_type != "llm":
        return _filled(run.outputs)
    generations = [generation for several in (run.outputs or {}).get("generations", []) for generation in several]
    return _filled([{name: generation.get(name) for name in ("text", "generation_info")} for generation in generations])


def _changed(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that differ from the old ones, also within fields that hold others."""
    return {
        name: _changed(value, old[name]) if isinstance(value, Mapping) and isinstance(old.get(name), Mapping) else value
        for name, value in new.items()
        if name == "goto" or name not in old or value != old[name]
    }


def _cleared(fields: Mapping[str, object], head: int = 20_000, tail: int = 80_000) -> dict[str, object]:
    """Convert fields to plain JSON, redacted, without lone surrogates, and with long texts shortened."""
    redact = redactor()

    def clear(value: Any) -> Any:
        if isinstance(value, str):
            return shortened(redact(value).encode(errors="replace").decode(), head, tail)
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
    """Return the token counts of a model call; None where it reports none."""
    for generation in (outputs or {}).get("generations", [[]])[0]:
        message = generation.get("message")
        if isinstance(message, BaseMessage):
            return getattr(message, "usage_metadata", None)
        if isinstance(message, Mapping):
            return message.get("kwargs", {}).get("usage_metadata")
    return None
