"""The commands that search: `search`, `resume` and `fork`."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import beginning
from .asking import ask
from .looking import print_result
from .options import (
    OPEN,
    Approve,
    AsJson,
    BaseUrl,
    Batch,
    Changes,
    Data,
    Deadline,
    Effort,
    Ends,
    FlopsConvention,
    Iterations,
    Llm,
    LlmOptions,
    MaxCost,
    MaxHours,
    MaxLlmTokens,
    MaxReplies,
    MaxTokens,
    Memory,
    ModelFile,
    NumCtx,
    OwnSpace,
    Price,
    ProposerName,
    RecipeName,
    Repair,
    RunFolder,
    Silence,
    TableFile,
    Temperature,
    Timeout,
    TrainOn,
    Tries,
    Trust,
    WhenDone,
    console,
)
from .signals import stopping
from .streams import say

if TYPE_CHECKING:
    from ..graph.search import Show
    from ..record.result import SearchResult
    from ..record.settings import Options

Search = Callable[["Show"], Coroutine[Any, Any, "SearchResult"]]


def search(
    context: typer.Context,
    space: Annotated[str, typer.Argument(help="The search space; `genius spaces` lists them.")],
    llm: Llm = None,
    proposer: ProposerName = None,
    iterations: Annotated[int, typer.Option(help="Architectures to evaluate in each trial.")] = 10,
    trials: Annotated[int, typer.Option(help="Repetitions of the whole search.")] = 1,
    seed: Annotated[
        int | None, typer.Option(help="Seed of everything random, the model's sampling too; default: 0, and none sent.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Evaluations at once, of all trials together.")] = 1,
    on: Annotated[str, typer.Option(help="Where trainings run: local, ray, or ray:ADDRESS of a cluster.")] = "local",
    table: TableFile = None,
    train_on: TrainOn = None,
    recipe: RecipeName = None,
    recipe_changes: Changes = None,
    batch: Batch = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps; default: CUDA's GPUs, if any.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of the CPU for each worker; default: an even share.")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="Of its device, for each worker, as in 20G; default: all.")] = None,
    flops: Ends = OPEN,
    params: Ends = OPEN,
    flops_convention: FlopsConvention = "macs",
    repair: Repair = "ask",
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    reasoning_effort: Effort = None,
    num_ctx: NumCtx = None,
    llm_options: LlmOptions = None,
    price: Price = None,
    max_cost: MaxCost = None,
    max_llm_tokens: MaxLlmTokens = None,
    max_hours: MaxHours = None,
    base_url: BaseUrl = None,
    model_file: ModelFile = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a whole reply.")] = 600.0,
    max_replies: Annotated[int, typer.Option(help="Replies an iteration may take until one is valid.")] = 10,
    tries: Annotated[int, typer.Option(help="Calls for one reply while the model's server is in trouble.")] = 6,
    when_done: Annotated[
        str, typer.Option(help="ask or stop: what follows when the model says nothing better is left.")
    ] = "ask",
    approve: Approve = None,
    order: Annotated[str, typer.Option(help="best or time: the order of earlier experiments in the prompt.")] = "best",
    advice: Annotated[
        bool, typer.Option("--advice", help="Tell the model what a surrogate expects, and a shortlist to choose from.")
    ] = False,
    disguise: Annotated[
        bool,
        typer.Option("--disguise", help="Show the model neutral names and shuffled options: does it just remember?"),
    ] = False,
    deadline: Annotated[float | None, typer.Option(help="Seconds one training may take; default: no limit.")] = None,
    silence: Annotated[float, typer.Option(help="Seconds without an epoch after which a training hangs.")] = 1800.0,
    trace: Annotated[bool, typer.Option(help="Write trace.jsonl into the run folder.")] = True,
    run: Annotated[Path | None, typer.Option(help="New folder for the run; default: a new one in runs/.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Search a space: propose, validate, train, reflect, again."""
    with beginning():
        from ..agents.backends import default_llm
        from ..graph import search as searches

    if llm is None and proposer is None:
        chosen, why = default_llm()
        llm = [chosen]
        say(f"language model: {chosen} ({why}); choose one with --llm, or a --proposer without any")

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.search(
            space, llm=llm, proposer=proposer, run=run, data=data, progress=progress, ask=ask, **_options(context)
        )

    _show_search(start, iterations, as_json=as_json, live="human" not in (llm or ()) and not approve)


def resume(
    context: typer.Context,
    run: RunFolder,
    iterations: Iterations = None,
    workers: Annotated[int | None, typer.Option(help="Another number of evaluations at once.")] = None,
    on: Annotated[str | None, typer.Option(help="Another place to train: local, ray or ray:ADDRESS.")] = None,
    llm: Llm = None,
    proposer: ProposerName = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    reasoning_effort: Effort = None,
    num_ctx: NumCtx = None,
    llm_options: LlmOptions = None,
    price: Price = None,
    max_cost: MaxCost = None,
    max_llm_tokens: MaxLlmTokens = None,
    max_hours: MaxHours = None,
    base_url: BaseUrl = None,
    timeout: Timeout = None,
    max_replies: MaxReplies = None,
    tries: Tries = None,
    when_done: WhenDone = None,
    approve: Approve = None,
    deadline: Deadline = None,
    silence: Silence = None,
    memory: Memory = None,
    train_on: TrainOn = None,
    model_file: ModelFile = None,
    space: OwnSpace = None,
    trust: Trust = False,
    table: TableFile = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was cut off, or make more iterations of it."""
    with beginning():
        from ..graph import search as searches
        from ..record.settings import Settings

    settings = Settings.load(run)

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.resume(
            run,
            space=space,
            llm=llm,
            proposer=proposer,
            data=data,
            trust=trust,
            progress=progress,
            ask=ask,
            **_options(context),
        )

    asks = settings.approve if approve is None else approve
    live = "human" not in (llm or settings.llms) and not asks
    _show_search(start, iterations or settings.iterations, as_json=as_json, live=live)


def fork(
    context: typer.Context,
    run: RunFolder,
    at: Annotated[int, typer.Option(help="The last iteration that is taken over; 0 for none.")],
    to: Annotated[
        Path | None, typer.Option("--run", help="New folder for the fork; default: a new one in runs/.")
    ] = None,
    iterations: Iterations = None,
    seed: Annotated[int | None, typer.Option(help="Another seed.")] = None,
    workers: Annotated[int | None, typer.Option(help="Another number of evaluations at once.")] = None,
    on: Annotated[str | None, typer.Option(help="Another place to train: local, ray or ray:ADDRESS.")] = None,
    llm: Llm = None,
    proposer: ProposerName = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    reasoning_effort: Effort = None,
    num_ctx: NumCtx = None,
    llm_options: LlmOptions = None,
    price: Price = None,
    max_cost: MaxCost = None,
    max_llm_tokens: MaxLlmTokens = None,
    max_hours: MaxHours = None,
    base_url: BaseUrl = None,
    timeout: Timeout = None,
    max_replies: MaxReplies = None,
    tries: Tries = None,
    when_done: WhenDone = None,
    approve: Approve = None,
    deadline: Deadline = None,
    silence: Silence = None,
    memory: Memory = None,
    train_on: TrainOn = None,
    model_file: ModelFile = None,
    space: OwnSpace = None,
    trust: Trust = False,
    table: TableFile = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Go on from an earlier iteration in a new run folder; the old run stays as it is."""
    with beginning():
        from ..graph import search as searches
        from ..record.settings import Settings

    settings = Settings.load(run)

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.fork(
            run,
            at,
            to=to,
            space=space,
            llm=llm,
            proposer=proposer,
            data=data,
            trust=trust,
            progress=progress,
            ask=ask,
            **_options(context),
        )

    asks = settings.approve if approve is None else approve
    live = "human" not in (llm or settings.llms) and not asks
    _show_search(start, iterations or settings.iterations, as_json=as_json, live=live)


def _options(context: typer.Context) -> "Options":
    """Return the options of a command that are settings of a search, as far as they were given or have a default."""
    from ..record.settings import Options

    return {  # type: ignore[return-value]  # typer holds the types, and the settings are checked
        name: value
        for name, value in context.params.items()
        if name in Options.__annotations__ and value not in (None, [], ())
    }


def _show_search(start: Search, iterations: int, *, as_json: bool, live: bool) -> None:
    with beginning():
        from ..report.display import Display
        from ..report.search_picture import draw

    display = Display(console(), iterations, live=live)
    with stopping(lambda: display.how_to_go_on), display:
        result = asyncio.run(start(display))
        draw(result)
    print_result(result, as_json=as_json)
    if result.best is None:
        raise typer.Exit(1)
