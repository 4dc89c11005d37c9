"""The picture of an architecture, as its space sketches it, or by its decisions: those of its space, or those tried."""

from collections.abc import Collection, Iterable

from markupsafe import Markup

from ...errors import GeniusError
from ...printable import said_by
from ...record.candidate import Candidate
from ...spaces.sketch import CellSketch, ChainSketch, Sketch
from ...spaces.space import Architecture, SearchSpace
from .cell_picture import draw_cell
from .chain_picture import draw_chain
from .option_picture import ChosenOption, draw_options


class Drawing:
    """Draws the architectures of a run; without its `space`, by the options that its candidates tried."""

    def __init__(self, space: SearchSpace | None, candidates: Iterable[Candidate]) -> None:
        self.space = space
        tried: dict[str, set[str]] = {}
        for candidate in () if space else candidates:
            for name, option in _named(candidate).items():
                tried.setdefault(name, set()).add(option)
        self._tried = {name: sorted(options, key=_in_order) for name, options in tried.items()}

    def chosen(self, candidate: Candidate) -> list[ChosenOption]:
        """Return the options of a candidate's architecture in the decisions that count."""
        if candidate.architecture is None:
            return []
        if self.space is None:
            named = enumerate(_named(candidate).items())
            known = self._tried
            return [ChosenOption(at, name, "", known[name], known[name].index(option)) for at, (name, option) in named]
        visible = self.space.visible(candidate.architecture)
        return [
            ChosenOption(at, each.name, each.stage, each.names, number - each.first, each.scale is not None)
            for at, (each, number, counts) in enumerate(
                zip(self.space.decisions, candidate.architecture, visible, strict=True)
            )
            if counts
        ]

    def draw(self, candidate: Candidate, changed: Collection[int]) -> Markup | None:
        """Draw a candidate's architecture, `changed` decisions marked; None where it has none.

        Raises: GeniusError where the sketch of one's own space fails.
        """
        if candidate.architecture is None:
            return None
        if self.space is None or self.space.sketch is None:
            return draw_options(self.chosen(candidate), changed)
        sketch = _sketch(self.space, candidate.architecture)
        places = [n - each.first for each, n in zip(self.space.decisions, candidate.architecture, strict=True)]
        if isinstance(sketch, ChainSketch):
            return draw_chain(sketch, places, changed)
        return draw_cell(sketch, places, changed)


def _named(candidate: Candidate) -> dict[str, str]:
    """Return the options of an architecture whose space is not at hand: its values, or its option numbers."""
    if candidate.values is not None:
        return {name: str(value) for name, value in candidate.values.items()}
    return {f"decision {at}": str(number) for at, number in enumerate(candidate.architecture or (), start=1)}


def _in_order(option: str) -> tuple[float, str]:
    """Order options that are numbers by their size, and others behind them by their letters."""
    try:
        return float(option), option
    except ValueError:
        return float("inf"), option


def _sketch(space: SearchSpace, architecture: Architecture) -> Sketch:
    assert space.sketch is not None
    try:
        found = space.sketch(space.settled(architecture))
    except Exception as error:
        raise GeniusError(f"the sketch of {space.name} failed on {list(architecture)}: {said_by(error)}") from error
    if not isinstance(found, ChainSketch | CellSketch):
        raise GeniusError(
            f"the sketch of {space.name} is a genius.ChainSketch or a genius.CellSketch, got {type(found).__name__}"
        )
    return found
