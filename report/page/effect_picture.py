"""The picture of the effects of options: for each option its effect and a 95% interval."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from markupsafe import Markup

from ...agents.principles import is_shown
from ...record.notebook import OptionEffect
from ...spaces.objective import Objective
from ...spaces.space import SearchSpace
from .charts import PixelScale, tick_words
from .svg import cut_label, element, picture, words

_INTERVAL = 1.96  # standard deviations
_NAME, _OPTION, _ROW, _RIGHT, _WIDTH = 120, 290, 20, 20, 680  # pixels
_LETTERS = 17, 27  # of a decision's name and of an option's


def draw_effects(effects: Sequence[OptionEffect], space: SearchSpace, objective: Objective) -> Markup | None:
    """Draw effects, decision by decision, the decision first whose options differ most; None without any."""
    known = [each for each in effects if each.effect is not None and each.sd is not None]
    if not known:
        return None
    ends = [end for each in known for end in _ends(each)]
    scale = PixelScale(min(*ends, 0.0), max(*ends, 1e-9), _OPTION, _WIDTH - _RIGHT)
    groups = [list(group) for _, group in groupby(known, key=lambda each: each.decision)]
    rows, y = [], 26.0
    for group in sorted(groups, key=_spread, reverse=True):
        rows.append(
            words(cut_label(space.decisions[group[0].decision].name, _LETTERS[0]), 0, y + 13, "decision", "start")
        )
        ordered = space.decisions[group[0].decision].scale is not None
        for each in group if ordered else sorted(group, key=lambda one: -objective.utility(one.effect or 0.0)):
            rows.append(_row(each, space, objective, scale, y))
            y += _ROW
        y += 8
    return picture(_WIDTH, y + 4, f"Effects on {objective.name}", *_axis(scale, y, objective), *rows, kind="effects")


def _ends(each: OptionEffect) -> tuple[float, float]:
    half = _INTERVAL * (each.sd or 0.0)
    return (each.effect or 0.0) - half, (each.effect or 0.0) + half


def _spread(group: Sequence[OptionEffect]) -> float:
    """Return how far a decision's effects lie apart."""
    found = [each.effect or 0.0 for each in group]
    return max(found) - min(found)


def _axis(scale: PixelScale, bottom: float, objective: Objective) -> Iterator[Markup]:
    ticks = scale.ticks
    for value, text in zip(ticks, tick_words(ticks), strict=True):
        signed = f"+{text}" if value > 0 else text
        kind = "zero" if abs(value) < 1e-12 else "grid"
        yield element("line", x1=scale(value), y1=18, x2=scale(value), y2=bottom, class_=kind)
        yield words(signed, scale(value), 12, "tick")


def _row(each: OptionEffect, space: SearchSpace, objective: Objective, scale: PixelScale, y: float) -> Markup:
    decision = space.decisions[each.decision]
    name, middle = decision.names[each.option - decision.first], y + 9
    low, high = map(scale, _ends(each))
    better = objective.utility(each.effect or 0.0) > 0
    kind = ("better" if better else "worse") if is_shown(each) else "unclear"
    told = f"{decision.name} {name}: {objective.change(each.effect or 0.0, each.sd or 0.0)}{objective.suffix}"
    return element(
        "g",
        element("title", told),
        words(cut_label(name, _LETTERS[1]), _NAME, y + 13, f"option {kind}", "start"),
        element("line", x1=low, y1=middle, x2=high, y2=middle, class_=f"interval {kind}"),
        element("circle", cx=scale(each.effect or 0.0), cy=middle, r=4, class_=f"effect {kind}"),
    )
