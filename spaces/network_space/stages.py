"""The stages of a network, named after its modules, and the chains of blocks whose number can vary. Imports torch."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from .anatomy import Anatomy
from .layers import produces


@dataclass(frozen=True)
class NetworkStage:
    """Consecutive modules whose outputs are of one shape, with layers that have sizes of their own."""

    name: str
    units: tuple[str, ...]

    def holds(self, module: str) -> bool:
        """Tell whether a module is one of these, or a part of one."""
        return any(is_within(module, unit) for unit in self.units)


@dataclass(frozen=True)
class BlockChain:
    """Blocks of a container that may be left out or repeated, by their names in it; `fixed` blocks come before."""

    container: str
    blocks: tuple[str, ...]
    fixed: int

    @property
    def first(self) -> str:
        """The full name of the first block that may be left out."""
        return full_name_of(self.container, self.blocks[0])

    @property
    def length(self) -> int:
        """The number of blocks in the given network."""
        return self.fixed + len(self.blocks)


def is_within(module: str, other: str) -> bool:
    """Tell whether a module is another one, or a part of it, by their names."""
    return not other or module == other or module.startswith(f"{other}.")


def full_name_of(container: str, child: str) -> str:
    """Return the full name of a child."""
    return f"{container}.{child}" if container else child


def stages_of(anatomy: Anatomy) -> list[NetworkStage]:
    """Divide a network into stages: modules one after another, of one kind and with outputs of one shape."""
    producers = [name for name in anatomy.taken if produces(anatomy.template.get_submodule(name))]
    units = _units(anatomy, producers)
    working = [unit for unit in units if any(is_within(name, unit) for name in producers)]
    kinds = {unit: _kind(anatomy, unit) for unit in working}
    found: list[list[str]] = []
    for at, unit in enumerate(working):
        if at and kinds[unit] == kinds[working[at - 1]] and kinds[unit][-1]:
            found[-1].append(unit)
        else:
            found.append([unit])
    return [NetworkStage(_name(anatomy, each), tuple(each)) for each in found]


def _kind(anatomy: Anatomy, unit: str) -> tuple[object, ...]:
    module = anatomy.template.get_submodule(unit)
    return unit.rpartition(".")[0], type(module), anatomy.gave.get(unit, ())[1:]


def _name(anatomy: Anatomy, units: Sequence[str]) -> str:
    first, last = units[0], units[-1]
    parent = first.rpartition(".")[0]
    if parent and len(units) == len(list(anatomy.template.get_submodule(parent).children())):
        return parent
    return first if first == last else f"{first}-{last.rpartition('.')[2]}"


def _units(anatomy: Anatomy, producers: Collection[str]) -> list[str]:
    """Return the names of modules side by side.

    Taken apart are those that hold more than half of the producers, and lists, which are never called themselves.
    """
    units = [""]
    while True:
        for at, unit in enumerate(units):
            children = [full_name_of(unit, name) for name, _ in anatomy.template.get_submodule(unit).named_children()]
            held = sum(is_within(name, unit) for name in producers)
            if children and (2 * held > len(producers) or (held and unit not in anatomy.calls)):
                units[at : at + 1] = children
                break
        else:
            return units


def chains_of(anatomy: Anatomy, stages: Sequence[NetworkStage]) -> list[BlockChain]:
    """Find the blocks of stages that keep the shape of their input in every architecture, one after another."""
    found: list[BlockChain] = []
    taken: list[str] = []
    for name, module in anatomy.template.named_modules():
        if isinstance(module, nn.Sequential | nn.ModuleList) and not any(is_within(name, block) for block in taken):
            chains = [each for each in _chains(anatomy, name, module) if any(s.holds(each.first) for s in stages)]
            found += chains
            taken += [full_name_of(name, child) for child, _ in module.named_children()] if chains else []
    return found


def _chains(anatomy: Anatomy, name: str, container: nn.Sequential | nn.ModuleList) -> Iterator[BlockChain]:
    children = list(container.named_children())
    keeps = [_keeps(anatomy, full_name_of(name, child), module) for child, module in children]
    at = 0
    while at < len(children):
        end = at
        while end < len(children) and keeps[end] and type(children[end][1]) is type(children[at][1]):
            end += 1
        if end > at:
            before = at > 0 and _leads(anatomy, name, children[at - 1], children[at])
            yield BlockChain(name, tuple(child for child, _ in children[at:end]), int(before))
        at = max(end, at + 1)


def _keeps(anatomy: Anatomy, name: str, block: nn.Module) -> bool:
    """Tell a block of layers whose output has the size of its input, and that is called once."""
    coupling = anatomy.coupling
    given, gave = coupling.entering.get(name, ()), coupling.leaving.get(name, ())
    layers = [each for each in anatomy.taken if is_within(each, name) and each != name]
    producing = any(produces(anatomy.template.get_submodule(each)) for each in layers)
    return producing and bool(given) and given == gave and anatomy.calls.get(name) == 1


def _leads(anatomy: Anatomy, name: str, one: tuple[str, nn.Module], other: tuple[str, nn.Module]) -> bool:
    """Tell whether a block before a chain is one of its kind, which changes the shape."""
    leaving = anatomy.coupling.leaving
    same = leaving.get(full_name_of(name, one[0])) == leaving.get(full_name_of(name, other[0]))
    return type(one[1]) is type(other[1]) and same
