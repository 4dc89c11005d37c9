"""NAS-Bench-201: which operation on each edge of a cell (Dong and Yang 2020, "NAS-Bench-201: Extending the Scope of
Reproducible Neural Architecture Search", ICLR)."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .cost import Cost, Part, average_pool, batch_norm, conv, conv_bn, global_pool, linear, total
from .decision import Decision
from .published_table import PublishedTable
from .sketch import CellEdge, CellSketch
from .space import Architecture, SearchSpace

if TYPE_CHECKING:
    from torch import nn

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""The ways from the cell's input to its output, as edges."""
_NONE, _SKIP, _WIDE, _POOL = 0, 1, 3, 4
_SHORT = ("", "skip", "1×1", "3×3", "pool 3×3")  # the operations, for pictures
_KERNELS = {2: 1, 3: 3}  # option: kernel of the convolution
_WIDTHS, _CELLS = (16, 32, 64), 5

_DESCRIPTION = """\
Task: image classification on {dataset} ({size}×{size} colour images, {classes} classes). The aim is the highest top-1
accuracy after training from scratch.

The network stacks copies of one small cell. Shapes are channels × height × width:
- stem: 3×3 convolution, 3×{size}×{size} → 16×{size}×{size}
- stage 1: 5 cells at 16×{size}×{size}
- a residual block of stride 2, then stage 2: 5 cells at 32×{half}×{half}
- a residual block of stride 2, then stage 3: 5 cells at 64×{quarter}×{quarter}
- head: global average pooling, linear layer to {classes} classes

The cell is a directed acyclic graph of 4 nodes. Node 0 is the cell's input, node 3 its output; each node is the sum of
what its incoming edges bring. For each of the 6 edges one operation is to be chosen; all keep the shape:
0: none (no connection; the edge brings zeros)
1: skip (the identity)
2: 1×1 convolution (ReLU, convolution, batch norm)
3: 3×3 convolution (ReLU, convolution, batch norm)
4: 3×3 average pooling

An architecture is a list of 6 numbers, the operations of the edges in this order:
0→1, 0→2, 1→2, 0→3, 1→3, 2→3."""


def cell_string(architecture: Architecture) -> str:
    """Write a cell as NAS-Bench-201 does: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
    nodes: dict[int, list[str]] = {1: [], 2: [], 3: []}
    for (source, target), option in zip(EDGES, architecture, strict=True):
        nodes[target].append(f"{OPERATIONS[option]}~{source}")
    return "+".join(f"|{'|'.join(edges)}|" for edges in nodes.values())


def cell_function(architecture: Architecture) -> Hashable:
    """Return a value that is equal for cells that compute the same function.

    A node is the unordered sum of its edges; a skip equals its source; a node or edge behind zeros alone is zero.
    """
    nodes: list[tuple[Hashable, ...]] = [("input",)]
    for target in (1, 2, 3):
        terms: list[Hashable] = []
        for (source, end), option in zip(EDGES, architecture, strict=True):
            if end == target and option != _NONE and nodes[source]:
                terms += nodes[source] if option == _SKIP else [(option, nodes[source])]
        nodes.append(tuple(sorted(terms, key=repr)))
    return nodes[3]


def cell_depth(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Count the convolutions on the longest connected path: from shape (n, 6) to (n,)."""
    connected, convolutions, _ = _paths(cells)
    longest: npt.NDArray[np.float64] = np.where(connected, convolutions, 0).max(axis=1).astype(float)
    return longest


def cell_shortest(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Count the convolutions and poolings on the shortest connected path: from shape (n, 6) to (n,).

    Without such a path they are as many as edges.
    """
    ways = [cells[:, path] for path in PATHS]
    lengths = [np.where((way != _NONE).all(axis=1), (way != _SKIP).sum(axis=1), len(EDGES)) for way in ways]
    shortest: npt.NDArray[np.float64] = np.min(lengths, axis=0).astype(float)
    return shortest


def cell_features(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Describe cells as graphs: from shape (n, 6) to (n, 11).

    Convolutions on the longest and on the shortest connected path, 3×3 convolutions on the longest, the number of
    connected paths, whether there is one, whether one without parameters leads around a convolution, and how many edges
    have each operation.
    """
    connected, convolutions, wide = _paths(cells)
    longest = cell_depth(cells)
    shortest = np.where(connected, convolutions, len(EDGES)).min(axis=1)
    order = np.where(connected, convolutions * len(EDGES) + wide, -1)
    wide_on_longest = np.take_along_axis(wide, order.argmax(axis=1)[:, None], axis=1)[:, 0]
    around = (connected & (convolutions == 0)).any(axis=1) & (longest > 0)
    columns = [
        longest,
        np.where(connected.any(axis=1), shortest, 0),
        np.where(connected.any(axis=1), wide_on_longest, 0),
        connected.sum(axis=1),
        connected.any(axis=1),
        around,
        *((cells == operation).sum(axis=1) for operation in range(len(OPERATIONS))),
    ]
    return np.stack(columns, axis=1).astype(float)


def _paths(cells: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.bool_], ...]:
    """Tell of each path whether it is connected, and how many convolutions and 3×3 convolutions it has: (n, paths)."""
    ways = [cells[:, path] for path in PATHS]
    connected = np.stack([(way != _NONE).all(axis=1) for way in ways], axis=1)
    convolutions = np.stack([np.isin(way, list(_KERNELS)).sum(axis=1) for way in ways], axis=1)
    wide = np.stack([(way == _WIDE).sum(axis=1) for way in ways], axis=1)
    return connected, convolutions, wide


def _edge_cost(size: int, option: int) -> Cost:
    return total(_operation_cost(width, size >> stage, option) * _CELLS for stage, width in enumerate(_WIDTHS))


def _operation_cost(width: int, size: int, option: int) -> Cost:
    if option == _POOL:
        return average_pool(width, size)
    return conv_bn(width, width, _KERNELS[option], size) if option in _KERNELS else Cost()


def _reduction_cost(width_in: int, width: int, size: int) -> Cost:
    body = conv_bn(width_in, width, 3, size) + conv_bn(width, width, 3, size)
    return body + average_pool(width_in, size) + conv(width_in, width, 1, size)


def _skeleton_cost(size: int, classes: int) -> Cost:
    stem = conv_bn(3, _WIDTHS[0], 3, size)
    reductions = _reduction_cost(16, 32, size // 2) + _reduction_cost(32, 64, size // 4)
    head = batch_norm(_WIDTHS[2], size // 4) + global_pool(_WIDTHS[2], size // 4) + linear(_WIDTHS[2], classes)
    return stem + reductions + head


def _build(architecture: Architecture, num_classes: int) -> "nn.Module":
    from .cell_networks import cell_network

    edges = [(source, target, OPERATIONS[option]) for (source, target), option in zip(EDGES, architecture, strict=True)]
    return cell_network(edges, _WIDTHS, _CELLS, num_classes)


def _sketch(architecture: Architecture) -> CellSketch:
    edges = [
        CellEdge(source, target, _SHORT[option], place)
        for place, ((source, target), option) in enumerate(zip(EDGES, architecture, strict=True))
    ]
    widths = ", ".join(map(str, _WIDTHS))
    return CellSketch(4, edges, f"{_CELLS} copies in each of three stages, {widths} channels wide")


def _table(name: str, file: str, sha256: str, size: int) -> PublishedTable:
    url = f"https://raw.githubusercontent.com/mingkai-zheng/GENIUS/97361d3/benchmark/{file}"
    return PublishedTable(name, url, sha256, size, accuracy="val_acc_200", test_accuracy="test_acc_200")


def _space(title: str, size: int, classes: int, data: str | None, table: PublishedTable) -> SearchSpace:
    words = _DESCRIPTION.format(dataset=title, size=size, half=size // 2, quarter=size // 4, classes=classes)
    edges = tuple(Part((edge,), lambda option: _edge_cost(size, option)) for edge in range(len(EDGES)))
    return SearchSpace(
        name=table.name,
        decisions=tuple(Decision(f"edge {source}→{target}", OPERATIONS) for source, target in EDGES),
        description=words,
        build=lambda architecture, num_classes=classes: _build(architecture, num_classes),
        input_shape=(3, size, size),
        parts=(Part((), lambda: _skeleton_cost(size, classes)), *edges),
        identity=cell_function,
        key=cell_string,
        features=cell_features,
        depth=cell_depth,
        shortest=cell_shortest,
        sketch=_sketch,
        data=data,
        recipe="nas-bench-201",
        table=table,
    )


NAS_BENCH_201 = (
    _space(
        "CIFAR-10",
        32,
        10,
        "cifar10",
        _table(
            "nas-bench-201-cifar10",
            "nasbench201_cifar10.json",
            "7c5d7d890a285deb41556f95e904fab854f8fcfd65da7eb39410fdedd87215ec",
            2_625_770,
        ),
    ),
    _space(
        "CIFAR-100",
        32,
        100,
        "cifar100",
        _table(
            "nas-bench-201-cifar100",
            "nasbench201_cifar100.json",
            "6b21a0e98864e0aff288fc54bb5105907441bfd63bb063ad3d279edcbf926da5",
            2_722_508,
        ),
    ),
    _space(
        "ImageNet16-120",
        16,
        120,
        None,
        _table(
            "nas-bench-201-imagenet16-120",
            "nasbench201_imagenet.json",
            "a29f63ca37b72cfa9a8e4ce6bad5d678c6039c9929c8060b7d32187f537d560f",
            2_738_705,
        ),
    ),
)
