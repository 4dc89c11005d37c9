"""NAS-Bench-201's networks. Imports torch."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from .networks import classifier, conv_bn

Edge = tuple[int, int, str]
"""The node an edge comes from, the node it goes to, and the name of its operation."""


class Zero(nn.Module):
    """Cuts an edge: zeros of the input's shape."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, height, width) to zeros of the same shape."""
        return images * 0


def relu_conv_bn(width: int, kernel: int) -> nn.Module:
    """Make the cell's convolution: ReLU first, then the convolution and its batch norm."""
    conv = nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(width))


def operation(name: str, width: int) -> nn.Module:
    """Make the operation of an edge; all keep the shape."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "none": Zero,
        "skip_connect": nn.Identity,
        "nor_conv_1x1": lambda: relu_conv_bn(width, 1),
        "nor_conv_3x3": lambda: relu_conv_bn(width, 3),
        "avg_pool_3x3": lambda: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
    }
    return makers[name]()


class Cell(nn.Module):
    """A directed acyclic graph: node 0 is the input, a node the sum of its incoming edges, the last one the output."""

    def __init__(self, edges: Sequence[Edge], width: int) -> None:
        super().__init__()
        self.ends = [(source, target) for source, target, _ in edges]
        self.edges = nn.ModuleList(operation(name, width) for _, _, name in edges)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, height, width) to the same shape."""
        nodes = [images]
        for node in range(1, 1 + max(target for _, target in self.ends)):
            incoming = [edge(nodes[s]) for (s, t), edge in zip(self.ends, self.edges, strict=True) if t == node]
            nodes.append(sum(incoming[1:], incoming[0]))
        return nodes[-1]


class Reduction(nn.Module):
    """The residual block between stages: halves the size and doubles the width."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        first = nn.Conv2d(width_in, width, 3, stride=2, padding=1, bias=False)
        second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.body = nn.Sequential(nn.ReLU(), first, nn.BatchNorm2d(width), nn.ReLU(), second, nn.BatchNorm2d(width))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(width_in, width, 1, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, width_in, height, width) to half the size and `width` channels."""
        summed: Tensor = self.shortcut(images) + self.body(images)
        return summed


def cell_network(edges: Sequence[Edge], widths: Sequence[int], cells: int, classes: int) -> nn.Module:
    """Build the whole network of a cell: stem, a stage of `cells` cells for each width, reductions, classifier."""
    layers = [conv_bn(3, widths[0], 3, activation=None)]
    for stage, width in enumerate(widths):
        if stage:
            layers.append(Reduction(widths[stage - 1], width))
        layers += [Cell(edges, width) for _ in range(cells)]
    layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True)]
    return classifier(nn.Sequential(*layers), widths[-1], classes)
