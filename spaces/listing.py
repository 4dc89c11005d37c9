"""The search spaces in words, for people."""

from . import SPACES, get_space
from .space import ENUMERABLE, Decision, SearchSpace


def list_spaces() -> str:
    """Return a line for each space: name, decisions and size."""
    width = max(map(len, SPACES))
    return "\n".join(
        f"{name:<{width}}  {len(space.decisions):2} decisions, {_size(space)} architectures"
        for name, space in SPACES.items()
    )


def describe(name: str) -> str:
    """Return a space as a model reads it, with its decisions and the range of its costs.

    Raises: GeniusError for an unknown name.
    """
    space = get_space(name)
    decisions = [f"{d.name}: {_options(d)}" for d in space.decisions]
    head = f"{space.name}: {len(space.decisions)} decisions, {_size(space)} architectures"
    return "\n".join([head, *_costs(space), "", space.description, "", "Decisions:", *decisions])


def _size(space: SearchSpace) -> str:
    return f"{space.size:,}" if space.size <= ENUMERABLE else f"{space.size:.3g}"


def _options(decision: Decision) -> str:
    return ", ".join(f"{n} = {option}" for n, option in zip(decision.numbers, decision.options, strict=True))


def _costs(space: SearchSpace) -> list[str]:
    if space.size > ENUMERABLE:
        return []
    costs = space.costs(list(space.architectures()))
    (flops_low, params_low, _), (flops_high, params_high, _) = costs.min(axis=0), costs.max(axis=0)
    return [
        f"{flops_low / 1e6:.1f} to {flops_high / 1e6:.1f} M FLOPs (multiply-adds of one image), "
        f"{params_low / 1e6:.3f} to {params_high / 1e6:.3f} M parameters"
    ]
