"""Options that several commands share, and the console they print to."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import GeniusError
from ..printable import brief

if TYPE_CHECKING:
    from rich.console import Console

_LLM = "openai:gpt-4o, anthropic:MODEL, ollama:MODEL, any PROVIDER:MODEL of LangChain, replay:FILE, human, or local: "
Llm = Annotated[
    list[str] | None,
    typer.Option(
        help=_LLM + "an embedded 135M model that shows that the loop works, not search quality. Given several "
        "times, the next one answers where one is down or refuses; PROVIDER:MODEL@URL names a server of its own."
    ),
]
Temperature = Annotated[float | None, typer.Option(help="Sampling temperature; default: the provider's own.")]
MaxTokens = Annotated[int | None, typer.Option(help="Longest reply, in tokens; default: the provider's own.")]
Effort = Annotated[str | None, typer.Option(help="How much a reasoning model thinks, as in low, medium, high.")]
NumCtx = Annotated[int | None, typer.Option(help="Tokens of context, for --llm ollama:MODEL; default: 16384.")]
LlmOptions = Annotated[
    list[str] | None, typer.Option("--llm-option", help="Another option of the provider's, as in top_p=0.9.")
]
Price = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="IN OUT", help="Dollars per million tokens of prompt and of reply; default: looked up."),
]
MaxCost = Annotated[float | None, typer.Option(help="Dollars that the models' replies may take; then the search ends.")]
MaxLlmTokens = Annotated[int | None, typer.Option(help="Tokens that prompts and replies may take in all.")]
MaxHours = Annotated[float | None, typer.Option(help="Device-hours that trainings may take in all.")]
BaseUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible server, with --llm openai:MODEL.")]
ProposerName = Annotated[
    str | None,
    typer.Option(
        help="Search without a model: random, largest, local-search, evolution, guided or guided-without-prior."
    ),
]
Data = Annotated[
    Path | None, typer.Option(help="Folder of downloads; default: GENIUS_DATA, else the platform's cache.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
RunFolder = Annotated[Path, typer.Argument(help="The run folder.")]
Ends = Annotated[tuple[str, str], typer.Option(metavar="LOW HIGH", help="As in 270M 330M; - leaves an end open.")]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        help="What is measured: accuracy, score, flops, params, or your own as MODULE:NAME. Given several times, the "
        "first one steers. Default: what the evaluator or the space names.",
    ),
]
MeasuredLimits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME LOW HIGH",
        help="A limit on what is measured, as in latency_ms - 5; - leaves an end open. Repeatable.",
    ),
]
Pareto = Annotated[bool, typer.Option("--pareto", help="Search the front of all objectives.")]
FlopsConvention = Annotated[str, typer.Option(help="macs, or thop, which counts batch norm too.")]
Repair = Annotated[
    str,
    typer.Option(help="ask: the model is asked again after a reply off limits; nearest: the nearest within is taken."),
]
TrainOn = Annotated[
    str | None,
    typer.Option(help="Train on digits, cifar10, cifar100, imagenet:PATH or folder:PATH, where no table is to answer."),
]
TableFile = Annotated[
    Path | None,
    typer.Option(
        "--table", help="A table of your own, JSON: accuracies in percent by the space's keys; see the README."
    ),
]
RecipeName = Annotated[str | None, typer.Option("--recipe", help="A recipe's name; `genius recipes` lists them.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="A field of the recipe, as in lr=0.2.")]
Batch = Annotated[int | None, typer.Option(help="Another batch size; the learning rate is scaled with it.")]
Iterations = Annotated[int | None, typer.Option(help="Architectures to evaluate in each trial, in all.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait for a whole reply.")]
MaxReplies = Annotated[int | None, typer.Option(help="Replies an iteration may take until one is valid.")]
Tries = Annotated[int | None, typer.Option(help="Calls for one reply while the model's server is in trouble.")]
WhenDone = Annotated[
    str | None, typer.Option(help="ask or stop: what follows when the model says nothing better is left.")
]
Approve = Annotated[
    bool | None, typer.Option("--approve/--no-approve", help="Ask a person before each training.", show_default=False)
]
Deadline = Annotated[float | None, typer.Option(help="Seconds one training may take; default: no limit.")]
Silence = Annotated[float | None, typer.Option(help="Seconds without an epoch after which a training hangs.")]
Memory = Annotated[str | None, typer.Option(help="Memory of its device, for each worker, as in 20G; default: all.")]

OwnSpace = Annotated[
    str | None, typer.Option("--space", help="The run's own space, MODULE:NAME, as the run names it: imports it.")
]
Trust = Annotated[
    bool, typer.Option("--trust", help="Use the modules, servers and paths that the folder's files name: all of them.")
]
ModelFile = Annotated[Path | None, typer.Option(help="A GGUF file for --llm local.")]

OPEN = ("-", "-")


def together(arguments: Sequence[str]) -> list[str]:
    """Join the three words behind each `--limit` to one: Typer has no option that is repeated and takes several."""
    words, found = list(arguments), []
    while words:
        found.append(words.pop(0))
        if found[-1] == "--limit":
            found.append(" ".join(words[:3]))
            del words[:3]
    return found


def named_limits(given: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    """Read limits on what is measured, each a name and the two ends of a range; a `-` leaves an end open.

    Raises: GeniusError.
    """
    words = [limit.rsplit(maxsplit=2) for limit in given]
    if wrong := [limit for limit, each in zip(given, words, strict=True) if len(each) < 3]:
        raise GeniusError(f"--limit takes a name and two ends, as in latency_ms - 5, got {brief(repr(wrong[0]))}")
    return {name: (_end(low), _end(high)) for name, low, high in words}


def _end(word: str) -> float | None:
    try:
        return None if word == "-" else float(word)
    except ValueError:
        raise GeniusError(f"expected a number, or - for no limit, got {brief(repr(word))}") from None


def console(*, stderr: bool = True) -> "Console":
    """Return the terminal: standard error for progress, standard output for results. It takes text without markup."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the command line what follows where nobody reads on: rich itself would exit with 1."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    return Piped(stderr=stderr, markup=False, highlight=False, emoji=False)
