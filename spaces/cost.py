"""What an architecture costs: FLOPs and parameters, added up from tables of the network's parts.

FLOPs are the multiply-adds of convolutions and linear layers for one image, as the published tables print them. Batch
norm, activations and pooling are not counted; parameters are all weights, batch norm's scale and shift included. The
paper's own integers on ImageNet count batch norm too: see `Cost.counted`.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from .errors import GeniusError
from .printable import brief, said_by
from .record import Whole

if TYPE_CHECKING:
    from torch import nn

_OPERATORS_COUNTED = ("conv", "linear", "addmm", "matmul", "bmm", "einsum")


Convention = Literal["macs", "thop"]
"""How FLOPs are counted: multiply-adds alone, or with 4 for each output element of a batch norm, as the tool thop did
when the paper's networks were measured with it."""

CONVENTIONS: dict[Convention, str] = {
    "macs": "multiply-adds of one image",
    "thop": "as thop counts: multiply-adds of one image, and 4 for each output element of a batch norm",
}
"""The conventions in words."""

_THOP_PER_NORM_OUTPUT = 4
_TOO_LARGE = 2**53  # for the cost of a part, so that sums of parts and of conventions stay whole numbers of 64 bits


@dataclass(frozen=True)
class Cost:
    """FLOPs (multiply-adds of one image) and parameters of a network or of a part of it.

    `norm_outputs` are the output elements of its batch norms, of which the FLOPs hold nothing.
    """

    flops: Whole = 0
    params: Whole = 0
    norm_outputs: Whole = 0

    def counted(self, convention: Convention) -> int:
        """Return the FLOPs by a convention."""
        return self.flops + (_THOP_PER_NORM_OUTPUT * self.norm_outputs if convention == "thop" else 0)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.params + other.params, self.norm_outputs + other.norm_outputs)

    def __mul__(self, times: int) -> "Cost":
        return Cost(self.flops * times, self.params * times, self.norm_outputs * times)


def check_convention(name: str) -> Convention:
    """Return the convention of this name.

    Raises: GeniusError.
    """
    for convention in CONVENTIONS:
        if convention == name:
            return convention
    raise GeniusError(f"there is no FLOPs convention {name!r}; the conventions are: {', '.join(CONVENTIONS)}")


def total(costs: Iterator[Cost] | Sequence[Cost]) -> Cost:
    """Add up costs."""
    return sum(costs, Cost())


def conv(width_in: int, width: int, kernel: int, size: int, *, groups: int = 1, bias: bool = False) -> Cost:
    """Count a square convolution whose output is `size` pixels wide and high."""
    weights = width * width_in // groups * kernel * kernel
    return Cost(weights * size * size, weights + width * bias)


def batch_norm(width: int, size: int) -> Cost:
    """Count a batch norm: two parameters a channel, and no multiply-adds by the tables' convention."""
    return Cost(0, 2 * width, width * size * size)


def conv_bn(width_in: int, width: int, kernel: int, size: int, *, groups: int = 1) -> Cost:
    """Count a convolution without bias and the batch norm that follows it."""
    return conv(width_in, width, kernel, size, groups=groups) + batch_norm(width, size)


def linear(features_in: int, features: int) -> Cost:
    """Count a fully connected layer with bias."""
    return Cost(features_in * features, features_in * features + features)


@dataclass(frozen=True)
class Part:
    """A part of the network whose cost depends on a few decisions only.

    `cost` is called with the option numbers of `decisions`, in that order.
    """

    decisions: tuple[int, ...]
    cost: Callable[..., Cost]


class CostTable:
    """The costs of a network's parts for every option they depend on, computed once.

    The cost of an architecture is then a sum of look-ups, for one architecture or for a whole array of them. `space`
    is the name of the space. Whatever asks for costs raises GeniusError where a part does not tell them.
    """

    def __init__(self, parts: Sequence[Part], options: Sequence[range], space: str) -> None:
        self._parts, self._options, self._space = parts, options, space

    @cached_property
    def _tables(self) -> list[tuple[tuple[int, ...], npt.NDArray[np.int64]]]:
        return [(part.decisions, self._table(part)) for part in self._parts]

    def _table(self, part: Part) -> npt.NDArray[np.int64]:
        choices = [self._options[d] for d in part.decisions]
        rows = [self._row(part, options) for options in product(*choices)]
        return np.array(rows, dtype=np.int64).reshape(*(len(options) for options in choices), 3)

    def _row(self, part: Part, options: tuple[int, ...]) -> list[int]:
        place = f"the part of {self._space} that depends on the decisions {list(part.decisions)}"
        try:
            told = part.cost(*options)
        except MemoryError:
            raise
        except Exception as error:
            raise GeniusError(f"{place} has no cost for the options {list(options)}: {said_by(error)}") from error
        row = [told.flops, told.params, told.norm_outputs] if isinstance(told, Cost) else []
        if row and all(isinstance(number, int | np.integer) and 0 <= number < _TOO_LARGE for number in row):
            return row
        raise GeniusError(
            f"{place} costs {brief(repr(told))} for the options {list(options)}: return a Cost of whole numbers "
            "from 0 on"
        )

    def costs(self, architectures: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Cost many architectures at once.

        Takes option numbers of shape (n, decisions); returns shape (n, 3): the fields of `Cost`.
        """
        numbers = np.asarray(architectures, dtype=np.int64)
        index = numbers - np.array([options.start for options in self._options])
        found = np.zeros((len(index), 3), dtype=np.int64)
        for decisions, table in self._tables:
            found += table[tuple(index[:, d] for d in decisions)]
        return found


def try_on(module: "nn.Module", input_shape: tuple[int, ...]) -> "nn.Module":
    """Return a network after it has taken one image, of shape (channels, height, width).

    Raises: TypeError for what is no network; whatever the network raises.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"build returned {brief(repr(module))}, which is no torch.nn.Module")
    was_training = module.training
    with torch.no_grad():
        module.eval()(torch.zeros(1, *input_shape))
    return module.train(was_training)


def count(module: "nn.Module", input_shape: tuple[int, ...]) -> Cost:
    """Count a built network with fvcore.

    `input_shape` is (channels, height, width) of one image. fvcore also counts batch norm and pooling; what is added
    here are convolutions and matrix products alone, so that the number means what the published tables mean.

    Raises: GeniusError where fvcore fails on it.
    """
    was_training = module.training
    try:
        operators = _operators(module.eval(), input_shape)
    except MemoryError:
        raise
    except Exception as error:
        raise GeniusError(
            f"fvcore cannot count the FLOPs of {type(module).__name__}, which runs: {said_by(error)}; "
            "give the space its costs as `parts`"
        ) from error
    module.train(was_training)
    params = sum(p.numel() for p in module.parameters())
    counted = sum(operators[name] for name in _OPERATORS_COUNTED)
    return Cost(int(counted), params, int(operators["batch_norm"]))


def _operators(module: "nn.Module", input_shape: tuple[int, ...]) -> Counter[str]:
    """Return what fvcore counts, by operator."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # fvcore's own use of torch.jit, told on import
        from fvcore.nn import FlopCountAnalysis
        from fvcore.nn.jit_handles import elementwise_flop_counter

    analysis = FlopCountAnalysis(module, torch.zeros(1, *input_shape))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle("aten::batch_norm", elementwise_flop_counter(0, 1))  # 1 for each element of its output
    found: Counter[str] = analysis.by_operator()
    return found
