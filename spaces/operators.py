"""The operators of a built network, counted while it runs on one image. Imports torch.

They are counted below autograd, where torch has decomposed composite operators: `einsum` into matrix products, a GRU
into those of its steps, a custom autograd function into the operators of its forward pass. So every call counts, also
those of modules that are shared, scripted, or called in a loop.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_Arguments = Sequence[Any]
_Macs = Callable[[_Arguments, Any], int]

_ARITHMETIC = re.compile(
    r"m[mv](_|$)|dot|conv(?!ert)|linear|multi_head|encoder_layer|attention|rnn|lstm|gru(_|$)|fft|linalg|[a-z]dist(_|$)"
    r"|matmul|cholesky|(?<!slice_)inverse|(?<!re)solve|geqrf|ormqr|grid_sampler|affine_grid|to_mkldnn"
)
"""Words in the names of torch's own operators that multiply and add, and are neither elementwise, nor a norm, nor a
reduction, nor pooling."""

_LEFT_OUT = re.compile(
    r"upsample|fft_r?fftfreq|linalg_(check_errors|vector_norm|cross|_powsum)|_combination$|_thnn_fused"
)
"""Of those the ones that the convention leaves out all the same: resampling, norms, elementwise ones."""

_OWN = ("aten", "prim", "prims", "profiler", "torchvision")


@dataclass
class Operators:
    """The counts of one run of a network.

    `macs` are the multiply-adds of matrix products, convolutions, attention and recurrent layers, `norm_outputs` the
    output elements of batch norms, `pooling` thop's count for average pooling. `uncounted` names the operators whose
    arithmetic is not in `macs`. `reads_values` tells whether the network read the values of a tensor, so that its
    operators may differ from image to image.
    """

    macs: int = 0
    norm_outputs: int = 0
    pooling: int = 0
    uncounted: set[str] = field(default_factory=set)
    reads_values: bool = False


def count_operators(module: nn.Module, images: Tensor, found: Operators | None = None) -> Operators:
    """Run a network on images, without gradients, and count its operators, perhaps on top of those `found` before.

    Torch takes no fast paths, which fuse a whole layer into one operator, while functions are watched.
    Raises: every exception of the network.
    """
    found = found or Operators()
    with torch.no_grad(), _uncompiled(), _Functions(found), _Dispatched(found):
        module(images)
    return found


_COMPILING = {"torch._dynamo", "torch.nn.attention.flex_attention"}


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Have modules that `torch.compile` made run as they are written."""
    if not _COMPILING & set(sys.modules) or not hasattr(torch.compiler, "set_stance"):
        yield  # nothing was compiled, or torch is older than 2.6
        return
    with torch.compiler.set_stance("force_eager"):
        yield


class _Functions(TorchFunctionMode):
    """Watches the functions that a network calls: pooling, and conversions that leave torch."""

    def __init__(self, found: Operators) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in POOLING:
            images, *_ = (*args, *(kwargs or {}).values())
            self._found.pooling += POOLING[func](images, out)
        elif func in _LEAVING:
            self._found.uncounted.add(f"Tensor.{func.__name__}")
        self._found.reads_values |= func is Tensor.tolist
        return out


_LEAVING = (Tensor.numpy, Tensor.__array__, Tensor.__dlpack__)


def _adaptive(dimensions: int) -> Callable[[Tensor, Tensor], int]:
    """Count an addition for each pixel of a window, and a division, for each output element."""

    def operations(images: Tensor, out: Tensor) -> int:
        sizes = zip(images.shape[-dimensions:], out.shape[-dimensions:], strict=True)
        return (prod(size // smaller for size, smaller in sizes) + 1) * out.numel()

    return operations


def _one_each(_: Tensor, out: Tensor) -> int:
    return out.numel()


POOLING: dict[Any, Callable[[Tensor, Tensor], int]] = {
    functional.adaptive_avg_pool1d: _adaptive(1),
    functional.adaptive_avg_pool2d: _adaptive(2),
    functional.adaptive_avg_pool3d: _adaptive(3),
    functional.avg_pool1d: _one_each,
    functional.avg_pool2d: _one_each,
    functional.avg_pool3d: _one_each,
}


class _Dispatched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches the operators that torch's dispatcher is asked for."""

    supports_higher_order_operators = True

    def __init__(self, found: Operators) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._found = found

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if isinstance(func, HigherOrderOperator):
            out = func(*args, **(kwargs or {}))
            self._note(func._name, args, out)
            return out
        name = func._schema.name.removesuffix("_")
        if name not in _MACS and _are_dense(args):  # in inference mode composite ones arrive whole
            with self:
                if (out := func.decompose(*args, **(kwargs or {}))) is not NotImplemented:
                    return out
        out = func(*args, **(kwargs or {}))
        self._note(name, args, out)
        self._found.reads_values |= _reads_values(name, func, args)
        return out

    def _note(self, name: str, args: _Arguments, out: Any) -> None:
        if name in _MACS and _are_dense((args, out)):
            self._found.macs += _MACS[name](args, out)
        elif name in _MACS or _does_arithmetic(name):
            self._found.uncounted.add(name)
        elif "batch_norm" in name:
            self._found.norm_outputs += out[0].numel()


_READING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


def _reads_values(name: str, func: Any, args: _Arguments) -> bool:
    """Tell whether an operator hands values of tensors to Python, or makes shapes of them."""
    if name == "aten::index":
        return any(each is not None and each.dtype in (torch.bool, torch.uint8) for each in args[1])
    return bool(_READING & set(func.tags))


def _are_dense(values: Any) -> bool:
    """Tell whether the shapes of all tensors say how many elements they hold: not of sparse and nested ones."""
    tensors = (each for each in tree_leaves(values) if isinstance(each, Tensor))
    return all(each.layout == torch.strided and not each.is_nested for each in tensors)


def _does_arithmetic(name: str) -> bool:
    namespace, _, own = name.partition("::")
    return namespace not in _OWN or bool(_ARITHMETIC.search(own) and not _LEFT_OUT.search(own))


def _product(first: int) -> _Macs:
    """Count a product of matrices or vectors, the first of which is the argument at `first`."""

    def macs(args: _Arguments, _: Any) -> int:
        one, other = args[first], args[first + 1]
        return int(one.numel() * (other.shape[-1] if other.ndim > 1 else 1))

    return macs


def _positions(images: Tensor) -> int:
    return images.numel() // images.shape[1]


def _convolution(args: _Arguments, out: Tensor) -> int:
    """Each weight is used once for each position of the output, or of the input where it is transposed."""
    images, weights, transposed = args[0], args[1], args[6]
    return int(weights.numel() * _positions(images if transposed else out))


def _attention(query: Tensor, key: Tensor, value: Tensor) -> int:
    """Every query is multiplied with every key, and every weight with every value; a mask saves nothing."""
    return prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _layer(*weights: int) -> _Macs:
    """Count a whole attention layer, fused: projections with the weights at these arguments, and the attention."""

    def macs(args: _Arguments, _: Any) -> int:
        tokens = args[0].numel() // args[0].shape[-1]
        projections = tokens * sum(args[at].numel() for at in weights)
        return int(projections) + _attention(args[0], args[0], args[0])

    return macs


def _recurrent(args: _Arguments, _: Any) -> int:
    """Both weights of a layer, of the input and of the state, are used at each step of each sequence."""
    sequences, of_input, of_state = args[:3]
    return int(sequences.shape[0] * sequences.shape[1] * (of_input.numel() + of_state.numel()))


_MACS: dict[str, _Macs] = {
    **{f"aten::{name}": _product(0) for name in ("mm", "bmm", "mv", "dot", "vdot", "_int_mm", "_scaled_mm")},
    **{f"aten::{name}": _product(1) for name in ("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation")},
    **{f"aten::{name}": _convolution for name in ("convolution", "_convolution", "convolution_overrideable")},
    **{
        f"aten::_scaled_dot_product_{kind}": lambda args, _: _attention(*args[:3])
        for kind in ("flash_attention", "flash_attention_for_cpu", "efficient_attention", "cudnn_attention")
    },
    "flex_attention": lambda args, _: _attention(*args[:3]),
    "aten::_native_multi_head_attention": _layer(5, 7),
    "aten::_transformer_encoder_layer_fwd": _layer(3, 5, 14, 16),
    "aten::mkldnn_rnn_layer": _recurrent,
    "aten::_trilinear": lambda args, _: int(args[0].shape[0] * args[1].numel()),  # of nn.Bilinear
    "aten::conv_tbc": lambda args, out: int(args[1].numel() * out.shape[0] * out.shape[1]),
    "torchvision::deform_conv2d": lambda args, out: int(args[1].numel() * _positions(out)),
}
"""Multiply-adds of an operator, from its arguments and its result."""
