"""The paper's ImageNet space: an inverted residual block, or none, in each of thirty layers (Zheng et al. 2023, "Can
GPT-4 Perform Neural Architecture Search?", section 4.3 and Table 14)."""

from typing import TYPE_CHECKING

from .cost import Cost, Part, conv, conv_bn, global_pool, linear, total
from .decision import Decision
from .sketch import ChainSketch, Layer, squared
from .space import Architecture, SearchSpace

if TYPE_CHECKING:
    from torch import nn

# The two networks that the paper found, its Appendix B.2, a line a stage.
_FOUND = {
    "GENIUS-329": "100010 101110 404300 430440 505550",
    "GENIUS-401": "101011 110011 440404 450505 650605",
}

_STEM, _NECK, _HEAD = 16, 320, 1280
_STAGES = ((24, 2), (40, 2), (80, 2), (96, 1), (192, 2))  # width, stride of the first layer
_LAYERS = 6  # of each stage
_SIZE, _SMALLEST, _CLASSES = 224, 32, 1000
_BLOCKS = {1: (3, 4), 2: (5, 4), 3: (7, 4), 4: (3, 6), 5: (5, 6), 6: (7, 6)}
"""Kernel and expansion of each option but 0, which skips the layer."""

_OPTIONS = ("skip", *(f"inverted residual k{kernel} e{expansion}" for kernel, expansion in _BLOCKS.values()))

_DESCRIPTION = """\
Task: image classification on ImageNet (224×224 colour images, 1000 classes). The aim is the highest top-1 accuracy
after training from scratch.

The network is a chain in the manner of MobileNetV2. Shapes are channels × height × width:
- stem: 3×3 convolution of stride 2, 3×224×224 → 16×112×112; 3×3 depthwise-separable convolution → 16×112×112
- stage 1: 6 layers, the first 16×112×112 → 24×56×56, the others at 24×56×56
- stage 2: 6 layers, the first 24×56×56 → 40×28×28, the others at 40×28×28
- stage 3: 6 layers, the first 40×28×28 → 80×14×14, the others at 80×14×14
- stage 4: 6 layers, the first 80×14×14 → 96×14×14, the others at 96×14×14
- stage 5: 6 layers, the first 96×14×14 → 192×7×7, the others at 192×7×7
- head: 1×1 convolution to 320 channels, global average pooling, 1×1 convolution to 1280, linear layer to 1000 classes
Convolutions are followed by batch norm; activations are hard-swish.

For each of the 30 layers one operation is to be chosen:
0: skip, no layer. The first layer of a stage, which must change the shape, is a 1×1 convolution of its stride instead.
1, 2, 3: inverted residual with expansion 4 and a depthwise convolution of 3×3, 5×5 or 7×7
4, 5, 6: inverted residual with expansion 6 and a depthwise convolution of 3×3, 5×5 or 7×7
An inverted residual is a 1×1 convolution to the expanded width, the depthwise convolution, squeeze-and-excitation and a
1×1 convolution to the layer's width, with a shortcut where the shapes agree.

An architecture is a list of 30 numbers, the operations of the layers of stage 1, then those of stage 2, and so on."""


def squeezed(width: int) -> int:
    """Return the inner width of squeeze-and-excitation: a quarter, rounded to a multiple of 8, not much below it."""
    rounded = max(8, (width // 4 + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width / 4 else rounded


def _layers() -> list[tuple[int, int, int]]:
    """Return width in, width and stride of each of the thirty layers."""
    found, width_in = [], _STEM
    for width, stride in _STAGES:
        found += [(width_in, width, stride)] + [(width, width, 1)] * (_LAYERS - 1)
        width_in = width
    return found


def _changes_shape(width_in: int, width: int, stride: int) -> bool:
    return width_in != width or stride != 1


def _squeeze_cost(width: int) -> Cost:
    inner = squeezed(width)
    return conv(width, inner, 1, 1, bias=True) + conv(inner, width, 1, 1, bias=True)


def _layer_cost(width_in: int, width: int, stride: int, size: int, option: int) -> Cost:
    """Count a layer whose output is `size` pixels wide and high."""
    if option == 0:
        return conv_bn(width_in, width, 1, size) if _changes_shape(width_in, width, stride) else Cost()
    kernel, expansion = _BLOCKS[option]
    hidden = width_in * expansion
    depthwise = conv_bn(hidden, hidden, kernel, size, groups=hidden)
    return total(
        [conv_bn(width_in, hidden, 1, size * stride), depthwise, _squeeze_cost(hidden), conv_bn(hidden, width, 1, size)]
    )


def _ends_cost(last: int) -> Cost:
    half, width = _SIZE // 2, _STAGES[-1][0]
    stem = conv_bn(3, _STEM, 3, half) + conv_bn(_STEM, _STEM, 3, half, groups=_STEM)
    stem += _squeeze_cost(_STEM) + conv_bn(_STEM, _STEM, 1, half)
    neck = conv_bn(width, _NECK, 1, last) + global_pool(_NECK, last)
    return stem + neck + conv(_NECK, _HEAD, 1, 1, bias=True) + linear(_HEAD, _CLASSES)


def _parts() -> tuple[Part, ...]:
    size, parts = _SIZE // 2, []
    for at, (width_in, width, stride) in enumerate(_layers()):
        size //= stride
        parts.append(_layer_part(at, width_in, width, stride, size))
    return (Part((), lambda: _ends_cost(size)), *parts)


def _layer_part(at: int, width_in: int, width: int, stride: int, size: int) -> Part:
    return Part((at,), lambda option: _layer_cost(width_in, width, stride, size, option))


def build(architecture: Architecture, num_classes: int = _CLASSES, input_size: int = _SIZE) -> "nn.Module":
    """Build the network of an architecture.

    The weights do not depend on `input_size`, in pixels: the network takes any size from 32 on.

    Raises: ValueError for a smaller one.
    """
    from torch import nn

    from . import mobile_networks as blocks
    from .networks import conv_bn as convolution

    if input_size < _SMALLEST:
        raise ValueError(f"images must be at least {_SMALLEST} pixels wide and high, got {input_size}")
    chain = [convolution(3, _STEM, 3, stride=2, activation=nn.Hardswish), blocks.separable(_STEM, squeezed(_STEM))]
    for (width_in, width, stride), option in zip(_layers(), architecture, strict=True):
        if option:
            kernel, expansion = _BLOCKS[option]
            hidden = width_in * expansion
            inner = squeezed(hidden)
            chain.append(blocks.mobile_block(width_in, hidden, width, inner=inner, kernel=kernel, stride=stride))
        elif _changes_shape(width_in, width, stride):
            chain.append(convolution(width_in, width, 1, stride=stride, activation=None))
    return nn.Sequential(*chain, blocks.head(width, _NECK, _HEAD, num_classes))


def _function(architecture: Architecture) -> tuple[Architecture, ...]:
    """Identify the function of a network: a skipped layer does nothing at any place but the first of a stage."""
    stages = (architecture[at : at + _LAYERS] for at in range(0, len(architecture), _LAYERS))
    return tuple((first, *(option for option in rest if option)) for first, *rest in stages)


def _sketch(architecture: Architecture) -> ChainSketch:
    half = _SIZE // 2
    layers = [Layer("stem", _STEM, squared(half), "stem", kind="fixed")]
    size = half
    for at, ((width_in, width, stride), option) in enumerate(zip(_layers(), architecture, strict=True)):
        size //= stride
        place = width, squared(size), f"stage {at // _LAYERS + 1}", (at,)
        if option:
            layers.append(Layer("k{} e{}".format(*_BLOCKS[option]), *place))
        else:
            changes = _changes_shape(width_in, width, stride)
            layers.append(Layer("1×1" if changes else "skip", *place, kind="chosen" if changes else "skipped"))
    return ChainSketch([*layers, Layer("head", _HEAD, squared(1), "head", kind="fixed")])


MOBILE_IMAGENET = SearchSpace(
    name="mobile-imagenet",
    decisions=tuple(
        Decision(f"stage {s} layer {n}", _OPTIONS, stage=f"stage {s}")
        for s in range(1, 6)
        for n in range(1, _LAYERS + 1)
    ),
    description=_DESCRIPTION,
    build=build,
    input_shape=(3, _SIZE, _SIZE),
    parts=_parts(),
    identity=_function,
    sketch=_sketch,
    data="imagenet",
    recipe="search-imagenet",
    final_recipe="retrain-imagenet",
    named={name: tuple(map(int, stages.replace(" ", ""))) for name, stages in _FOUND.items()},
)
