"""The command line. Everything it does can be done from Python: it reads arguments and prints what comes back."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .spaces.errors import GeniusError, RunFailed

if TYPE_CHECKING:
    from rich.console import Console

    from .graph.result import SearchResult
    from .graph.search import Show

app = typer.Typer(
    help="Neural architecture search led by a language model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# Typer brings a click of its own or uses the installed one, by version; this is the class of whichever it is.
_UsageError: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException")

_LLM = "openai:gpt-4o, anthropic:MODEL, ollama:MODEL, any PROVIDER:MODEL of LangChain, replay:FILE, human, or local: "
Llm = Annotated[
    str | None, typer.Option(help=_LLM + "an embedded 135M model that shows that the loop works, not search quality.")
]
ProposerName = Annotated[
    str | None, typer.Option(help="Search without a model: random, largest, local-search or evolution.")
]
Data = Annotated[
    Path | None, typer.Option(help="Folder of downloads; default: GENIUS_DATA, else the platform's cache.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
RunFolder = Annotated[Path, typer.Argument(help="The run folder.")]
Ends = Annotated[tuple[str, str], typer.Option(metavar="LOW HIGH", help="As in 270M 330M; - leaves an end open.")]
FlopsConvention = Annotated[str, typer.Option(help="macs, or thop, which counts batch norm too.")]
Iterations = Annotated[int | None, typer.Option(help="Architectures to evaluate in each trial, in all.")]


@app.command()
def search(
    space: Annotated[str, typer.Argument(help="The search space; `genius spaces` lists them.")],
    llm: Llm = None,
    proposer: ProposerName = None,
    iterations: Annotated[int, typer.Option(help="Architectures to evaluate in each trial.")] = 10,
    trials: Annotated[int, typer.Option(help="Repetitions of the whole search.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    temperature: Annotated[float, typer.Option(help="Sampling temperature of the model.")] = 0.0,
    base_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible server, with --llm openai:MODEL.")] = None,
    model_file: Annotated[Path | None, typer.Option(help="A GGUF file for --llm local.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for one reply.")] = 120.0,
    max_tokens: Annotated[int, typer.Option(help="Longest reply, in tokens.")] = 2048,
    max_replies: Annotated[int, typer.Option(help="Replies an iteration may take until one is valid.")] = 10,
    tries: Annotated[int, typer.Option(help="Calls for one reply while the model's server is in trouble.")] = 6,
    when_done: Annotated[
        str, typer.Option(help="stop or ask: what follows when the model says nothing better is left.")
    ] = "stop",
    order: Annotated[str, typer.Option(help="best or time: the order of earlier experiments in the prompt.")] = "best",
    deadline: Annotated[float, typer.Option(help="Seconds one training may take.")] = 600.0,
    trace: Annotated[bool, typer.Option(help="Write trace.jsonl into the run folder.")] = True,
    run: Annotated[Path | None, typer.Option(help="New folder for the run; default: a new one in runs/.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Search a space: propose, validate, train, reflect, again."""
    from .graph import search as searches

    if llm is None and proposer is None:
        from .agents.backends import default_llm

        llm, why = default_llm()
        print(f"language model: {llm} ({why}); choose one with --llm, or a --proposer without any", file=sys.stderr)

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.search(
            space,
            llm=llm,
            proposer=proposer,
            iterations=iterations,
            trials=trials,
            seed=seed,
            temperature=temperature,
            base_url=base_url,
            model_file=model_file,
            timeout=timeout,
            max_tokens=max_tokens,
            max_replies=max_replies,
            tries=tries,
            when_done=when_done,  # type: ignore[arg-type]  # checked with the other settings
            order=order,  # type: ignore[arg-type]
            deadline=deadline,
            trace=trace,
            run=run,
            data=data,
            progress=progress,
        )

    _show_search(start, iterations, as_json=as_json, live=llm != "human")


@app.command()
def resume(
    run: RunFolder,
    iterations: Iterations = None,
    llm: Llm = None,
    proposer: ProposerName = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a run that was cut off, or make more iterations of it."""
    from .graph import search as searches
    from .graph.settings import Settings

    settings = Settings.load(run)

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.resume(run, iterations=iterations, llm=llm, proposer=proposer, data=data, progress=progress)

    _show_search(start, iterations or settings.iterations, as_json=as_json, live=(llm or settings.llm) != "human")


@app.command()
def fork(
    run: RunFolder,
    at: Annotated[int, typer.Option(help="The last iteration that is taken over; 0 for none.")],
    to: Annotated[
        Path | None, typer.Option("--run", help="New folder for the fork; default: a new one in runs/.")
    ] = None,
    iterations: Iterations = None,
    seed: Annotated[int | None, typer.Option(help="Another seed.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Another sampling temperature.")] = None,
    llm: Llm = None,
    proposer: ProposerName = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Go on from an earlier iteration in a new run folder; the old run stays as it is."""
    from .graph import search as searches
    from .graph.settings import Settings

    settings = Settings.load(run)

    def start(progress: "Show") -> "Coroutine[Any, Any, SearchResult]":
        return searches.fork(
            run,
            at,
            to=to,
            iterations=iterations,
            seed=seed,
            temperature=temperature,
            llm=llm,
            proposer=proposer,
            data=data,
            progress=progress,
        )

    _show_search(start, iterations or settings.iterations, as_json=as_json, live=(llm or settings.llm) != "human")


@app.command()
def show(run: RunFolder, as_json: AsJson = False) -> None:
    """Show what a run has found so far, finished or not."""
    from .graph.result import read

    _print_result(read(run), as_json=as_json)


@app.command()
def spaces(
    name: Annotated[str | None, typer.Argument(help="A space to describe.")] = None,
    flops: Ends = ("-", "-"),
    params: Ends = ("-", "-"),
    flops_convention: FlopsConvention = "macs",
) -> None:
    """List the search spaces, or describe one as a model reads it, and count what keeps the limits."""
    from .spaces.cost import check_convention
    from .spaces.limits import Limits, parse_range
    from .spaces.listing import describe, list_spaces

    limits = Limits(parse_range(*flops), parse_range(*params), check_convention(flops_convention))
    print(describe(name, limits) if name else list_spaces())


@app.command()
def cost(
    space: Annotated[str, typer.Argument(help="The search space.")],
    architecture: Annotated[str, typer.Argument(help="Its numbers, as in '[0, 1, 2, 0, 1, 2, 0, 1]' or 01201201.")],
    flops_convention: FlopsConvention = "macs",
    as_json: AsJson = False,
) -> None:
    """Print the FLOPs and parameters of an architecture."""
    from .spaces import get_space
    from .spaces.cost import CONVENTIONS, check_convention
    from .tools.naming import read_architecture

    chosen = get_space(space)
    convention = check_convention(flops_convention)
    found = chosen.cost(read_architecture(architecture, chosen))
    if as_json:
        print(json.dumps({"flops": found.counted(convention), "params": found.params}))
    else:
        print(f"FLOPs  {found.counted(convention):,} ({CONVENTIONS[convention]})\nparams {found.params:,}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A space whose table to download, or all.")], data: Data = None
) -> None:
    """Download published tables: resumable, and checked against a pinned SHA-256."""
    from .graph.display import fetch_with_bars
    from .tools.fetch import data_folder, sources_named

    for path in asyncio.run(fetch_with_bars(sources_named(name), data_folder(data), _console())):
        print(path)


@app.command()
def baseline(
    space: Annotated[str, typer.Argument(help="A search space with a table.")],
    samples: Annotated[int, typer.Option(help="Architectures drawn in each repetition.")] = 10,
    repetitions: Annotated[int, typer.Option(help="Repetitions.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Print the paper's baseline: the mean best of uniform samples over many repetitions."""
    from .spaces import get_space
    from .tools.fetch import data_folder
    from .tools.sampling import random_baseline
    from .tools.tables import load_table

    chosen = get_space(space)
    found = random_baseline(load_table(chosen, data_folder(data)), samples, repetitions, seed)
    if as_json:
        print(json.dumps({"space": chosen.name, "samples": samples, "repetitions": repetitions, "seed": seed, **found}))
        return
    print(f"{chosen.name}: best of {samples} uniform samples, mean ± std over {repetitions:,} repetitions, seed {seed}")
    for number, spread in found.items():
        print(
            f"{number.replace('_', ' '):>14} {spread['mean']:.2f} ± {spread['std']:.2f} (median {spread['median']:g})"
        )


def _console(*, stderr: bool = True) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr)


def _show_search(
    start: "Callable[[Show], Coroutine[Any, Any, SearchResult]]", iterations: int, *, as_json: bool, live: bool
) -> None:
    from .graph.display import Display

    display = Display(_console(), iterations, live=live)
    try:
        with display:
            result = asyncio.run(start(display))
    except KeyboardInterrupt:
        if display.run:
            print(f"stopped: go on with `genius resume {display.run}`", file=sys.stderr)
        raise
    _print_result(result, as_json=as_json)


def _print_result(result: "SearchResult", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.to_json()))
        return
    from .graph.show import print_result

    print_result(result, _console(stderr=False))


def main() -> None:
    """Run the command line: exit code 2 for bad input, 1 for a search that had to stop, 130 after Ctrl-C."""
    try:
        code = app(standalone_mode=False) or 0
    except _UsageError as error:
        code = _complain(error.format_message(), 2)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except RunFailed as error:
        code = _complain(str(error), 1)
    except GeniusError as error:
        code = _complain(str(error), 2)
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    print(f"genius: {' '.join(message.split())}", file=sys.stderr)
    return code
