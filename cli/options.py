"""Options that several commands share, and the console they print to."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
        help="Search without a model: random, largest, local-search, evolution, guided, guided-without-prior, or your "
        "own MODULE:NAME."
    ),
]
Downloads = Annotated[
    Path | None, typer.Option(help="Folder of downloads; default: GENIUS_DATA, else the platform's cache.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
RunFolder = Annotated[Path, typer.Argument(help="The run folder.")]
Ends = Annotated[tuple[str, str], typer.Option(metavar="LOW HIGH", help="As in 270M 330M; - leaves an end open.")]
FlopsConvention = Annotated[str, typer.Option(help="macs, or thop, which counts batch norm too.")]
Repair = Annotated[
    str,
    typer.Option(help="ask: the model is asked again after a reply off limits; nearest: the nearest within is taken."),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Train on digits, cifar10, cifar100, imagenet:PATH, folder:PATH or your own MODULE:NAME, where no table "
        "is to answer."
    ),
]
EvaluatorName = Annotated[
    str | None,
    typer.Option(
        "--evaluator", help="table, train, recording, or your own MODULE:NAME, a function of an architecture."
    ),
]
TableFile = Annotated[
    Path | None,
    typer.Option(
        "--table", help="A table of your own, JSON: accuracies in percent by the space's keys; see the README."
    ),
]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="A recipe's name, or your own MODULE:NAME; `genius recipes` lists them.")
]
OtherPlace = Annotated[
    str | None, typer.Option("--on", help="Another place to train: local, ray, ray:ADDRESS or MODULE:NAME.")
]
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


def console(*, stderr: bool = True) -> "Console":
    """Return the terminal: standard error for progress, standard output for results. It takes text without markup."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to the command line what follows where nobody reads on: rich itself would exit with 1."""
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    return Piped(stderr=stderr, markup=False, highlight=False, emoji=False)
