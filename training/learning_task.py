"""A task that networks learn: the batches, the loss and the measure, which the learning loop knows by these names.

Imports torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from torch import Tensor, nn

from ..spaces.space import Architecture, SearchSpace
from .batches import Batches
from .recipes import Recipe
from .tuning import Tuning

_B = TypeVar("_B")


@dataclass(frozen=True)
class TaskScore:
    """The value of a task's objective, its standard deviation where known, and further numbers by their names."""

    value: float
    sd: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


def size_in_words(network: nn.Module, space: SearchSpace, architecture: Architecture) -> str:
    """Say how many parameters a network has, and its FLOPs where its space tells them without counting."""
    params = sum(p.numel() for p in network.parameters())
    cost = space.cost_of(architecture) if space.parts else None
    flops = f" and {cost.flops / 1e6:,.1f} M FLOPs" if cost else ""
    return f"the network has {params / 1e6:,.2f} M parameters{flops}"


class LearningTask(Protocol[_B]):
    """A job's task in this process, opened for its device."""

    @property
    def network(self) -> nn.Module:
        """The network to train, with its initial weights."""
        ...

    @property
    def tuning(self) -> Tuning:
        """The parts of the network that are not trained as all others are."""
        ...

    @property
    def examples(self) -> int:
        """The number of examples to train on."""
        ...

    @property
    def size(self) -> str:
        """The network's size, so that a language model can choose a smaller one."""
        ...

    def batches(self) -> Batches[_B]:
        """Return the source of this process's training batches."""
        ...

    def loss(self, forward: nn.Module, batch: _B, recipe: Recipe) -> Tensor:
        """Return the mean loss of a network on a batch."""
        ...

    def blank_loss(self, network: nn.Module, examples: int) -> Tensor:
        """Return the loss on so many blank examples, as large as any of a training."""
        ...

    def measure(self, network: nn.Module) -> TaskScore:
        """Measure the objective on the examples that steer, over all processes."""
        ...

    def test(self, network: nn.Module) -> TaskScore | None:
        """Measure the objective on the test examples; None where the task has none."""
        ...

    def write_weights(self, network: nn.Module, path: Path) -> None:
        """Write the trained weights, with their card."""
        ...
