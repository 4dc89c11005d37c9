"""The ways in which a network can vary: each is one decision, and changes a copy of the network. Imports torch."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm

from torch import nn

from ...errors import GeniusError
from ..decision import Value, is_number
from ..door import shown
from .anatomy import ORIGIN
from .layers import set_kernel
from .stages import BlockChain

_LARGEST = 65_536


@dataclass(frozen=True)
class Variation(ABC):
    """One way in which a network can vary: the `name` of its decision, and the `stage` that it is about, if any."""

    name: str
    stage: str

    @property
    @abstractmethod
    def own(self) -> Value:
        """The option that the given network has."""

    @property
    @abstractmethod
    def options(self) -> tuple[Value, ...]:
        """The options that are proposed, the network's own among them."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The options in words."""

    @abstractmethod
    def check(self, option: Value) -> None:
        """Raise GeniusError for an option that cannot be built."""

    def sizes(self, option: Value) -> Mapping[int, int]:
        """Return the sizes of axes that an option sets, by their roots."""
        return {}

    def apply(self, network: nn.Module, option: Value) -> None:
        """Change a copy of the network otherwise."""
        return

    def _refuse(self, option: Value, rule: str) -> GeniusError:
        return GeniusError(f"the decision {self.name!r} takes {rule}, got {shown(option)}")


@dataclass(frozen=True)
class Size:
    """A size that varies: the root of its axes, the size in the network, a step, and the number that divides it."""

    root: int
    own: int
    step: int
    divisor: int

    def scaled(self, share: float) -> int:
        """Return a share of the size, rounded to its step; the network's own for the whole."""
        return self.own if share == 1 else max(self.step, round(self.own * share / self.step) * self.step)


@dataclass(frozen=True)
class Widths(Variation):
    """The widths of a stage: channels or features, or where they differ shares of the network's own."""

    varied: tuple[Size, ...]

    @property
    def in_channels(self) -> bool:
        """Whether the options are numbers of channels: the sizes are one number in the network."""
        return len({size.own for size in self.varied}) == 1

    @property
    def divisor(self) -> int:
        """The number that divides every option."""
        return lcm(*(size.divisor for size in self.varied))

    @property
    def own(self) -> Value:
        return self.varied[0].own if self.in_channels else 1.0

    @property
    def options(self) -> tuple[Value, ...]:
        shares = (0.5, 0.75, 1.0, 1.5)
        if not self.in_channels:
            return shares
        step = lcm(*(size.step for size in self.varied))
        return tuple(sorted({Size(0, self.varied[0].own, step, 1).scaled(share) for share in shares}))

    @property
    def words(self) -> str:
        if not self.in_channels:
            return "a share of the network's own widths"
        return "channels" + (f", a multiple of {self.divisor}" if self.divisor > 1 else "")

    def check(self, option: Value) -> None:
        if not self.in_channels:
            if not (is_number(option) and 0 < option <= 16):
                raise self._refuse(option, "shares of the network's own widths, above 0 and up to 16")
        elif type(option) is not int or not 0 < option <= _LARGEST or option % self.divisor:
            raise self._refuse(option, f"whole numbers up to {_LARGEST:,} that {self.divisor} divides")

    def sizes(self, option: Value) -> Mapping[int, int]:
        assert is_number(option)
        if self.in_channels:
            return {size.root: int(option) for size in self.varied}
        return {size.root: size.scaled(option) for size in self.varied}


@dataclass(frozen=True)
class Depth(Variation):
    """The number of blocks of a chain; the last ones are left out, or the very last is repeated."""

    chain: BlockChain

    @property
    def own(self) -> Value:
        return self.chain.length

    @property
    def options(self) -> tuple[Value, ...]:
        length = self.chain.length
        found = {max(1, self.chain.fixed, round(length * share)) for share in (0.5, 0.75)}
        return tuple(sorted(found | {length, max(length + 1, round(1.5 * length))}))

    @property
    def words(self) -> str:
        return "blocks"

    def check(self, option: Value) -> None:
        least = max(1, self.chain.fixed)
        if type(option) is not int or not least <= option <= 1_000:
            raise self._refuse(option, f"whole numbers from {least} to 1,000")

    def apply(self, network: nn.Module, option: Value) -> None:
        assert type(option) is int
        container = network.get_submodule(self.chain.container)
        children = dict(container.named_children())
        last, kept = self.chain.blocks[-1], option - self.chain.fixed
        for name in self.chain.blocks[max(0, kept) :]:
            del children[name]
        if (more := kept - len(self.chain.blocks)) > 0:
            copies = {_new_name(last, number, children): copy.deepcopy(children[last]) for number in range(more)}
            at = list(children).index(last) + 1
            children = dict([*list(children.items())[:at], *copies.items(), *list(children.items())[at:]])
        names = map(str, range(len(children))) if isinstance(container, nn.ModuleList) else children
        container._modules = dict(zip(names, children.values(), strict=True))


def _new_name(last: str, number: int, taken: Mapping[str, object]) -> str:
    name = f"{last}_{number + 1}"
    while name in taken:
        name += "_"
    return name


@dataclass(frozen=True)
class KernelSizes(Variation):
    """The kernel of a stage's convolutions that keep the size of their input, but for strides."""

    layers: tuple[str, ...]
    kernel: int
    depthwise: bool

    @property
    def own(self) -> Value:
        return self.kernel

    @property
    def options(self) -> tuple[Value, ...]:
        found = {self.kernel - 2, self.kernel, self.kernel + 2} | ({7} if self.depthwise else set())
        return tuple(sorted(kernel for kernel in found if kernel >= 3))

    @property
    def words(self) -> str:
        return "an odd side of kernels"

    def check(self, option: Value) -> None:
        if type(option) is not int or not 0 < option < 100 or option % 2 == 0:
            raise self._refuse(option, "odd whole numbers up to 99")

    def apply(self, network: nn.Module, option: Value) -> None:
        assert type(option) is int
        for name in self.layers:
            set_kernel(network.get_submodule(name), option)


_OFFERED = (nn.ReLU, nn.GELU, nn.SiLU, nn.Hardswish)
ACTIVATIONS = {kind.__name__: kind for kind in (*_OFFERED, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.Mish)}
"""The activations that one can be replaced by, by their names; gates such as a sigmoid are none of them."""


@dataclass(frozen=True)
class Activations(Variation):
    """The activation in place of all modules of one kind."""

    modules: tuple[str, ...]
    kind: str

    @property
    def own(self) -> Value:
        return self.kind

    @property
    def options(self) -> tuple[Value, ...]:
        return tuple(dict.fromkeys((self.kind, *(kind.__name__ for kind in _OFFERED))))

    @property
    def words(self) -> str:
        return f"the activation in place of every {self.kind}"

    def check(self, option: Value) -> None:
        if option not in ACTIVATIONS:
            raise self._refuse(option, f"one of {', '.join(ACTIVATIONS)}")

    def apply(self, network: nn.Module, option: Value) -> None:
        if option == self.kind:
            return
        for module in network.modules():  # another activation may need the overwritten input for its gradient
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]
        for name in self.modules:
            parent, _, child = name.rpartition(".")
            made = ACTIVATIONS[str(option)]()
            made.__dict__[ORIGIN] = name
            made.train(network.training)
            network.get_submodule(parent)._modules[child] = made


@dataclass(frozen=True)
class Heads(Variation):
    """The heads of a stage's attention, which divide its width."""

    modules: tuple[str, ...]
    heads: int
    among: tuple[int, ...]

    @property
    def own(self) -> Value:
        return self.heads

    @property
    def options(self) -> tuple[Value, ...]:
        return self.among

    @property
    def words(self) -> str:
        return "heads, which divide the width"

    def check(self, option: Value) -> None:
        divided = lcm(*self.among)
        if type(option) is not int or option < 1 or divided % option:
            raise self._refuse(option, f"whole numbers that divide {divided}")

    def apply(self, network: nn.Module, option: Value) -> None:
        assert type(option) is int
        for name in self.modules:
            attention = network.get_submodule(name)
            assert isinstance(attention, nn.MultiheadAttention)
            attention.num_heads, attention.head_dim = option, attention.embed_dim // option
