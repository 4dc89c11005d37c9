"""Channel-Bench-Macro: how wide each layer of a fixed ResNet or MobileNet is (Su et al. 2021, "BCNet", CVPR, and the
tables at github.com/xiusu/Channel-Bench-Macro)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from .cost import Cost, Part, conv_bn, global_pool, linear
from .decision import Decision
from .published_table import PublishedTable
from .sketch import ChainSketch, Layer, squared
from .space import Architecture, SearchSpace

if TYPE_CHECKING:
    from torch import nn

    _Build = Callable[..., nn.Module]

_CLASSES = 10
_RESNET_WIDTHS = (256, 256, 256, 512, 512, 512, 512)
_MOBILENET_WIDTHS = (128, 768, 768, 768, 256, 1536, 1024)
# (decisions that give the widths into, inside and out of the block, stride, output size)
_Blocks = Sequence[tuple[tuple[int, int, int], int, int]]
_RESNET_BLOCKS: _Blocks = (
    ((0, 1, 0), 1, 16),
    ((0, 2, 0), 1, 16),
    ((0, 3, 4), 2, 8),
    ((4, 5, 4), 1, 8),
    ((4, 6, 4), 1, 8),
)
_MOBILENET_BLOCKS: _Blocks = (((0, 1, 0), 1, 16), ((0, 2, 0), 1, 16), ((0, 3, 4), 2, 8), ((4, 5, 4), 1, 8))

_TASK = """\
Task: image classification on CIFAR-10 (32×32 colour images, 10 classes). The aim is the highest top-1 accuracy after
training from scratch.
"""

_RESNET = (
    _TASK
    + """
The network is a small ResNet with seven widths, c0 to c6, to be chosen. Shapes are channels × height × width:
- stem: 3×3 convolution of stride 2, 3×32×32 → c0×16×16
- block 1: 3×3 convolution c0 → c1, 3×3 convolution c1 → c0, with a shortcut, at 16×16
- block 2: 3×3 convolution c0 → c2, 3×3 convolution c2 → c0, with a shortcut, at 16×16
- block 3: 3×3 convolution of stride 2 c0 → c3, 3×3 convolution c3 → c4, without a shortcut, 16×16 → 8×8
- block 4: 3×3 convolution c4 → c5, 3×3 convolution c5 → c4, with a shortcut, at 8×8
- block 5: 3×3 convolution c4 → c6, 3×3 convolution c6 → c4, with a shortcut, at 8×8
- head: global average pooling, linear layer from c4 features to 10 classes
Every convolution is followed by batch norm; activations are ReLU, in a block also after the sum.
"""
)

_MOBILENET = (
    _TASK
    + """
The network is a small MobileNetV2 with seven widths, c0 to c6, to be chosen. Shapes are channels × height × width:
- stem: 3×3 convolution of stride 2, 3×32×32 → c0×16×16
- block 1: inverted residual c0 → c1 → c0, with a shortcut, at 16×16
- block 2: inverted residual c0 → c2 → c0, with a shortcut, at 16×16
- block 3: inverted residual of stride 2 c0 → c3 → c4, without a shortcut, 16×16 → 8×8
- block 4: inverted residual c4 → c5 → c4, with a shortcut, at 8×8
- head: 1×1 convolution c4 → c6, global average pooling, linear layer from c6 features to 10 classes
An inverted residual is a 1×1 convolution to the middle width, a 3×3 depthwise convolution and a 1×1 convolution to the
last width. Every convolution is followed by batch norm; activations are ReLU, none after a block's last convolution.
"""
)


def _description(text: str, widths: tuple[int, ...]) -> str:
    lines = [f"- c{n}: {', '.join(f'{q} = {width * q // 4}' for q in range(1, 5))}" for n, width in enumerate(widths)]
    rule = "Each width is given in quarters of its maximum, a number from 1 to 4. In channels that is:"
    answer = "An architecture is a list of 7 numbers, the quarters of c0 to c6."
    return "\n".join([text, rule, *lines, "", answer])


def _decisions(widths: tuple[int, ...]) -> tuple[Decision, ...]:
    return tuple(
        Decision(f"c{n}", tuple(f"{width * q // 4} channels" for q in range(1, 5)), first=1)
        for n, width in enumerate(widths)
    )


def _channels(widths: tuple[int, ...], decision: int, quarters: int) -> int:
    return widths[decision] * quarters // 4


def _in_channels(widths: tuple[int, ...], decisions: tuple[int, ...], cost: Callable[..., Cost]) -> Part:
    """Make a part of a cost function of channel numbers."""

    def of_quarters(*quarters: int) -> Cost:
        return cost(*(_channels(widths, d, q) for d, q in zip(decisions, quarters, strict=True)))

    return Part(decisions, of_quarters)


def _resnet_block(size: int) -> Callable[..., Cost]:
    return lambda width_in, inner, width: conv_bn(width_in, inner, 3, size) + conv_bn(inner, width, 3, size)


def _mobilenet_block(stride: int, size: int) -> Callable[..., Cost]:
    def cost(width_in: int, hidden: int, width: int) -> Cost:
        expand = conv_bn(width_in, hidden, 1, size * stride)
        return expand + conv_bn(hidden, hidden, 3, size, groups=hidden) + conv_bn(hidden, width, 1, size)

    return cost


def _classifier_cost(width: int) -> Cost:
    return global_pool(width, 8) + linear(width, _CLASSES)


def _resnet_parts() -> tuple[Part, ...]:
    widths = _RESNET_WIDTHS
    stem = _in_channels(widths, (0,), lambda width: conv_bn(3, width, 3, 16))
    blocks = (_in_channels(widths, decisions, _resnet_block(size)) for decisions, _, size in _RESNET_BLOCKS)
    return (stem, *blocks, _in_channels(widths, (4,), _classifier_cost))


def _mobilenet_parts() -> tuple[Part, ...]:
    widths = _MOBILENET_WIDTHS
    stem = _in_channels(widths, (0,), lambda width: conv_bn(3, width, 3, 16))
    blocks = (
        _in_channels(widths, decisions, _mobilenet_block(stride, size)) for decisions, stride, size in _MOBILENET_BLOCKS
    )
    head = _in_channels(widths, (4, 6), lambda width, last: conv_bn(width, last, 1, 8) + _classifier_cost(last))
    return (stem, *blocks, head)


def _build_resnet(architecture: Architecture, num_classes: int = _CLASSES) -> "nn.Module":
    from torch import nn

    from . import networks

    width = [_channels(_RESNET_WIDTHS, d, quarters) for d, quarters in enumerate(architecture)]
    layers = [networks.conv_bn(3, width[0], 3, stride=2)]
    for (a, b, c), stride, _ in _RESNET_BLOCKS:
        first = networks.conv_bn(width[a], width[b], 3, stride=stride)
        body = nn.Sequential(first, networks.conv_bn(width[b], width[c], 3, activation=None))
        layers.append(networks.Residual(body, relu=True) if stride == 1 else nn.Sequential(body, nn.ReLU()))
    return networks.classifier(nn.Sequential(*layers), width[4], num_classes)


def _build_mobilenet(architecture: Architecture, num_classes: int = _CLASSES) -> "nn.Module":
    from torch import nn

    from . import networks

    width = [_channels(_MOBILENET_WIDTHS, d, quarters) for d, quarters in enumerate(architecture)]
    layers = [networks.conv_bn(3, width[0], 3, stride=2)]
    for (a, b, c), stride, _ in _MOBILENET_BLOCKS:
        layers.append(networks.inverted_residual(width[a], width[b], width[c], 3, stride))
    layers.append(networks.conv_bn(width[4], width[6], 1))
    return networks.classifier(nn.Sequential(*layers), width[6], num_classes)


def _sketch(widths: tuple[int, ...], blocks: _Blocks, architecture: Architecture) -> ChainSketch:
    """Sketch the stem, and of each block the layers to its inner width and to its last one."""
    width = [_channels(widths, d, quarters) for d, quarters in enumerate(architecture)]
    inverted = widths is _MOBILENET_WIDTHS
    first, second = ("1×1, 3×3", "1×1") if inverted else ("3×3", "3×3")
    layers = [Layer("3×3", width[0], squared(16), "stem", (0,))]
    for number, ((_, inner, last), _, size) in enumerate(blocks, start=1):
        for words, at in ((first, inner), (second, last)):
            layers.append(Layer(words, width[at], squared(size), f"block {number}", (at,)))
    return ChainSketch([*layers, Layer("1×1", width[6], squared(8), "head", (6,))] if inverted else layers)


def _table(name: str, file: str, sha256: str, size: int) -> PublishedTable:
    url = f"https://raw.githubusercontent.com/xiusu/Channel-Bench-Macro/4ff596e/{file}"
    return PublishedTable(name, url, sha256, size, accuracy="mean", test_accuracy="mean", runs="acc")


def _space(
    text: str, widths: tuple[int, ...], parts: tuple[Part, ...], build: "_Build", table: PublishedTable
) -> SearchSpace:
    words = _description(text, widths)
    return SearchSpace(
        table.name,
        _decisions(widths),
        words,
        build,
        (3, 32, 32),
        parts,
        sketch=partial(_sketch, widths, _RESNET_BLOCKS if widths is _RESNET_WIDTHS else _MOBILENET_BLOCKS),
        data="cifar10",
        recipe="nas-bench-macro",
        table=table,
    )


CHANNEL_BENCH_RESNET = _space(
    _RESNET,
    _RESNET_WIDTHS,
    _resnet_parts(),
    _build_resnet,
    _table(
        "channel-bench-resnet",
        "Results_ResNet.json",
        "bf13bcaea3f2076f2c1bfbf5c2fee044aafe0385fae6a0d64c433b1d7f5a7520",
        2_821_965,
    ),
)
CHANNEL_BENCH_MOBILENET = _space(
    _MOBILENET,
    _MOBILENET_WIDTHS,
    _mobilenet_parts(),
    _build_mobilenet,
    _table(
        "channel-bench-mobilenet",
        "Results_MobileNet.json",
        "f640474d8ff3ff2231d0c45986bb0f10af291545316342fb009952e7641908e0",
        2_793_867,
    ),
)
