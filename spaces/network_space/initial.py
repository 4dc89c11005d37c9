"""The initial weights of a network that is built: drawn as those of the given network are. Imports torch.

A parameter that is the same everywhere, as a bias of zeros, stays so. Any other one is drawn from a uniform or a normal
distribution with its mean and standard deviation, scaled by the square root of the inputs that an output has then
against those that it has now. Norms begin as torch begins them, unless theirs are the same everywhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm)
_SAMPLED = 2**16
_UNIFORM = 1.8  # standard deviations within which all values of a uniform distribution lie: 1.73

OriginOf = Callable[[nn.Module], str]
"""Tells the name that a module, or the one that it was copied from, has in the given network."""


@dataclass(frozen=True)
class _Distribution:
    """The distribution of a parameter, and the inputs that each output of its layer has in the given network."""

    mean: float
    sd: float
    uniform: bool
    inputs: int

    def drawn(self, shape: torch.Size, like: Tensor, inputs: int) -> Tensor:
        """Draw values by torch's global generator, which trainings seed."""
        sd = self.sd * sqrt(self.inputs / inputs) if inputs and self.inputs else self.sd
        unit = (torch.rand(shape) * 2 - 1) * sqrt(3) if self.uniform else torch.randn(shape)
        return (self.mean + sd * unit).to(like.dtype)


@dataclass(frozen=True)
class Initial:
    """The distributions of a network's parameters, and the values of its buffers, by module and name."""

    parameters: dict[tuple[str, str], _Distribution]
    buffers: dict[tuple[str, str], Tensor]


def note_weights(network: nn.Module) -> Initial:
    """Note how the parameters of a network are distributed, and its buffers."""
    parameters, buffers = {}, {}
    for name, module in network.named_modules():
        for each, value in module._parameters.items():
            if value is not None:
                parameters[name, each] = _distribution(_some_of(value.detach()), module, each)
        for each, buffer in module._buffers.items():
            if buffer is not None:
                buffers[name, each] = buffer.detach().cpu().clone()
    return Initial(parameters, buffers)


def _some_of(values: Tensor) -> Tensor:
    """Return up to so many values as tell a distribution, from all over a parameter."""
    flat = values.flatten()
    return flat[:: max(1, flat.numel() // _SAMPLED)].float()


def _distribution(values: Tensor, module: nn.Module, name: str) -> _Distribution:
    if values.numel() == 0 or bool((values == values.flatten()[0]).all()):
        return _Distribution(float(values.flatten()[0]) if values.numel() else 0.0, 0.0, False, 0)
    if isinstance(module, _NORMS):
        return _Distribution(float(name == "weight"), 0.0, False, 0)
    mean, sd = float(values.mean()), float(values.std(correction=0))
    return _Distribution(mean, sd, float((values - mean).abs().max()) <= _UNIFORM * sd, _inputs(module))


def _inputs(module: nn.Module) -> int:
    """Return how many inputs each output of a layer has; 0 where it is no layer with a weight."""
    weight = module._parameters.get("weight")
    return weight.numel() // len(weight) if weight is not None and weight.ndim > 1 else 0


def begin(network: nn.Module, initial: Initial, origin: OriginOf) -> nn.Module:
    """Give a network on the device `meta` initial weights on the CPU; shared ones stay shared."""
    made: dict[int, nn.Parameter] = {}
    for module in network.modules():
        for name, old in module._parameters.items():
            if old is not None:
                if id(old) not in made:
                    drawn = initial.parameters[origin(module), name].drawn(old.shape, old, _inputs(module))
                    made[id(old)] = nn.Parameter(drawn, old.requires_grad)
                module._parameters[name] = made[id(old)]
        for name, values in _buffers(module, initial, origin(module)):
            module._buffers[name] = values
    return network


def _buffers(module: nn.Module, initial: Initial, origin: str) -> Iterator[tuple[str, Tensor]]:
    for name, old in module._buffers.items():
        if old is not None and isinstance(module, _NORMS):
            yield name, torch.full(old.shape, float(name == "running_var"), dtype=old.dtype)
        elif old is not None:
            yield name, initial.buffers[origin, name].clone()
