"""The names by which architectures are told apart: their own, and a key for tables."""

from collections.abc import Callable, Hashable

_Architecture = tuple[int, ...]


def itself(architecture: _Architecture) -> Hashable:
    """Take each architecture for a function of its own."""
    return architecture


def digits(architecture: _Architecture) -> str:
    """Write option numbers one behind the other, with hyphens between where one has two digits."""
    return ("" if max(architecture) < 10 else "-").join(map(str, architecture))


class Masked:
    """An identity to which hidden decisions make no difference."""

    def __init__(
        self, own: Callable[[_Architecture], Hashable], settled: Callable[[_Architecture], _Architecture]
    ) -> None:
        self._own, self._settled = own, settled

    def __call__(self, architecture: _Architecture) -> Hashable:
        """Return the identity of the architecture with the first option in each hidden decision."""
        return self._own(self._settled(architecture))
