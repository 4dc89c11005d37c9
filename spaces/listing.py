"""The search spaces in words, for people."""

from . import SPACES, get_space
from .region import NO_LIMITS, Extremes, Limits, Region
from .space import ENUMERABLE, SearchSpace


def list_spaces() -> str:
    """Return a line for each space: name, decisions and size; packages that bring others are not loaded for theirs."""
    names = SPACES.names()
    width = max(map(len, names))
    built_in = (f"{len(space.decisions):2} decisions, {_size(space)}" for space in SPACES.values())
    words = dict(zip(SPACES, built_in, strict=True))
    return "\n".join(f"{name:<{width}}  {words.get(name, 'of an installed package')}" for name in names)


def describe_space(name: str, limits: Limits = NO_LIMITS, *, exact: bool = False) -> str:
    """Return a space as a model reads it, with its decisions, the range of its costs and how much keeps the limits.

    It is counted where that is quick or `exact`, else estimated.

    Raises: GeniusError for an unknown name.
    """
    space = get_space(name)
    decisions = [] if space.by_value else ["", "Decisions:", *(decision.words for decision in space.decisions)]
    head = f"{space.name}: {len(space.decisions)} decisions, {_size(space)}"
    rule, costs = [space.rule] if space.rule else [], _costs(Region(space, limits), exact)
    return "\n".join([head, *rule, *costs, "", space.words, *decisions])


def _costs(region: Region, exact: bool) -> list[str]:
    if not region.space.costed:
        return ["it has no costs"]
    space, found = region.space, region.extremes()
    of_all = "without the rule: " if space.valid and space.size > ENUMERABLE else ""
    lines = ["the range of its costs is not known"] if found is None else [of_all + _range(found, region)]
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


def _range(found: Extremes, region: Region) -> str:
    flops, params, *others = found
    limits = region.limits
    counting = limits.counting(text=region.space.context is not None)
    words = [
        f"{flops[0] / 1e6:.1f} to {flops[1] / 1e6:.1f} M FLOPs ({counting})",
        f"{params[0] / 1e6:.3f} to {params[1] / 1e6:.3f} M parameters",
    ]
    words += [f"{name} {low:g} to {high:g}" for (name, _), (low, high) in zip(limits.others, others, strict=True)]
    return ", ".join(words)


def _size(space: SearchSpace) -> str:
    size = f"{space.size:,}" if space.size <= ENUMERABLE else f"{space.size:.3g}"
    if space.valid is None and space.conditions:
        return f"{space.count:,} architectures"
    if space.valid is None:
        return f"{size} architectures"
    allowed = "not counted" if space.count is None else f"{space.count:,}"
    return f"{size} combinations of options, allowed: {allowed}"
