"""The command that asks a model about a search that has ended: `principles`."""

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import beginning
from .options import AsJson, OwnSpace, RunFolder, Trust, console, with_settings
from .signals import stopping
from .streams import print_text, say

if TYPE_CHECKING:
    from ..graph.eliciting import Elicited
    from ..graph.progress import Progress

_OF_MODELS = (
    *("models", "base_url", "temperature", "max_tokens", "reasoning_effort", "num_ctx", "options", "price"),
    *("timeout", "tries"),
)
_SETTINGS = (*(f"llm.{name}" for name in _OF_MODELS), "loop.max_cost", "loop.max_llm_tokens", "loop.prompts")


@with_settings(*_SETTINGS)
def principles(
    run: RunFolder, space: OwnSpace = None, trust: Trust = False, as_json: AsJson = False, **options: Any
) -> None:
    """Ask a model for the design principles that a search teaches, and hold them against its measurements."""
    with beginning():
        from ..graph.eliciting import elicit
        from ..report.show import print_sentences

    with stopping("an answer that arrived is kept: ask again"):
        found = asyncio.run(elicit(run, space=space, trust=trust, progress=_note, **options))
    if as_json:
        print_text(json.dumps({"run": str(run), "trials": [each.to_json() for each in found]}))
        return
    for each in found:
        print_sentences(console(stderr=False), _lines(each, f"trial {each.trial}: " if len(found) > 1 else ""))


def _note(step: "Progress") -> None:
    """Say on standard error why there is no answer yet, or none that can be read."""
    if step.note:
        say(step.note)


def _lines(found: "Elicited", where: str) -> Iterator[str]:
    """Yield the principles of a trial, each with its claims and the effects that the measurements show."""
    author = found.page.author or "the model"
    yield f"{where}the design principles of {author}, after {found.measurements} measurements"
    for number, one in enumerate(found.page.principles, start=1):
        yield f"{number}. {one.text}"
        yield from [f"- {found.words(option)}" for option in one.options] or ["- not shown: it names no option"]
    if found.unnamed:
        yield "what the measurements show and no principle names:"
        yield from (f"- {found.effect(option)}" for option in found.unnamed)
    counts = ", ".join(f"{kind} {count}" for kind, count in found.counts.items())
    yield f"claims: {counts}; effects are over the mean of the space, ± one standard deviation of the surrogate"
