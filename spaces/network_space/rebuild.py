"""The building of a network's variants: a copy without values is changed, fitted by a run, and begun. Imports torch."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ..decision import Value
from .anatomy import ORIGIN, Anatomy
from .coupling import fitting
from .initial import begin
from .layers import layers_of
from .variations import Depth, Variation


def variant(
    anatomy: Anatomy,
    variations: Sequence[Variation],
    values: Mapping[str, Value],
    classes: int | None = None,
    shape: Sequence[int] | None = None,
) -> nn.Module:
    """Make the variant of a network of some options by the names of their decisions, without values: on `meta`.

    It gives scores of so many classes, and takes inputs of a shape, instead of the network's own. Raises: every
    exception of the network where it cannot be run.
    """
    network = copy.deepcopy(anatomy.template)
    chosen = [(each, values[each.name]) for each in variations if each.name in values]
    sizes = {root: size for each, option in chosen for root, size in each.sizes(option).items()}
    if classes is not None:
        sizes |= dict.fromkeys(anatomy.classes, classes)
    anatomy.coupling.bind(network, sizes)
    for each, option in sorted(chosen, key=lambda choice: isinstance(choice[0], Depth)):  # blocks are copied at last
        each.apply(network, option)
    layers = layers_of(network)
    taken = {name: anatomy.taken.get(getattr(layer, ORIGIN), 0) for name, layer in layers.items()}
    with torch.no_grad(), fitting(network, layers, taken):
        network(torch.zeros(2, *(shape or anatomy.shape), device="meta"))
    return network


def built(
    anatomy: Anatomy,
    variations: Sequence[Variation],
    values: Mapping[str, Value],
    classes: int | None = None,
    shape: Sequence[int] | None = None,
) -> nn.Module:
    """Build such a variant, with initial weights that torch's global generator draws."""
    network = variant(anatomy, variations, values, classes, shape)
    begin(network, anatomy.initial, lambda module: str(getattr(module, ORIGIN)))
    for module in network.modules():
        del module.__dict__[ORIGIN]
    return network.train()
