"""The search spaces in words, for people."""

from . import SPACES, get_space
from .cost import CONVENTIONS
from .limits import NO_LIMITS, OPEN, Limits, count_allowed, extremes
from .space import ENUMERABLE, Decision, SearchSpace


def list_spaces() -> str:
    """Return a line for each space: name, decisions and size."""
    width = max(map(len, SPACES))
    return "\n".join(
        f"{name:<{width}}  {len(space.decisions):2} decisions, {_size(space)} architectures"
        for name, space in SPACES.items()
    )


def describe(name: str, limits: Limits = NO_LIMITS) -> str:
    """Return a space as a model reads it, with its decisions, the range of its costs and how much keeps the limits.

    Raises: GeniusError for an unknown name.
    """
    space = get_space(name)
    decisions = [f"{d.name}: {_options(d)}" for d in space.decisions]
    head = f"{space.name}: {len(space.decisions)} decisions, {_size(space)} architectures"
    return "\n".join([head, *_costs(space, limits), "", space.description, "", "Decisions:", *decisions])


def _costs(space: SearchSpace, limits: Limits) -> list[str]:
    found = extremes(space, limits.convention)
    lines = ["the range of its costs is not known"] if found is None else [_range(*found, limits)]
    if limits.flops != OPEN or limits.params != OPEN:
        inside = count_allowed(space, limits)
        share = "" if inside is None else f" ({inside / space.size:.3g} of all)"
        lines.append(f"within the limits: {'not counted' if inside is None else f'{inside:,}'}{share}")
    return lines


def _range(flops: tuple[int, int], params: tuple[int, int], limits: Limits) -> str:
    return (
        f"{flops[0] / 1e6:.1f} to {flops[1] / 1e6:.1f} M FLOPs ({CONVENTIONS[limits.convention]}), "
        f"{params[0] / 1e6:.3f} to {params[1] / 1e6:.3f} M parameters"
    )


def _size(space: SearchSpace) -> str:
    return f"{space.size:,}" if space.size <= ENUMERABLE else f"{space.size:.3g}"


def _options(decision: Decision) -> str:
    return ", ".join(f"{n} = {option}" for n, option in zip(decision.numbers, decision.options, strict=True))
