"""The graph for LangGraph's server and its Studio: a whole search from a form, kept in the server's checkpoints.

It appears as a run folder too, in `runs/` of the folder where the server runs.
"""

import asyncio
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
from ..agents.baselines import PROPOSERS
from ..agents.provider import ProviderError
from ..agents.trace import keep_secrets_out
from ..errors import GeniusError
from ..plugins import Plugins
from ..record.journal import Journal
from ..record.result import read_result
from ..record.settings import BY_NAME, HYBRID, MODEL, SETTINGS_FILE, Settings, by_path
from ..record.versions import fresh_id
from ..spaces import SPACES, short_name
from .build import build_graph
from .request import check_reads
from .run_folder import locked, new_run
from .setup import Given, choose_parts, open_setup
from .state import Context
from .trials import context_of, most_steps

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

DEFAULTS: dict[str, Any] = {"space": "nas-bench-macro", "proposer": "guided", "iterations": 10, "seed": 0}


def _field(words: str, name: str = "", **schema: Any) -> Any:
    """Describe a field; forms show its default, which stands in `DEFAULTS`."""
    return Field(description=words, json_schema_extra=schema | ({"default": DEFAULTS[name]} if name else {}))


def _setting(name: str, **schema: Any) -> Any:
    """Describe a field that is a setting by the line and the choices of the setting."""
    setting = BY_NAME[name]
    choices = {"enum": list(setting.choices)} if setting.choices else {}
    return _field(setting.about.doc, name if name in DEFAULTS else "", **choices, **schema)


_ASKING = (MODEL, HYBRID)
_NAMED: Mapping[str, Plugins[Any]] = {"space": SPACES, "proposer": PROPOSERS}


class SearchForm(TypedDict, total=False):
    """A search, as a form describes it. Empty fields keep their defaults."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    space: Annotated[str, _field("The search space.", "space", enum=list(SPACES))]
    proposer: Annotated[str, _field("Who proposes.", "proposer", enum=[*PROPOSERS, *_ASKING])]
    llm: Annotated[str, _field("A language model, PROVIDER:MODEL or local; the proposer is hybrid, or model if named.")]
    iterations: Annotated[int, _setting("iterations", minimum=1)]
    seed: Annotated[int, _setting("seed")]
    flops: Annotated[str, _setting("flops")]
    params: Annotated[str, _setting("params")]
    repair: Annotated[str, _setting("repair")]
    order: Annotated[str, _setting("order")]
    advice: Annotated[bool, _setting("advice")]
    beliefs: Annotated[bool, _setting("beliefs")]
    reflect_every: Annotated[int, _setting("reflect_every", minimum=0)]
    principles: Annotated[bool, _setting("principles")]
    confirm: Annotated[int, _setting("confirm", minimum=0)]
    confirm_seeds: Annotated[int, _setting("confirm_seeds", minimum=1)]
    single_run: Annotated[bool, _setting("single_run")]
    reflector_llm: Annotated[str, _field("A language model that writes the notebook, PROVIDER:MODEL.")]
    approve: Annotated[bool, _setting("approve")]
    max_cost: Annotated[float, _setting("max_cost")]
    downloads: Annotated[str, _setting("downloads")]


class Refused(GeniusError, ValueError):
    """A search that could not be made; a ValueError, since LangGraph's server shows the messages of these alone."""


class SearchOutput(TypedDict):
    """The result of a search: the fields of `genius show --json`, with its iterations as `candidates`.

    `confirmations` are the further evaluations of the best, empty where none were asked for.
    """

    best: dict[str, Any] | None
    candidates: list[dict[str, Any]]
    confirmations: list[dict[str, Any]]
    stopped: str | None
    usage: dict[str, Any]
    spent: dict[str, Any]
    seconds: float
    notes: dict[str, Any]


class _State(SearchForm, SearchOutput, total=False):
    """The state of the server's graph: the form and the result."""


def make_graph(config: "RunnableConfig | None" = None) -> "CompiledStateGraph[Any, Any, Any, Any]":
    """Make the graph that LangGraph's server runs: one invocation is a whole search of one trial.

    A `SearchForm` may be filled in as the input, as the context, or under `configurable` of an invocation or of
    `config`; the first of these takes precedence. The run folder in `runs/` is named after the search and its task.
    Pauses are LangGraph's own. The invocation raises Refused.
    """
    made_with, steps = dict(config or {}), build_graph()

    async def search(state: _State, runtime: Runtime[SearchForm]) -> SearchOutput:
        layers = [made_with.get("configurable"), get_config().get("configurable"), runtime.context, state]
        try:
            async with _opened(read_form(layers), _task()) as (settings, context):
                most = settings.loop.iterations * most_steps(settings) + settings.loop.confirming.most
                limit: Any = {"recursion_limit": most}
                await steps.ainvoke({}, limit, context=context)
                return _found(settings, context.journal)
        except (GeniusError, ProviderError) as error:
            raise Refused(str(error)) from error

    builder = StateGraph(_State, context_schema=SearchForm, input_schema=SearchForm, output_schema=SearchOutput)
    builder.add_node("search", search)
    builder.add_edge(START, "search")
    return builder.compile(name="genius")


def _task() -> str:
    """Return the first digits of the identifier of the node's task, which a pause leaves as it is."""
    task = str(get_config().get("configurable", {}).get("checkpoint_ns", "")).rpartition(":")[2]
    return task[:8] if task[:8].isalnum() else fresh_id()[:8]


@asynccontextmanager
async def _opened(form: SearchForm, task: str) -> AsyncIterator[tuple[Settings, Context]]:
    """Open the search that a form describes, in the run folder of its task."""
    settings, given = await asyncio.to_thread(_settings, form)
    async with open_setup(settings, given) as setup:
        settings = settings.changed(setup.facts)
        runs = await asyncio.to_thread(Path("runs").absolute)
        folder = runs / f"{short_name(settings.space)}-{settings.proposer}-studio-{task}"
        if not await asyncio.to_thread((folder / SETTINGS_FILE).is_file):  # a pause has ended
            await asyncio.to_thread(new_run, settings, folder)
        async with locked(folder):
            journal = await asyncio.to_thread(Journal.load, folder)
            context = context_of(folder, settings, setup, journal, 1)
            async with context.slots:
                yield settings, replace(context, whole=True)


def read_form(layers: list[Any]) -> SearchForm:
    """Merge several fillings of the form, where a later one takes precedence; the server's own fields are left out.

    Raises: GeniusError for unknown fields and invalid values.
    """
    asked: dict[str, Any] = {}
    *configured, context, state = layers
    for layer in (*map(_of_form, configured), context or {}, _of_form(state)):
        if not isinstance(layer, Mapping):
            raise GeniusError(f"a form is an object with {', '.join(SearchForm.__annotations__)}, got {layer!r:.80}")
        filled = {name: value for name, value in layer.items() if value not in (None, "")}
        if "llm" in filled and asked.get("proposer") not in _ASKING:
            asked.pop("proposer", None)
        if filled.get("proposer", MODEL) not in _ASKING:
            asked.pop("llm", None)
        asked |= filled
    try:
        return TypeAdapter(SearchForm).validate_python(asked, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise GeniusError(f"the form's {where} cannot be used: {first['msg']}, got {first['input']!r:.80}") from None


def _of_form(layer: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (layer or {}).items() if name in SearchForm.__annotations__}


def _settings(form: SearchForm) -> tuple[Settings, Given]:
    """Convert a form into settings. A form can name no module to import, and no server that would get a key.

    Raises: GeniusError.
    """
    asked: dict[str, Any] = {**DEFAULTS, **form}
    for name, plugins in _NAMED.items():
        if asked[name] not in _ASKING and plugins.known(asked[name]) is None:
            raise GeniusError(f"there is no {name} {asked[name]!r}; the {name}s are: {', '.join(plugins.names())}")
    llm = asked.pop("llm", None)
    if llm is not None and "proposer" not in form:
        del asked["proposer"]
    for model in filter(None, (llm, form.get("reflector_llm"))):
        if model == HUMAN or "@" in model:
            raise GeniusError(f"a form's language model is PROVIDER:MODEL or local, got {model!r}")
    keep_secrets_out()
    names, given = choose_parts(asked.pop("space"), llm, asked.pop("proposer", None), None, Settings())
    names |= {"downloads": asked.pop("downloads", None)}
    asked |= {name: _range(name, asked[name]) for name in ("flops", "params") if name in asked}
    settings = Settings().changed({**names, **by_path(asked), "loop.trace": False}).check()
    check_reads(settings, given)
    return settings, given


def _range(name: str, words: str) -> tuple[str, str]:
    ends = words.split()
    if len(ends) != 2:
        raise GeniusError(f"{name} takes two ends, as in '270M 330M' or '- 7M', got {words!r}")
    return ends[0], ends[1]


def _found(settings: Settings, journal: Journal) -> SearchOutput:
    assert journal.folder is not None
    told = read_result(journal.folder, settings, journal).to_json()
    told = {"notes": {}, "confirmations": [], **told, "candidates": told["iterations"]}
    return {name: told[name] for name in SearchOutput.__annotations__}  # type: ignore[return-value]
