"""The layers whose sizes can vary: convolutions, linear layers, norms and attention of torch's own. Imports torch.

A *producer* has an output size of its own. All other layers *follow*: their sizes are those of their inputs.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import lcm

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm)
_LAYERS = (_ConvNd, nn.Linear, *_NORMS, nn.PReLU, nn.MultiheadAttention)


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a network whose sizes can vary, by their names.

    Left out are layers whose parameters are shared with others or computed, and those within torch's attention.
    """
    owners: dict[int, int] = {}
    for module in network.modules():
        for parameter in _own(module):
            owners[id(parameter)] = owners.get(id(parameter), 0) + 1
    within = {id(part) for m in network.modules() if isinstance(m, nn.MultiheadAttention) for part in m.children()}
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, _LAYERS)
        and _plain(module)
        and id(module) not in within
        and all(owners[id(parameter)] == 1 for parameter in _own(module))
    }


def _own(module: nn.Module) -> Iterator[Tensor]:
    return (parameter for parameter in module._parameters.values() if parameter is not None)


def _plain(module: nn.Module) -> bool:
    """Tell whether the parameters of a layer are its own, and its form is one that can be resized."""
    if isinstance(module, nn.MultiheadAttention):
        return bool(module._qkv_same_embed_dim) and module.bias_k is None
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) > 1:
        return False
    if isinstance(module, nn.PReLU):
        return int(module.num_parameters) > 1
    return isinstance(module, _NORMS) or module._parameters.get("weight") is not None


def is_depthwise(layer: nn.Module) -> bool:
    """Tell a convolution whose output channels are as many as its input's, or a multiple, each of one channel."""
    if not isinstance(layer, _ConvNd) or isinstance(layer, _ConvTransposeNd):
        return False
    return layer.groups > 1 and layer.groups == layer.in_channels


def produces(layer: nn.Module) -> bool:
    """Tell whether a layer has an output size of its own."""
    return isinstance(layer, nn.Linear | _ConvNd) and not is_depthwise(layer)


def output_size(layer: nn.Module) -> int:
    """Return the output size of a producer."""
    assert isinstance(layer, nn.Linear | _ConvNd)
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def divisor(layer: nn.Module) -> int:
    """Return the number that divides the sizes that a layer takes and gives: of groups, or of heads."""
    if isinstance(layer, nn.MultiheadAttention):
        return int(layer.num_heads)
    if isinstance(layer, nn.GroupNorm):
        return int(layer.num_groups)
    return int(layer.groups) if isinstance(layer, _ConvNd) and not is_depthwise(layer) else 1


def set_output(layer: nn.Module, size: int) -> None:
    """Give a producer another output size; its weights get other shapes, and no values."""
    weight = layer._parameters["weight"]
    assert weight is not None
    if isinstance(layer, _ConvTransposeNd):
        _reshape(layer, "weight", (weight.shape[0], size // layer.groups, *weight.shape[2:]))
    else:
        _reshape(layer, "weight", (size, *weight.shape[1:]))
    _reshape(layer, "bias", (size,))
    setattr(layer, "out_features" if isinstance(layer, nn.Linear) else "out_channels", size)


def axis_taken(layer: nn.Module, shape: Sequence[int]) -> int:
    """Return the axis of the input, of this shape, whose size the layer goes by, counted from the end."""
    if isinstance(layer, nn.LayerNorm):
        fitting = [at for at in (len(shape) - 1, 1) if shape[at] == layer.normalized_shape[0]]
        return (fitting or [len(shape) - 1])[0] - len(shape)  # a subclass may move the channels behind
    return -1 if isinstance(layer, nn.Linear | nn.MultiheadAttention) else 1 - len(shape)


def fit_input(layer: nn.Module, size: int) -> None:
    """Fit a layer to the size of its input; its weights get other shapes, and no values."""
    if isinstance(layer, _ConvNd):
        _fit_convolution(layer, size)
    elif isinstance(layer, nn.Linear):
        _reshape(layer, "weight", (layer.out_features, size))
        layer.in_features = size
    elif isinstance(layer, nn.MultiheadAttention):
        _fit_attention(layer, size)
    else:
        _fit_channels(layer, size)


def _fit_convolution(layer: _ConvNd, size: int) -> None:
    if is_depthwise(layer) and size != layer.in_channels:
        layer.out_channels = layer.out_channels // layer.in_channels * size
        layer.groups = layer.in_channels = size
        _reshape(layer, "weight", (layer.out_channels, 1, *layer.kernel_size))
        _reshape(layer, "bias", (layer.out_channels,))
    elif size != layer.in_channels:
        layer.in_channels = size
        shape = (layer.out_channels, size // layer.groups, *layer.kernel_size)
        if isinstance(layer, _ConvTransposeNd):
            shape = (size, layer.out_channels // layer.groups, *layer.kernel_size)
        _reshape(layer, "weight", shape)


def _fit_attention(layer: nn.MultiheadAttention, size: int) -> None:
    layer.embed_dim = layer.kdim = layer.vdim = size
    layer.head_dim = size // layer.num_heads
    _reshape(layer, "in_proj_weight", (3 * size, size))
    _reshape(layer, "in_proj_bias", (3 * size,))
    set_output(layer.out_proj, size)
    fit_input(layer.out_proj, size)


_SIZES = ("num_features", "num_channels", "num_parameters")


def _fit_channels(layer: nn.Module, size: int) -> None:
    if isinstance(layer, nn.LayerNorm):
        layer.normalized_shape = (size,)
    for name in _SIZES:
        if hasattr(layer, name):
            setattr(layer, name, size)
    for name in ("weight", "bias"):
        _reshape(layer, name, (size,))
    for name, value in layer._buffers.items():
        if value is not None and value.ndim:
            layer._buffers[name] = value.new_empty(size)


def set_kernel(layer: nn.Module, kernel: int) -> None:
    """Give a convolution with `same_padding` another odd kernel, padded so that the size of its output stays."""
    assert isinstance(layer, _ConvNd)
    sides = len(layer.kernel_size)
    weight = layer._parameters["weight"]
    assert weight is not None
    layer.kernel_size = (kernel,) * sides
    padding = tuple(dilation * (kernel // 2) for dilation in layer.dilation)
    if not isinstance(layer.padding, str):
        layer.padding = padding
    layer._reversed_padding_repeated_twice = list(chain.from_iterable((side, side) for side in reversed(padding)))
    _reshape(layer, "weight", (*weight.shape[:2], *layer.kernel_size))


def same_padding(layer: nn.Module) -> int:
    """Return the odd kernel of a convolution whose padding lets kernels vary; 0 for anything else."""
    if not isinstance(layer, _ConvNd) or isinstance(layer, _ConvTransposeNd):
        return 0
    kernel = layer.kernel_size[0]
    wanted = tuple(dilation * (kernel // 2) for dilation in layer.dilation)
    keeps = layer.padding in ("same", wanted)
    return kernel if set(layer.kernel_size) == {kernel} and kernel % 2 and kernel > 1 and keeps else 0


def _reshape(module: nn.Module, name: str, shape: tuple[int, ...]) -> None:
    old = module._parameters.get(name)
    if old is not None and tuple(old.shape) != shape:
        module._parameters[name] = nn.Parameter(old.new_empty(shape), old.requires_grad)


def step_of(size: int, divided_by: int) -> int:
    """Return the step in which a size goes: `divided_by`, which divides it, or a rounder one of a large size."""
    rounder = (lcm(number, divided_by) for number in (8, 4, 2))
    return next((step for step in rounder if size % step == 0 and size >= 4 * step), divided_by)
