"""The proposal of a space: which variations a network has, a few for each stage. Imports torch."""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import gcd, lcm

from torch import nn

from .anatomy import Anatomy
from .layers import is_depthwise, same_padding, step_of
from .stages import NetworkStage, chains_of, stages_of
from .variations import ACTIVATIONS, Activations, Depth, Heads, KernelSizes, Size, Variation, Widths


def variations_of(anatomy: Anatomy) -> list[Variation]:
    """Return the variations of a network: those of each stage in their order, then those of all of it."""
    stages = stages_of(anatomy)
    heads = {stage.name: _heads(anatomy, stage) for stage in stages}
    of_stage: dict[str, list[Variation]] = {stage.name: [] for stage in stages}
    widths = _widths(anatomy, stages, [each for several in heads.values() for each in several])
    for each in chain(widths, _depths(anatomy, stages)):
        of_stage[each.stage].append(each)
    for stage in stages:
        of_stage[stage.name] += [*_kernels(anatomy, stage), *heads[stage.name]]
    return [*(each for several in of_stage.values() for each in several), *_activations(anatomy)]


def _widths(anatomy: Anatomy, stages: Sequence[NetworkStage], heads: Sequence[Heads]) -> Iterator[Widths]:
    """Yield the widths that stages pass on, and those within their blocks; each size belongs to one stage."""
    found: dict[tuple[str, str], list[Size]] = {}
    for root in anatomy.varied:
        if (stage := _stage_of(anatomy, root, stages)) is not None:
            kind = "width" if _is_passed_on(anatomy, root, stage) else "inner width"
            found.setdefault((stage.name, kind), []).append(_size(anatomy, root, heads))
    for stage in stages:
        for kind in ("width", "inner width"):
            if sizes := found.get((stage.name, kind)):
                yield Widths(f"{stage.name} {kind}", stage.name, tuple(sizes))


def _stage_of(anatomy: Anatomy, root: int, stages: Sequence[NetworkStage]) -> NetworkStage | None:
    """Return the stage with the most of the layers whose size this is; of equals the last that passes it on.

    None where no layer has it as its output.
    """
    members = [axis.module for axis in anatomy.coupling.axes.members(root) if not axis.parameter]
    if not members:
        return None
    counts = [(sum(map(stage.holds, members)), _is_passed_on(anatomy, root, stage)) for stage in stages]
    return stages[max(range(len(stages)), key=lambda at: (counts[at], at))]


def _is_passed_on(anatomy: Anatomy, root: int, stage: NetworkStage) -> bool:
    coupling = anatomy.coupling
    return any(root in coupling.axes.made_of(coupling.leaving.get(unit, ())) for unit in stage.units)


def _size(anatomy: Anatomy, root: int, heads: Sequence[Heads]) -> Size:
    own = anatomy.coupling.axes.axes[root].size
    among = [number for each in heads if _meets(anatomy, root, each) for number in each.among]
    divisor = lcm(anatomy.coupling.divisors.get(root, 1), *among)
    return Size(root, own, step_of(own, divisor), divisor)


def _meets(anatomy: Anatomy, root: int, heads: Heads) -> bool:
    coupling = anatomy.coupling
    return any(root in coupling.axes.among(coupling.entering[name][-1]) for name in heads.modules)


def _depths(anatomy: Anatomy, stages: Sequence[NetworkStage]) -> Iterator[Depth]:
    chains = chains_of(anatomy, stages)
    of = {each.first: next(stage for stage in stages if stage.holds(each.first)) for each in chains}
    names = [stage.name for stage in of.values()]
    for each in chains:
        stage = of[each.first].name
        yield Depth(f"{stage if names.count(stage) == 1 else each.first} depth", stage, each)


def _kernels(anatomy: Anatomy, stage: NetworkStage) -> Iterator[KernelSizes]:
    by_kernel: dict[int, list[str]] = {}
    for name in anatomy.taken:
        if stage.holds(name) and (kernel := same_padding(anatomy.template.get_submodule(name))):
            by_kernel.setdefault(kernel, []).append(name)
    for kernel, layers in sorted(by_kernel.items()):
        detail = f" ({kernel})" if len(by_kernel) > 1 else ""
        depthwise = all(is_depthwise(anatomy.template.get_submodule(name)) for name in layers)
        yield KernelSizes(f"{stage.name} kernel{detail}", stage.name, tuple(layers), kernel, depthwise)


def _heads(anatomy: Anatomy, stage: NetworkStage) -> list[Heads]:
    by_number: dict[int, list[str]] = {}
    for name in anatomy.taken:
        module = anatomy.template.get_submodule(name)
        if stage.holds(name) and isinstance(module, nn.MultiheadAttention):
            by_number.setdefault(module.num_heads, []).append(name)
    return [
        Heads(f"{stage.name} heads{f' ({own})' if len(by_number) > 1 else ''}", stage.name, tuple(names), own, among)
        for own, names in sorted(by_number.items())
        if len(among := _dividing(anatomy, own, names)) > 1
    ]


def _dividing(anatomy: Anatomy, own: int, names: Sequence[str]) -> tuple[int, ...]:
    """Return half the heads, the heads, and twice as many, as far as they divide the width of the attention."""
    width = gcd(*(anatomy.given[name][-1] for name in names))
    return tuple(number for number in (own // 2, own, 2 * own) if number and width % number == 0 and width > number)


def _activations(anatomy: Anatomy) -> list[Activations]:
    by_kind: dict[str, list[str]] = {}
    for name, module in anatomy.template.named_modules():
        if name in anatomy.calls and type(module) in ACTIVATIONS.values():
            by_kind.setdefault(type(module).__name__, []).append(name)
    return [
        Activations(f"activation{f' ({own})' if len(by_kind) > 1 else ''}", "", tuple(names), own)
        for own, names in by_kind.items()
    ]
