"""A space that starts from a network: the widths, depths, kernels, activations and heads that can vary in it.

Nothing here knows a family of networks. A copy of the network is run without data (`anatomy`), with a size of its own
for the output of each layer: operations that refuse them tell which sizes are one (`probe`, `axes`). Stages are named
after modules (`stages`), and each has a few decisions (`proposal`, `variations`). An architecture is a copy of the
network with other sizes and blocks, whose layers fit themselves to what they are given in a run without data
(`rebuild`, `layers`). Costs are sums over modules (`ledger`, `part_costs`). All modules but this one import torch.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

import sys

if TYPE_CHECKING:
    from torch import nn


def is_network(value: object) -> "TypeGuard[nn.Module]":
    """Tell a network, without loading torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)
