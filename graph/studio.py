"""The graph for LangGraph's server and its Studio: a whole search from a form, kept in the server's checkpoints."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..agents.backends import HUMAN
from ..agents.baselines import BASELINES
from ..agents.provider import ProviderError
from ..agents.trace import keep_secrets_out
from ..errors import GeniusError
from ..record.journal import Journal
from ..record.result import read_result
from ..record.settings import Settings
from ..spaces import SPACES
from ..tables.fetch import data_folder
from .build import build_graph
from .setup import Given, choose_parts, open_setup
from .state import Context
from .trials import context_of

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

DEFAULTS: dict[str, Any] = {"space": "nas-bench-macro", "proposer": "guided", "iterations": 10, "seed": 0}


def _field(words: str, name: str = "", **schema: Any) -> Any:
    """Describe a field; a default is for forms to show, and stands in `DEFAULTS`."""
    return Field(description=words, json_schema_extra=schema | ({"default": DEFAULTS[name]} if name else {}))


class Form(TypedDict, total=False):
    """A search, as a form can ask for it. What is left empty keeps its default."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    space: Annotated[str, _field("What is searched.", "space", enum=list(SPACES))]
    proposer: Annotated[str, _field("Who proposes, without a language model.", "proposer", enum=list(BASELINES))]
    llm: Annotated[str, _field("A language model that proposes, PROVIDER:MODEL or local; then no proposer.")]
    iterations: Annotated[int, _field("Architectures to evaluate.", "iterations", minimum=1)]
    seed: Annotated[int, _field("Of everything random.", "seed")]
    flops: Annotated[str, _field("The range of FLOPs, as in `270M 330M`; - leaves an end open.")]
    params: Annotated[str, _field("The range of parameters, as in `- 7M`.")]
    repair: Annotated[str, _field("What follows a reply off the limits.", enum=["ask", "nearest"])]
    order: Annotated[str, _field("The order of experiments in a prompt.", enum=["best", "time"])]
    advice: Annotated[bool, _field("Tell the language model what a surrogate expects.")]
    approve: Annotated[bool, _field("Ask a person before each training.")]
    max_cost: Annotated[float, _field("Dollars that language models may cost.")]
    data: Annotated[str, _field("Folder of the published tables; default: GENIUS_DATA, else the platform's cache.")]


class Refused(GeniusError, ValueError):
    """Why a search could not be made: of a `ValueError` LangGraph's server tells the words, of other errors none."""


class SearchOutput(TypedDict):
    """What a search found: the fields of `genius show --json`, its iterations as `candidates`."""

    best: dict[str, Any] | None
    candidates: list[dict[str, Any]]
    stopped: str | None
    usage: dict[str, Any]
    spent: dict[str, Any]
    seconds: float


class _State(Form, SearchOutput, total=False):
    """What is asked for and what is found."""


def make_graph(config: "RunnableConfig | None" = None) -> "CompiledStateGraph[Any, Any, Any, Any]":
    """Make the graph that LangGraph's server runs: one invocation is a whole search of one trial, without a run folder.

    A `Form` may be filled in as the input, as the context, or under `configurable` of an invocation or of `config`; the
    first of these counts. Pauses are LangGraph's own. Raises, when it is invoked: Refused.
    """
    made_with, steps = dict(config or {}), build_graph()

    async def search(state: _State, runtime: Runtime[Form]) -> SearchOutput:
        layers = [made_with.get("configurable"), get_config().get("configurable"), runtime.context, state]
        try:
            async with _opened(read_form(layers)) as (settings, context):
                limit: Any = {"recursion_limit": settings.iterations * (3 * settings.max_replies + 6)}
                await steps.ainvoke({}, limit, context=context)
                return _found(settings, context.journal)
        except (GeniusError, ProviderError) as error:
            raise Refused(str(error)) from error

    builder = StateGraph(_State, context_schema=Form, input_schema=Form, output_schema=SearchOutput)
    builder.add_node("search", search)
    builder.add_edge(START, "search")
    return builder.compile(name="genius")


@asynccontextmanager
async def _opened(form: Form) -> AsyncIterator[tuple[Settings, Context]]:
    """Open what a form asks for; trainings go into a folder that is removed at the end."""
    settings, given = await asyncio.to_thread(_settings, form)
    data = data_folder(Path(form["data"]) if "data" in form else None)
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="genius-")
    try:
        async with open_setup(settings, given, data) as setup:
            context = context_of(Path(folder.name), settings, setup, Journal(), 1)
            async with context.slots:
                yield settings, replace(context, whole=True)
    finally:
        await asyncio.to_thread(folder.cleanup)


def read_form(layers: list[Any]) -> Form:
    """Merge several fillings of the form, of which the later counts more; a server's own fields are left out.

    Raises: GeniusError for what the form does not have.
    """
    asked: dict[str, Any] = {}
    *configured, context, state = layers
    for layer in (*map(_of_form, configured), context or {}, _of_form(state)):
        if not isinstance(layer, Mapping):
            raise GeniusError(f"a form is an object with {', '.join(Form.__annotations__)}, got {layer!r:.80}")
        filled = {name: value for name, value in layer.items() if value not in (None, "")}
        for one, other in (("llm", "proposer"), ("proposer", "llm")):
            if one in filled and other not in filled:
                asked.pop(other, None)
        asked |= filled
    try:
        return TypeAdapter(Form).validate_python(asked, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise GeniusError(f"the form's {where} cannot be used: {first['msg']}, got {first['input']!r:.80}") from None


def _of_form(layer: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (layer or {}).items() if name in Form.__annotations__}


def _settings(form: Form) -> tuple[Settings, Given]:
    """Read a form; it names nothing that is to be imported, nor a server that would be sent a key.

    Raises: GeniusError.
    """
    asked: dict[str, Any] = {**DEFAULTS, **form}
    if asked["space"] not in SPACES:
        raise GeniusError(f"there is no space {asked['space']!r}; the spaces are: {', '.join(SPACES)}")
    llm = asked.pop("llm", None)
    if llm is not None and "proposer" not in form:
        del asked["proposer"]
    if llm is not None and (llm == HUMAN or "@" in llm):
        raise GeniusError(f"a form's language model is PROVIDER:MODEL or local, got {llm!r}")
    keep_secrets_out()
    names, given = choose_parts(asked.pop("space"), llm, asked.pop("proposer", None), None)
    asked |= names | {name: _range(name, asked[name]) for name in ("flops", "params") if name in asked}
    asked.pop("data", None)
    return Settings(**asked, trace=False).check(), given


def _range(name: str, words: str) -> tuple[str, str]:
    ends = words.split()
    if len(ends) != 2:
        raise GeniusError(f"{name} takes two ends, as in '270M 330M' or '- 7M', got {words!r}")
    return ends[0], ends[1]


def _found(settings: Settings, journal: Journal) -> SearchOutput:
    told = read_result(Path(), settings, journal).to_json()
    told["candidates"] = told["iterations"]
    return {name: told[name] for name in SearchOutput.__annotations__}  # type: ignore[return-value]
