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


def describe(name: str, limits: Limits = NO_LIMITS) -> str:
    """Return a space as a model reads it, with its decisions, the range of its costs and how much keeps the limits.

    Raises: GeniusError for an unknown name.
    """
    space = get_space(name)
    decisions = [] if space.by_value else ["", "Decisions:", *(decision.words for decision in space.decisions)]
    head = f"{space.name}: {len(space.decisions)} decisions, {_size(space)}"
    rule = [space.rule] if space.rule else []
    return "\n".join([head, *rule, *_costs(Region(space, limits)), "", space.words, *decisions])


def _costs(region: Region) -> list[str]:
    if not region.space.costed:
        return ["it has no costs"]
    space, found = region.space, region.extremes()
    of_all = "without the rule: " if space.valid and space.size > ENUMERABLE else ""
    lines = ["the range of its costs is not known"] if found is None else [of_all + _range(*found, region.limits)]
    if region.limits.limited:
        inside = region.count()
        share = "" if inside is None else f" ({inside / (space.count or space.size):.3g} of all)"
        lines.append(f"within the limits: {'not counted' if inside is None else f'{inside:,}'}{share}")
    return lines


def _range(flops: tuple[int, int], params: tuple[int, int], limits: Limits) -> str:
    return (
        f"{flops[0] / 1e6:.1f} to {flops[1] / 1e6:.1f} M FLOPs ({CONVENTIONS[limits.convention]}), "
        f"{params[0] / 1e6:.3f} to {params[1] / 1e6:.3f} M parameters"
    )


def _size(space: SearchSpace) -> str:
    size = f"{space.size:,}" if space.size <= ENUMERABLE else f"{space.size:.3g}"
    if space.valid is None and space.conditions:
        return f"{space.count:,} architectures"
    if space.valid is None:
        return f"{size} architectures"
    allowed = "not counted" if space.count is None else f"{space.count:,}"
    return f"{size} combinations of options, allowed: {allowed}"
