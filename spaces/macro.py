"""NAS-Bench-Macro: which block in each of eight layers (Su et al. 2021, "Prioritized Architecture Sampling with
Monto-Carlo Tree Search", CVPR)."""

from typing import TYPE_CHECKING

from .cost import Cost, Part, conv_bn, global_pool, linear
from .decision import Decision
from .published_table import PublishedTable
from .sketch import ChainSketch, Layer, squared
from .space import Architecture, SearchSpace

if TYPE_CHECKING:
    from torch import nn

_STEM, _HEAD, _CLASSES = 32, 1280, 10
_BLOCKS = {1: (3, 3), 2: (5, 6)}  # option: kernel, expansion
# (width in, width, stride, output size) of each layer
_LAYERS = (
    (32, 64, 2, 16),
    (64, 64, 1, 16),
    (64, 128, 2, 8),
    (128, 128, 1, 8),
    (128, 128, 1, 8),
    (128, 256, 2, 4),
    (256, 256, 1, 4),
    (256, 256, 1, 4),
)

_DESCRIPTION = """\
Task: image classification on CIFAR-10 (32×32 colour images, 10 classes). The aim is the highest top-1 accuracy after
training from scratch.

The network is a chain. Shapes are channels × height × width:
- stem: 3×3 convolution, 3×32×32 → 32×32×32
- stage 1: layer 1 (32×32×32 → 64×16×16, stride 2), layer 2 (64×16×16 → 64×16×16)
- stage 2: layer 3 (64×16×16 → 128×8×8, stride 2), layers 4 and 5 (128×8×8 → 128×8×8)
- stage 3: layer 6 (128×8×8 → 256×4×4, stride 2), layers 7 and 8 (256×4×4 → 256×4×4)
- head: 1×1 convolution to 1280 channels, global average pooling, linear layer to 10 classes
Every convolution is followed by batch norm; activations are ReLU.

For each of the 8 layers one operation is to be chosen:
0: identity. Where the layer changes the shape (layers 1, 3 and 6) it is a 1×1 convolution of that stride instead.
1: inverted residual block with a 3×3 depthwise convolution and expansion 3: a 1×1 convolution to 3 times the input
   channels, the depthwise convolution, a 1×1 convolution to the output channels; a shortcut where the shapes agree.
2: inverted residual block with a 5×5 depthwise convolution and expansion 6, built likewise.

An architecture is a list of 8 numbers, the operations of layers 1 to 8."""


def _layer_cost(layer: int, option: int) -> Cost:
    width_in, width, stride, size = _LAYERS[layer]
    if option == 0:
        return conv_bn(width_in, width, 1, size) if width_in != width else Cost()
    kernel, expansion = _BLOCKS[option]
    hidden = width_in * expansion
    expand = conv_bn(width_in, hidden, 1, size * stride)
    return expand + conv_bn(hidden, hidden, kernel, size, groups=hidden) + conv_bn(hidden, width, 1, size)


def _ends_cost() -> Cost:
    return conv_bn(3, _STEM, 3, 32) + conv_bn(256, _HEAD, 1, 4) + global_pool(_HEAD, 4) + linear(_HEAD, _CLASSES)


def _layer_part(layer: int) -> Part:
    return Part((layer,), lambda option: _layer_cost(layer, option))


def _build(architecture: Architecture, num_classes: int = _CLASSES) -> "nn.Module":
    from torch import nn

    from . import networks

    layers = [networks.conv_bn(3, _STEM, 3)]
    for (width_in, width, stride, _), option in zip(_LAYERS, architecture, strict=True):
        if option:
            kernel, expansion = _BLOCKS[option]
            layers.append(networks.inverted_residual(width_in, width_in * expansion, width, kernel, stride))
        elif width_in != width:
            layers.append(networks.conv_bn(width_in, width, 1, stride=stride, activation=None))
    layers.append(networks.conv_bn(256, _HEAD, 1))
    return networks.classifier(nn.Sequential(*layers), _HEAD, num_classes)


def _stage(layer: int) -> str:
    """Name the stage of a layer, which counts from 1."""
    return f"stage {1 + (layer > 2) + (layer > 5)}"


def _sketch(architecture: Architecture) -> ChainSketch:
    layers = [Layer("3×3", _STEM, squared(32), "stem", kind="fixed")]
    for at, ((width_in, width, _, size), option) in enumerate(zip(_LAYERS, architecture, strict=True)):
        place = width, squared(size), _stage(at + 1), (at,)
        if option:
            layers.append(Layer("k{} e{}".format(*_BLOCKS[option]), *place))
        else:
            skipped = width_in == width
            layers.append(Layer("identity" if skipped else "1×1", *place, kind="skipped" if skipped else "chosen"))
    return ChainSketch([*layers, Layer("1×1", _HEAD, squared(4), "head", kind="fixed")])


NAS_BENCH_MACRO = SearchSpace(
    name="nas-bench-macro",
    decisions=tuple(
        Decision(
            f"layer {n}",
            ("identity", "inverted residual k3 e3", "inverted residual k5 e6"),
            stage=_stage(n),
        )
        for n in range(1, 9)
    ),
    description=_DESCRIPTION,
    build=_build,
    input_shape=(3, 32, 32),
    parts=(Part((), _ends_cost), *(_layer_part(layer) for layer in range(len(_LAYERS)))),
    sketch=_sketch,
    data="cifar10",
    recipe="nas-bench-macro",
    table=PublishedTable(
        "nas-bench-macro",
        "https://raw.githubusercontent.com/xiusu/NAS-Bench-Macro/61a2bfc/data/nas-bench-macro_cifar10.json",
        "686dee8363cc21cca8c1f321ad5749454f2d9b9ca5972682e137e539bc522297",
        size=1_178_821,
        accuracy="mean_acc",
        test_accuracy="mean_acc",
        runs="test_acc",
    ),
)
