"""The command that measures networks: `latency`."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import beginning
from .options import AsJson, SpaceName, with_settings
from .signals import stopping
from .streams import print_text, say

if TYPE_CHECKING:
    from ..record.measurement import Measurement
    from ..record.settings import MeasureSettings
    from ..spaces.space import Architecture


@stopping("nothing is kept of the measurements: start again")
@with_settings("measures.on_device", "measures.batch", "measures.threads", "measures.runtime", "measures.seconds")
def latency(
    space: SpaceName,
    architecture: Annotated[
        str | None, typer.Argument(metavar="[ARCH]", help="Its numbers: one network alone.")
    ] = None,
    samples: Annotated[int, typer.Option(metavar="N", help="Networks that are measured for the look-up.")] = 60,
    measure: Annotated[str, typer.Option(metavar="NAME", help="latency, memory, or your own MODULE:NAME.")] = "latency",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the look-up there; default: SPACE-NAME.json.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the sample.")] = 0,
    as_json: AsJson = False,
    **options: Any,
) -> None:
    """Measure the latency of one network, or fit a look-up for a space to a sample, for --latency-table."""
    with beginning():
        from ..record.settings import Settings, by_path

    asked = Settings().changed(by_path(options)).measures
    asked.check()
    if architecture is not None:
        _one(space, architecture, measure, asked, as_json)
    else:
        _fit(space, samples, measure, asked, out, seed, as_json)


def _one(space: str, architecture: str, measure: str, asked: "MeasureSettings", as_json: bool) -> None:
    with beginning():
        from ..errors import RunFailed
        from ..evaluators.measures import MEASURES
        from ..graph.sampling import conditions_of, measure_one
        from ..spaces import get_space
        from ..tools.naming import read_architecture

    chosen = read_architecture(architecture, get_space(space))
    found = asyncio.run(measure_one(space, measure, chosen, asked))
    if found.error is not None:
        raise RunFailed(f"{list(chosen)} cannot be measured: {found.error}")
    objective, conditions = MEASURES.find(measure).objective, conditions_of(asked, found.device)
    if as_json:
        print_text(json.dumps({objective.name: found.value, "sd": found.sd, "conditions": conditions}))
        return
    spread = "" if found.sd is None else f" ± {found.sd:.2g} (one standard deviation)"
    print_text(f"{objective.name} {objective.text(found.value or 0.0)}{spread}; {conditions}")


def _fit(
    space: str, samples: int, measure: str, asked: "MeasureSettings", out: Path | None, seed: int, as_json: bool
) -> None:
    with beginning():
        from ..graph.sampling import fit_look_up
        from ..tables.cost_table import write_cost_table

    count = 0

    def told(architecture: "Architecture", found: "Measurement") -> None:
        nonlocal count
        count += 1
        words = f"{found.value:.4g}" if found.value is not None else f"cannot be measured: {found.error}"
        say(f"{count}/{samples}: {list(architecture)} {words}")

    made = asyncio.run(fit_look_up(space, measure, samples, asked, seed=seed, told=told))
    path = out or Path(f"{made.space.name}-{made.cost.name}.json")
    write_cost_table(path, made.cost, made.space, made.conditions, made.samples)
    told_errors = {"mae": made.cost.mae, "within": made.cost.within}
    if as_json:
        print_text(
            json.dumps({"file": str(path), "samples": made.samples, "conditions": made.conditions, **told_errors})
        )
        return
    print_text(f"{made.cost.name} of {made.space.name}, fitted to {made.samples} networks ({made.conditions}):")
    print_text(f"{made.cost.words}, of networks that the fit did not see\nlook-up: {path}")
