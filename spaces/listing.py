"""The search spaces in words, for people."""

from . import SPACES, get_space
from .space import ENUMERABLE, SearchSpace


def list_spaces() -> str:
    """Return a line for each space: name, decisions and size."""
    width = max(map(len, SPACES))
    return "\n".join(
        f"{name:<{width}}  {len(space.decisions):2} decisions, {space.size:,} architectures"
        for name, space in SPACES.items()
    )


def describe(name: str) -> str:
    """Return a space as a model reads it, with its decisions and the range of its costs.

    Raises: GeniusError for an unknown name.
    """
    space = get_space(name)
    decisions = [f"{d.name}: " + ", ".join(f"{n} = {o}" for n, o in zip(d.numbers, d.options)) for d in space.decisions]
    head = f"{space.name}: {len(space.decisions)} decisions, {space.size:,} architectures"
    return "\n".join([head, *_costs(space), "", space.description, "", "Decisions:", *decisions])


def _costs(space: SearchSpace) -> list[str]:
    if space.size > ENUMERABLE:
        return []
    (flops_low, params_low), (flops_high, params_high) = (
        extreme(space.costs(list(space.architectures()))) for extreme in (lambda c: c.min(0), lambda c: c.max(0))
    )
    return [
        f"{flops_low / 1e6:.1f} to {flops_high / 1e6:.1f} M FLOPs (multiply-adds of one image), "
        f"{params_low / 1e6:.3f} to {params_high / 1e6:.3f} M parameters"
    ]
