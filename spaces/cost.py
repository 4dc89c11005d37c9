"""The costs of an architecture: FLOPs and parameters, added up from tables of the network's parts.

FLOPs are the multiply-adds of one image, as the published tables print them: of convolutions, linear layers and other
products of matrices, of attention and recurrent layers. Batch norm, activations, pooling and whatever else is
elementwise or a sum are left out. Parameters are all weights, batch norm's scale and shift included, frozen ones too;
one that several modules share counts once. The paper's own integers on ImageNet hold more: see `CONVENTIONS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError, warn
from ..printable import brief, said_by
from ..schema import LARGEST, Amount, Whole

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .operators import Operators

Convention = Literal["macs", "thop"]
"""How FLOPs are counted: multiply-adds alone, or with the additions of the tool thop for batch norms and average
pooling, which the paper's networks were measured with."""

CONVENTIONS: dict[Convention, str] = {
    "macs": "multiply-adds of one image",
    "thop": "as thop counts: multiply-adds of one image, 4 for each output element of batch norms, and average pooling",
}
"""The conventions in words."""


def counting_in_words(convention: Convention, *, text: bool = False) -> str:
    """Say how FLOPs are counted by a convention, of images or of a `text`."""
    words = CONVENTIONS[convention]
    return words.replace("one image", "one text as long as the context") if text else words


_THOP_PER_NORM_OUTPUT = 4
_TOO_LARGE = 2**53  # for the cost of a part, so that sums of parts and of conventions stay whole numbers of 64 bits


@dataclass(frozen=True)
class Cost:
    """FLOPs (multiply-adds of one image) and parameters of a network or of a part of it.

    `norm_outputs` are the output elements of its batch norms, `pooling` the operations of its average pooling as thop
    counts them; the FLOPs hold nothing of either. `named` are further costs, of a space's own `cost` function.
    """

    flops: Whole = 0
    params: Whole = 0
    norm_outputs: Whole = 0
    pooling: Whole = 0
    named: Mapping[str, Amount] = field(default_factory=dict, kw_only=True, repr=False)

    def counted(self, convention: Convention) -> int:
        """Return the FLOPs by a convention."""
        return self.flops + (_THOP_PER_NORM_OUTPUT * self.norm_outputs + self.pooling) * (convention == "thop")

    @property
    def row(self) -> tuple[int, ...]:
        """The fields, as a row of an array of costs holds them."""
        return self.flops, self.params, self.norm_outputs, self.pooling

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(one + another for one, another in zip(self.row, other.row, strict=True)))

    def __mul__(self, times: int) -> "Cost":
        return Cost(*(number * times for number in self.row))


FIELDS = len(Cost().row)
"""How many numbers a cost has."""


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


def average_pool(width: int, size: int) -> Cost:
    """Count average pooling by windows whose output is `size` pixels wide and high: one for each element, by thop."""
    return Cost(pooling=width * size * size)


def global_pool(width: int, size: int) -> Cost:
    """Count global average pooling: by thop one for each element that it reads, and one for each that it writes."""
    return Cost(pooling=width * (size * size + 1))


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
    is the name of the space. A question for costs raises GeniusError where a part does not tell them.
    """

    def __init__(self, parts: Sequence[Part], options: Sequence[range], space: str) -> None:
        self._parts, self._options, self._space = parts, options, space

    @cached_property
    def tables(self) -> list[tuple[tuple[int, ...], npt.NDArray[np.int64]]]:
        """The decisions of each part, and its costs: shape (options of each decision, …, FIELDS)."""
        return [(part.decisions, self._table(part)) for part in self._parts]

    def _table(self, part: Part) -> npt.NDArray[np.int64]:
        choices = [self._options[d] for d in part.decisions]
        rows = [self._row(part, options) for options in product(*choices)]
        return np.array(rows, dtype=np.int64).reshape(*(len(options) for options in choices), FIELDS)

    def _row(self, part: Part, options: tuple[int, ...]) -> tuple[int, ...]:
        place = f"the part of {self._space} that depends on the decisions {list(part.decisions)}"
        try:
            told = part.cost(*options)
        except MemoryError:
            raise
        except Exception as error:
            raise GeniusError(f"{place} has no cost for the options {list(options)}: {said_by(error)}") from error
        row = told.row if isinstance(told, Cost) else ()
        if row and all(map(_is_whole, row)):
            return row
        raise GeniusError(
            f"{place} costs {brief(repr(told))} for the options {list(options)}: return a Cost of whole numbers "
            "from 0 on"
        )

    def costs(self, architectures: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Cost many architectures at once.

        Takes option numbers of shape (n, decisions); returns shape (n, FIELDS), in the order of `Cost.row`.
        """
        numbers = np.asarray(architectures, dtype=np.int64)
        index = numbers - np.array([options.start for options in self._options])
        found = np.zeros((len(index), FIELDS), dtype=np.int64)
        for decisions, table in self.tables:
            found += table[tuple(index[:, d] for d in decisions)]
        return found


def told_cost(function: Callable[..., object], architecture: tuple[int, ...], space: str) -> Cost:
    """Ask a space's own function for the costs of an architecture: a Cost, FLOPs alone, or a dict of costs by name.

    Raises: GeniusError where the function fails, or returns something else.
    """
    try:
        told = function(architecture)
    except MemoryError:
        raise
    except Exception as error:
        raise GeniusError(f"the cost of {space} failed on {list(architecture)}: {said_by(error)}") from error
    if isinstance(told, Cost):
        return told
    found: dict[Any, Any] = dict(told) if isinstance(told, Mapping) else {"flops": told}
    whole = [found.pop(name, 0) for name in ("flops", "params")]
    if all(map(_is_whole, whole)) and all(isinstance(name, str) and _is_amount(n) for name, n in found.items()):
        return Cost(*map(int, whole), named={name: float(number) for name, number in found.items()})
    raise GeniusError(
        f"the cost of {space} is {brief(repr(told))} for {list(architecture)}: return a Cost, a whole number of FLOPs, "
        "or a dict of numbers from 0 on by name, whole ones for flops and params"
    )


def _is_whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool) and bool(0 <= number < _TOO_LARGE)


def _is_amount(number: object) -> bool:
    real = isinstance(number, int | float | np.integer | np.floating) and not isinstance(number, bool)
    return real and bool(0 <= number <= LARGEST)  # type: ignore[operator]


def blank_inputs(shape: tuple[int, ...], inputs: int = 1, *, text: bool = False) -> "Tensor":
    """Return inputs of zeros: images of a shape, or of a text the numbers of characters."""
    import torch

    return torch.zeros(inputs, *shape, dtype=torch.long if text else None)


def try_on(module: "nn.Module", input_shape: tuple[int, ...], *, text: bool = False) -> "nn.Module":
    """Run a network on one image, of shape (channels, height, width), or on one `text`, and return the network.

    Raises: TypeError for an object that is no network; every exception of the network.
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"build returned {brief(repr(module))}, which is no torch.nn.Module")
    was_training = module.training
    with torch.no_grad():
        module.eval()(blank_inputs(input_shape, text=text))
    return module.train(was_training)


def count(module: "nn.Module", input_shape: tuple[int, ...], *, text: bool = False, strict: bool = False) -> Cost:
    """Count a built network, of each operator that torch runs for one image of zeros, or for one `text`.

    `input_shape` is (channels, height, width) of the image, or (characters,). Counted are products of matrices and
    vectors, convolutions, attention (masks save nothing) and recurrent layers, each as often as it is called, whatever
    module or function calls it. The convention leaves out elementwise operators, activations, norms, sums, pooling,
    resampling, look-ups. Other operators that do arithmetic (Fourier transforms, solvers, sparse products, operators of
    one's own, NumPy) are named in a GeniusWarning. Of control flow that depends on the image the way that zeros take
    is counted.

    Raises: GeniusError where the network does not run; with `strict` also where an operator could not be counted.
    """
    from torch.nn.parameter import is_lazy

    from .operators import count_operators

    was_training = module.training
    try:
        found = count_operators(module.eval(), blank_inputs(input_shape, text=text))
    except MemoryError:
        raise
    except Exception as error:
        raise GeniusError(
            f"the FLOPs of {type(module).__name__}, which runs, cannot be counted: {said_by(error)}; {_MEND}"
        ) from error
    finally:
        module.train(was_training)
    _tell_what_is_missing(type(module).__name__, found, strict)
    params = sum(p.numel() for p in module.parameters() if not is_lazy(p))  # a lazy one that was never called is none
    return Cost(found.macs, params, found.norm_outputs, found.pooling)


_MEND = "give the space its costs as `parts`"


def _tell_what_is_missing(name: str, found: "Operators", strict: bool) -> None:
    """Warn of operators that the count of a network leaves out.

    Raises: GeniusError in place of a warning, where the count is to be `strict`.
    """
    missing = f"the FLOPs of {name} leave out these operators: {', '.join(sorted(found.uncounted))}"
    if found.uncounted and strict:
        raise GeniusError(f"{missing}; under a limit on FLOPs all must be known: {_MEND}")
    said = [missing] if found.uncounted else []
    if found.reads_values:
        said.append(f"{name} reads values of its tensors, and other images may take other operators than zeros did")
    if said:
        warn(f"{'; '.join(said)}: to be exact, {_MEND}")
