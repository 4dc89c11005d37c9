"""A space of our own for real training on a CPU: the widths, kernels and depths of a small convolutional network for
scikit-learn's handwritten digits."""

from itertools import pairwise
from typing import TYPE_CHECKING

from .cost import Cost, Part, conv_bn, global_pool, linear
from .decision import Decision
from .sketch import ChainSketch, Layer, squared
from .space import Architecture, SearchSpace

if TYPE_CHECKING:
    from torch import nn

_CLASSES = 10
_WIDTHS = ((4, 8, 16), (8, 16, 32), (16, 32, 64))  # of each stage
_KERNELS = (1, 3, 5)
_DEPTHS = (1, 2, 3)
_STRIDES, _SIZES = (1, 2, 1), (8, 4, 4)

_DESCRIPTION = """\
Task: classification of handwritten digits (8×8 grey images, 10 classes) from few training images. Training images are
shifted and made noisy at random, and so are the images that the accuracy is measured on. The aim is the highest top-1
accuracy after training from scratch.

The network is a chain of three stages, each a chain of convolutions of one width and one kernel size. Shapes are
channels × height × width:
- stage 1: 1×8×8 → w1×8×8, d1 convolutions with k1×k1 kernels
- stage 2: w1×8×8 → w2×4×4, d2 convolutions with k2×k2 kernels, the first of stride 2
- stage 3: w2×4×4 → w3×4×4, d3 convolutions with k3×k3 kernels
- head: global average pooling, linear layer from w3 features to 10 classes
Every convolution is padded to keep its size at stride 1 and is followed by batch norm and ReLU. There are no shortcuts.

For each stage its width, kernel and depth are to be chosen, each with an option number from 0 to 2:
- w1: 0 = 4, 1 = 8, 2 = 16 channels
- w2: 0 = 8, 1 = 16, 2 = 32 channels
- w3: 0 = 16, 1 = 32, 2 = 64 channels
- k1, k2, k3: 0 = 1×1, 1 = 3×3, 2 = 5×5
- d1, d2, d3: 0 = 1, 1 = 2, 2 = 3 convolutions

An architecture is a list of 9 numbers, the options of w1, k1, d1, w2, k2, d2, w3, k3 and d3."""


def _stage_cost(stage: int, width_in: int, width: int, kernel: int, depth: int) -> Cost:
    size = _SIZES[stage]
    return conv_bn(width_in, width, kernel, size) + conv_bn(width, width, kernel, size) * (depth - 1)


def _stage_part(stage: int) -> Part:
    def cost(before: int, width: int, kernel: int, depth: int) -> Cost:
        width_in = _WIDTHS[stage - 1][before]
        return _stage_cost(stage, width_in, _WIDTHS[stage][width], _KERNELS[kernel], _DEPTHS[depth])

    first = 3 * stage
    return Part((first - 3, first, first + 1, first + 2), cost)


def _first_part() -> Part:
    def cost(width: int, kernel: int, depth: int) -> Cost:
        return _stage_cost(0, 1, _WIDTHS[0][width], _KERNELS[kernel], _DEPTHS[depth])

    return Part((0, 1, 2), cost)


def _head_part() -> Part:
    return Part((6,), lambda option: _head_cost(_WIDTHS[-1][option]))


def _head_cost(width: int) -> Cost:
    return global_pool(width, _SIZES[-1]) + linear(width, _CLASSES)


def _build(architecture: Architecture, num_classes: int = _CLASSES) -> "nn.Module":
    from torch import nn

    from . import networks

    widths = [1, *(_WIDTHS[stage][architecture[3 * stage]] for stage in range(3))]
    layers = []
    for stage, (width_in, width) in enumerate(pairwise(widths)):
        kernel, depth = _KERNELS[architecture[3 * stage + 1]], _DEPTHS[architecture[3 * stage + 2]]
        layers.append(networks.conv_bn(width_in, width, kernel, stride=_STRIDES[stage]))
        layers.extend(networks.conv_bn(width, width, kernel) for _ in range(depth - 1))
    return networks.classifier(nn.Sequential(*layers), widths[-1], num_classes)


def _stage_decisions(stage: int) -> tuple[Decision, ...]:
    widths = tuple(f"{width} channels" for width in _WIDTHS[stage - 1])
    kernels = tuple(f"{kernel}×{kernel} kernel" for kernel in _KERNELS)
    depths = tuple(f"{depth} convolution{'s' * (depth > 1)}" for depth in _DEPTHS)
    choices = ((f"w{stage}", widths), (f"k{stage}", kernels), (f"d{stage}", depths))
    return tuple(Decision(name, options, stage=f"stage {stage}") for name, options in choices)


def _sketch(architecture: Architecture) -> ChainSketch:
    layers = []
    for stage, (widths, size) in enumerate(zip(_WIDTHS, _SIZES, strict=True)):
        width, kernel, depth = architecture[3 * stage : 3 * stage + 3]
        decisions = range(3 * stage, 3 * stage + 3)
        convolution = Layer(squared(_KERNELS[kernel]), widths[width], squared(size), f"stage {stage + 1}", decisions)
        layers += [convolution] * _DEPTHS[depth]
    return ChainSketch(layers)


DIGITS = SearchSpace(
    name="digits",
    decisions=tuple(decision for stage in (1, 2, 3) for decision in _stage_decisions(stage)),
    description=_DESCRIPTION,
    build=_build,
    input_shape=(1, 8, 8),
    parts=(_first_part(), _stage_part(1), _stage_part(2), _head_part()),
    sketch=_sketch,
    data="digits",
    recipe="digits",
)
