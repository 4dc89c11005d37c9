"""A space that starts from a network: the widths, depths, kernels, activations and heads that can vary in it.

Nothing here knows a family of networks. A copy of the network is run without data (`anatomy`), with a size of its own
for the output of each layer: operations that refuse them tell which sizes are one (`probe`, `axes`). Stages are named
after modules (`stages`), and each has a few decisions (`proposed`, `variations`, `account`). An architecture is a copy
of the network with other sizes and blocks, whose layers fit themselves to their inputs in a run without data
(`rebuild`, `layers`, `initial`). Costs are sums over modules (`ledger`, `part_costs`). The modules of this package
import torch, which it does not load by itself.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from torch import nn

    from .varied_network import VariedNetwork


def is_network(value: object) -> "TypeGuard[nn.Module]":
    """Tell a network, without loading torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def vary_network(network: "nn.Module", name: str = "", input_shape: Sequence[int] | None = None) -> "VariedNetwork":
    """Find the ways in which a network can vary; it is left as it is.

    `input_shape` is that of one input; where it is not given, it is guessed from the first layer.
    Raises: GeniusError where the network cannot be run, or where nothing of it can vary.
    """
    from .inputs import shape_for
    from .varied_network import vary

    return vary(network, name or type(network).__name__, shape_for(network, input_shape))
