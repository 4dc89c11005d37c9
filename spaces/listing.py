"""The search spaces in words, for people."""

from . import SPACES, get_space
from .cost import CONVENTIONS
from .region import NO_LIMITS, Limits, Region
from .space import ENUMERABLE, SearchSpace


def list_spaces() -> str:
    """Return a line for each space: name, decisions and size."""
    width = max(map(len, SPACES))
    return "\n".join(
        f"{name:<{width}}  {len(space.decisions):2} decisions, {_size(space)}" for name, space in SPACES.items()
    )


def describe(name: str, limits: Limits = NO_LIMITS, *, exact: bool = False) -> str:
    """Return a space as a model reads it, with its decisions, the range of its costs and how much keeps the limits.

    It is counted where that is quick or `exact`, else estimated.

    Raises: GeniusError for an unknown name.
    """
    space = get_space(name)
    decisions = [decision.words for decision in space.decisions]
    head = f"{space.name}: {len(space.decisions)} decisions, {_size(space)}"
    rule, costs = [space.rule] if space.rule else [], _costs(Region(space, limits), exact)
    return "\n".join([head, *rule, *costs, "", space.description, "", "Decisions:", *decisions])


def _costs(region: Region, exact: bool) -> list[str]:
    space, found = region.space, region.extremes()
    of_all = "without the rule: " if space.valid and space.size > ENUMERABLE else ""
    lines = ["the range of its costs is not known"] if found is None else [of_all + _range(*found, region.limits)]
    if region.limits.limited:
        lines.append(f"within the limits: {_count(region, exact)}")
    return lines


def _count(region: Region, exact: bool) -> str:
    found, of = region.count(exact=exact), region.space.count or region.space.size
    if found is None:
        return "not counted"
    share = f"{found.number / of:.3g} of all"
    if found.exact:
        return f"{found.number:,} ({share})"
    off = f"± {100 * found.sd / found.number:.2g}%"
    return f"about {found.number:.3g} ({off}, {share}), an estimate from a sample; --exact counts them"


def _range(flops: tuple[int, int], params: tuple[int, int], limits: Limits) -> str:
    return (
        f"{flops[0] / 1e6:.1f} to {flops[1] / 1e6:.1f} M FLOPs ({CONVENTIONS[limits.convention]}), "
        f"{params[0] / 1e6:.3f} to {params[1] / 1e6:.3f} M parameters"
    )


def _size(space: SearchSpace) -> str:
    size = f"{space.size:,}" if space.size <= ENUMERABLE else f"{space.size:.3g}"
    if space.valid is None:
        return f"{size} architectures"
    allowed = "not counted" if space.count is None else f"{space.count:,}"
    return f"{size} combinations of options, allowed: {allowed}"
