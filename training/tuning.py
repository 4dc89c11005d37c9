"""The parts of a network that are trained in their own ways: stages, weights that stay, slower rates. Imports torch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import GeniusError
from .recipes import Recipe


@dataclass(frozen=True)
class BodyStage:
    """A stage of a network's body: its name, and the names of its modules and of its weights."""

    name: str
    modules: tuple[str, ...]
    weights: tuple[str, ...]


@dataclass(frozen=True)
class Tuning:
    """The parts of a network that are not trained as all others are.

    - `frozen`: the names of the modules that stay in evaluation mode; that of the network is empty.
    - `rates`: factors of the learning rate by the names of weights; that of all others is 1.
    """

    frozen: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)


UNTUNED = Tuning()
"""All parts are trained alike."""


def find_stages(network: nn.Module, head: Collection[str]) -> tuple[BodyStage, ...]:
    """Return the stages of a network without the weights of its head: its modules at the top, in their order.

    - Where all other weights lie in a single module, the stages are the modules within it.
    - Norms, and modules without weights, belong to the stage before them; weights of no module to the first stage.
    """
    body = {name: weight.ndim for name, weight in network.named_parameters() if name not in head}
    grouped: list[list[str]] = [[]]
    names: list[str] = []
    for path in _top(network, body):
        if any(_within(weight, path) and sides > 1 for weight, sides in body.items()):
            if names:
                grouped.append([])
            names.append(path)
        grouped[-1].append(path)
    owners = [next((at for at, group in enumerate(grouped) if _lies_in(name, group)), 0) for name in body]
    return tuple(
        BodyStage(name, tuple(group), tuple(each for each, owner in zip(body, owners, strict=True) if owner == at))
        for at, (name, group) in enumerate(zip(names or ["the network"], grouped, strict=True))
    )


def _top(network: nn.Module, body: Collection[str]) -> list[str]:
    """List the modules at the top, or within the only one of them that holds weights."""
    paths = _children(network, "")
    while True:
        bearing = [path for path in paths if any(_within(name, path) for name in body)]
        deeper = _children(network, bearing[0]) if len(bearing) == 1 else []
        if not any(_lies_in(name, deeper) for name in body):
            return paths
        at = paths.index(bearing[0])
        paths[at : at + 1] = deeper


def _children(network: nn.Module, path: str) -> list[str]:
    """List the modules right within a module; a list of modules gives its own."""
    found: list[str] = []
    for name, child in network.get_submodule(path).named_children():
        inner = f"{path}.{name}" if path else name
        found += _children(network, inner) if isinstance(child, nn.ModuleList | nn.ModuleDict) else [inner]
    return found


def _within(name: str, path: str) -> bool:
    return name.startswith(f"{path}.")


def _lies_in(name: str, paths: Collection[str]) -> bool:
    return any(_within(name, path) for path in paths)


def frozen_stages(stages: Sequence[BodyStage], recipe: Recipe) -> Sequence[BodyStage]:
    """Return the stages that a recipe leaves as they were loaded.

    Raises: GeniusError where the network has fewer.
    """
    if recipe.frozen_stages > len(stages):
        names = ", ".join(stage.name for stage in stages)
        raise GeniusError(f"frozen_stages={recipe.frozen_stages}, and the network has {len(stages)} stages: {names}")
    return stages if recipe.linear_probe else stages[: recipe.frozen_stages]


def rates_of(stages: Sequence[BodyStage], recipe: Recipe) -> list[float]:
    """Return the factor of each stage's learning rate: that of the head is 1."""
    return [recipe.stage_factor ** (len(stages) - at) for at in range(len(stages))]


def tune(network: nn.Module, stages: Sequence[BodyStage], recipe: Recipe) -> Tuning:
    """Take the weights that a recipe freezes out of the training; return how the other parts are trained.

    Raises: GeniusError where the network has fewer stages than the recipe freezes.
    """
    kept = frozen_stages(stages, recipe)
    norms = freeze_norms(network) if recipe.frozen_bn else ()
    for name in (name for stage in kept for name in stage.weights):
        network.get_parameter(name).requires_grad_(False)
    rates = {name: rate for stage, rate in zip(stages, rates_of(stages, recipe), strict=True) for name in stage.weights}
    modules = [""] if recipe.linear_probe else [module for stage in kept for module in stage.modules]
    return Tuning((*modules, *norms), rates)


def freeze_norms(network: nn.Module) -> tuple[str, ...]:
    """Take the scales and shifts of batch norm out of the training; return the names of its modules."""
    norms = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    for norm in norms.values():
        norm.requires_grad_(False)
    return tuple(norms)
