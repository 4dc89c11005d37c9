"""The paper's Table 2 with our line beside it: Markdown and JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from math import inf

from ..record.files import write_atomically
from ..record.settings import Settings
from ..record.versions import made_with
from ..spaces.objective import TOP5
from .imagenet import ImagenetResult
from .imagenet_tables import LARGE, SMALL, PapersNetwork
from .paper_numbers import SOURCE
from .plan import writing
from .report import as_markdown, listed, markdown_table

IMAGENET_REPORT, IMAGENET_JSON = "imagenet.md", "imagenet.json"
_DAY, _MILLION = 86_400, 1e6
_BETWEEN = 350  # M FLOPs: the paper's two groups lie below and above
_HEAD = ("method", "FLOPs (M)", "params (M)", "top-1 (%)", "top-5 (%)", "search cost (GPU-days)")


def write_imagenet(found: ImagenetResult) -> None:
    """Write the report and its JSON into the folder of a result.

    Raises: RunFailed where the folder cannot be written to.
    """
    with writing(found.folder):
        write_atomically(found.folder / IMAGENET_REPORT, imagenet_markdown(found))
        write_atomically(found.folder / IMAGENET_JSON, json.dumps(imagenet_json(found), indent=1) + "\n")


def imagenet_markdown(found: ImagenetResult) -> str:
    """Return the report: the paper's table with our line below it, then how ours was made."""
    rows = [_cells(each) for each in papers_group(found)] + [our_line(found)]
    title = as_markdown(f"{found.plan.settings.space} on {found.plan.settings.training.data}")
    lines = [f"# {title}: the paper's Table 2", "", *markdown_table(_HEAD, rows), ""]
    return "\n".join([*lines, *listed(imagenet_facts(found)), ""])


def papers_group(found: ImagenetResult) -> Sequence[PapersNetwork]:
    """Return the lines of the paper's table that ours belongs to, by the limit on FLOPs."""
    _, most = found.plan.settings.limits.ranges.flops
    return SMALL if most < _BETWEEN * _MILLION else LARGE if most < inf else (*SMALL, *LARGE)


def _cells(each: PapersNetwork) -> list[str]:
    known = ["-" if number is None else f"{number:.1f}" for number in (each.params, each.top1, each.top5)]
    return [each.method, str(each.flops), *known, str(each.cost)]


def our_line(found: ImagenetResult) -> list[str]:
    """Return the cells of our line; `-` stands for what was not measured."""
    cost, trained = found.cost, found.retrained
    flops = None if cost is None else cost.counted(found.plan.settings.limits.convention)
    test = None if trained is None else trained.test_value
    top5 = None if trained is None else trained.test_metrics.get(TOP5.name)
    days = sum(found.search.device_seconds().values()) / _DAY
    return [
        "ours",
        "-" if flops is None else f"{flops / _MILLION:.0f}",
        "-" if cost is None else f"{cost.params / _MILLION:.1f}",
        "-" if test is None else f"{test:.1f}",
        "-" if top5 is None else f"{top5:.1f}",
        f"{days:.2g}",
    ]


def imagenet_facts(found: ImagenetResult) -> Iterator[str]:
    """State how our line was made, and where the paper's come from."""
    plan, settings = found.plan, found.plan.settings
    by = ", ".join(filter(None, [settings.proposer, *settings.llm.models]))
    architecture = (
        "none: nothing was measured" if found.architecture is None else " ".join(map(str, found.architecture))
    )
    yield f"our architecture: {architecture}"
    yield (
        f"search: {settings.loop.iterations} evaluations by {by}, seed {settings.loop.first_seed}, trained by "
        f"{_recipe(settings)}; FLOPs limited to {settings.limits.ranges.words()}"
    )
    for device, seconds in found.search.device_seconds().items():
        yield f"search cost: {seconds:,.0f} s, {seconds / _DAY:.2g} days of {device}; the paper's is of V100s"
    yield f"final training: {_recipe(plan.at_full())}"
    if (trained := found.retrained) is not None:
        yield _trained(trained.error, trained.value, trained.seconds, trained.device)
    yield from found.notes
    yield f"the paper's lines: {SOURCE}, Table 2"
    yield f"made with {made_with('genius-nas', 'torch')}"


def _trained(error: str | None, value: float | None, seconds: float, device: str | None) -> str:
    if error is not None:
        return f"the final training failed: {error}"
    return (
        f"final training: {seconds:,.0f} s, {seconds / _DAY:.2g} days of {device}; {value or 0.0:.2f}% on the images "
        "that are held out; top-1 and top-5 in the table are of the test images, ImageNet's official validation images"
    )


def _recipe(settings: Settings) -> str:
    return " ".join([str(settings.training.recipe), *settings.training.recipe_changes])


def imagenet_json(found: ImagenetResult) -> dict[str, object]:
    """Return plain JSON types."""
    return {
        "space": found.plan.settings.space,
        "data": found.plan.settings.training.data,
        "architecture": found.architecture and list(found.architecture),
        "cost": found.cost
        and {"flops": found.cost.counted(found.plan.settings.limits.convention), "params": found.cost.params},
        "search": {"run": str(found.search.run), "device_seconds": found.search.device_seconds()},
        "retrained": found.retrained and asdict(found.retrained),
        "paper": [{**asdict(each), "source": f"{SOURCE}, Table 2"} for each in papers_group(found)],
        "folder": str(found.folder),
    }
