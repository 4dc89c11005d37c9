"""Options that several commands share, and the console they print to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

_LLM = "openai:gpt-4o, anthropic:MODEL, ollama:MODEL, any PROVIDER:MODEL of LangChain, replay:FILE, human, or local: "
Llm = Annotated[
    str | None, typer.Option(help=_LLM + "an embedded 135M model that shows that the loop works, not search quality.")
]
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
FlopsConvention = Annotated[str, typer.Option(help="macs, or thop, which counts batch norm too.")]
Repair = Annotated[
    str,
    typer.Option(help="ask: the model is asked again after a reply off limits; nearest: the nearest within is taken."),
]
TrainOn = Annotated[
    str | None,
    typer.Option(help="Train on digits, cifar10, cifar100, imagenet:PATH or folder:PATH, where no table is to answer."),
]
RecipeName = Annotated[str | None, typer.Option("--recipe", help="A recipe's name; `genius recipes` lists them.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="A field of the recipe, as in lr=0.2.")]
Batch = Annotated[int | None, typer.Option(help="Another batch size; the learning rate is scaled with it.")]
Iterations = Annotated[int | None, typer.Option(help="Architectures to evaluate in each trial, in all.")]

OPEN = ("-", "-")


def console(*, stderr: bool = True) -> "Console":
    """Return the terminal: standard error for progress, standard output for results. It takes text without markup."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)
