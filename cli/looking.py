"""The commands that search nothing: they show runs, spaces, costs and tables."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import beginning, completing
from .options import OPEN_RANGE, AsJson, Downloads, FlopsConvention, RangeEnds, RunFolder, SpaceName, console
from .signals import stopping
from .streams import print_text

if TYPE_CHECKING:
    from ..bench.worth import Worth
    from ..record.result import SearchResult


@stopping("finished trials of the peers are kept: show it again to go on")
def show(
    run: RunFolder,
    everything: Annotated[bool, typer.Option("--all", help="Every iteration, also of a long search.")] = False,
    downloads: Downloads = None,
    as_json: AsJson = False,
) -> None:
    """Show the results of a run so far, finished or not, and whether its language model was worth it."""
    with beginning():
        from ..record.result import read

    result = read(run)
    found = find_worth(result, downloads) if result.settings.llm.first else None
    if as_json:
        print_text(json.dumps(result.to_json() | ({"worth": found.to_json()} if found else {})))
        return
    print_result(result, as_json=False, everything=everything, reasons=True)
    if found:
        _print_worth(found, result)


def find_worth(result: "SearchResult", downloads: Downloads) -> "Worth | None":
    """Tell whether a run's model was worth it, with a bar on the terminal while the peers' trials are made."""
    with beginning():
        from ..bench.worth import worth
        from ..tables.fetch import downloads_folder
        from .trials_bar import TrialsBar

    named = downloads or (Path(result.settings.downloads) if result.settings.downloads else None)
    with TrialsBar("peers without a model", terminal_only=True) as tell:
        return asyncio.run(worth(result, downloads_folder(named), tell))


def _print_worth(found: "Worth", result: "SearchResult") -> None:
    """Print a run's standing, then the cost of its model."""
    from rich.table import Table

    from ..record.statistics import rounded
    from ..report.show import as_text, print_sentences, usage

    out = console(stderr=False)
    out.print("\nwas the model worth it?", style="bold")
    print_sentences(out, [*filter(None, [found.verdict]), *found.words])
    if found.standings:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("proposer without a model", "trials", "mean test rank", "its trials that do worse"):
            table.add_column(name, justify="left" if name.startswith("prop") else "right", overflow="fold")
        for each in found.standings:
            cells = (each.proposer, str(each.trials), rounded(each.rank), each.words)
            table.add_row(*map(as_text, cells))
        out.print(table)
    print_sentences(out, [f"it took {usage(result)}"])


def spaces(
    name: Annotated[
        str | None,
        typer.Argument(help="A space to describe, by its name or file.", autocompletion=completing.spaces_and_files),
    ] = None,
    flops: RangeEnds = OPEN_RANGE,
    params: RangeEnds = OPEN_RANGE,
    flops_convention: FlopsConvention = "macs",
    exact: Annotated[bool, typer.Option("--exact", help="Count exactly, however long it takes.")] = False,
    of: Annotated[
        str | None,
        typer.Option("--of", metavar="MODULE:NAME", help="Write the space of a network as a file that you edit."),
    ] = None,
    shape: Annotated[
        tuple[int, int, int] | None,
        typer.Option("--input", metavar="CHANNELS HEIGHT WIDTH", help="One input of that network, as in 3 32 32."),
    ] = None,
) -> None:
    """List the search spaces, or describe one as a model reads it, and count the architectures within limits.

    Of a network it prints a space file instead, for you to edit: the decisions of torchvision.models:resnet18, say.
    """
    from ..errors import GeniusError
    from ..spaces.cost import check_convention
    from ..spaces.listing import describe_space, list_spaces
    from ..spaces.region import Limits, parse_range

    if of is None and shape is not None:
        raise GeniusError("--input is that of a network: name it by --of MODULE:NAME")
    if of is not None:
        if name is not None:
            raise GeniusError("a space is described, or written of a network by --of: ask for one of these")
        from ..spaces.network_space.space_text import space_text

        print_text(space_text(of, shape))
        return
    limits = Limits(parse_range(*flops), parse_range(*params), check_convention(flops_convention))
    print_text(describe_space(name, limits, exact=exact) if name else list_spaces())


def cost(
    space: SpaceName,
    architecture: Annotated[str, typer.Argument(help="Its numbers, as in '[0, 1, 2, 0, 1, 2, 0, 1]' or 01201201.")],
    flops_convention: FlopsConvention = "macs",
    as_json: AsJson = False,
) -> None:
    """Print the FLOPs and parameters of an architecture."""
    from ..errors import GeniusError
    from ..spaces import get_space
    from ..spaces.cost import check_convention, counting_in_words
    from ..tools.naming import read_architecture

    chosen = get_space(space)
    convention = check_convention(flops_convention)
    found = chosen.cost_of(read_architecture(architecture, chosen))
    if found is None:
        raise GeniusError(f"{chosen.name} has no costs: give it `cost`, `parts`, or a network by `build`")
    if as_json:
        named = {} if convention == "macs" else {"flops_convention": convention}
        print_text(json.dumps({"flops": found.counted(convention), "params": found.params, **found.named, **named}))
    else:
        counting = counting_in_words(convention, text=chosen.context is not None)
        head = f"FLOPs  {found.counted(convention):,} ({counting})\nparams {found.params:,}"
        print_text("\n".join([head, *(f"{name} {cost:,g}" for name, cost in found.named.items())]))


@stopping("all that arrived is kept: fetch it again to go on")
def fetch(
    name: Annotated[
        str, typer.Argument(help="A space whose table to download, all for all tables, cifar10 or cifar100.")
    ],
    downloads: Downloads = None,
) -> None:
    """Download published tables, resumable and checked against a pinned SHA-256, or a data set to train on."""
    with beginning():
        from ..report.display import fetch_with_bars
        from ..tables.fetch import downloads_folder, sources_named
        from ..training.data import DOWNLOADED, download

    if name in DOWNLOADED:
        print_text(str(download(name, downloads_folder(downloads))))
        return
    for path in asyncio.run(fetch_with_bars(sources_named(name), downloads_folder(downloads), console())):
        print_text(str(path))


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="A recipe to print in full.", autocompletion=completing.recipes)
    ] = None,
) -> None:
    """List the recipes of training, or print one."""
    from ..training.recipes import ORIGINS, RECIPES, describe_recipe

    if name is not None:
        print_text(describe_recipe(RECIPES.find(name)))
        return
    names = RECIPES.names()
    width = max(map(len, names))
    words = {each: f"{one.epochs} epochs, batch {one.batch}; {ORIGINS[each]}" for each, one in RECIPES.items()}
    for each in names:
        print_text(f"{each:<{width}}  {words.get(each, 'of an installed package')}")


def prompts(
    folder: Annotated[Path | None, typer.Argument(help="A folder to write them into, for you to edit.")] = None,
) -> None:
    """List the prompts of a language model, or write them into a folder as templates for `--prompts`."""
    from ..agents.prompting import built_in_prompts, write_prompts

    for each in built_in_prompts() if folder is None else write_prompts(folder):
        print_text(str(each))


@stopping("a baseline is made anew each time")
def baseline(
    space: Annotated[str, typer.Argument(help="A search space with a table.", autocompletion=completing.spaces)],
    samples: Annotated[int, typer.Option(help="Architectures drawn in each repetition.")] = 10,
    repetitions: Annotated[int, typer.Option(help="Repetitions.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    downloads: Downloads = None,
    as_json: AsJson = False,
) -> None:
    """Print the paper's baseline: the mean best of uniform samples over many repetitions."""
    with beginning():
        from ..spaces import get_space
        from ..tables.fetch import downloads_folder
        from ..tables.published import load_table
        from ..tables.random_baseline import random_baseline

    chosen = get_space(space)
    found = random_baseline(load_table(chosen, downloads_folder(downloads)), samples, repetitions, seed)
    if as_json:
        print_text(
            json.dumps({"space": chosen.name, "samples": samples, "repetitions": repetitions, "seed": seed, **found})
        )
        return
    print_text(
        f"{chosen.name}: best of {samples} uniform samples, mean ± std over {repetitions:,} repetitions, seed {seed}"
    )
    for number, spread in found.items():
        print_text(
            f"{number.replace('_', ' '):>14} {spread['mean']:.2f} ± {spread['std']:.2f} (median {spread['median']:g})"
        )


def print_result(result: "SearchResult", *, as_json: bool, everything: bool = False, reasons: bool = False) -> None:
    """Print a result for people, with the proposer's `reasons` if asked for, or as JSON."""
    if as_json:
        print_text(json.dumps(result.to_json()))
        return
    from ..report.show import print_tables as print_tables

    print_tables(result, console(stderr=False), everything=everything, reasons=reasons)
