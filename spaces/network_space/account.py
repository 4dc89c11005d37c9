"""A network and its decisions in words, for a model and for people. Imports torch."""

from collections.abc import Sequence

from .anatomy import Anatomy
from .stages import stages_of
from .variations import Activations, Depth, Heads, KernelSizes, Variation, Widths

_HEAD = """\
Variants of the network {name}, each trained from new weights. It takes inputs of shape {shape}{classes}. What \
is not decided stays as the network has it, and layers fit themselves to the sizes around them.

The stages, named after its modules, with the shape of their output in the network itself:
{stages}"""

_KINDS = (
    (Widths, "- width: the channels or features that a stage passes on, and inner width: those within its blocks"),
    (Depth, "- depth: the number of a stage's blocks"),
    (KernelSizes, "- kernel: the side of the kernels of a stage's convolutions, padded so that sizes stay"),
    (Heads, "- heads: the heads of a stage's attention"),
    (Activations, "- activation: the function in place of all activations of one kind"),
)


def description_of(name: str, anatomy: Anatomy, variations: Sequence[Variation]) -> str:
    """Describe a network, its stages, the decisions, and the network's own options."""
    stages = [stage for stage in stages_of(anatomy) if any(each.stage == stage.name for each in variations)]
    lines = [f"- {stage.name}: {_times(anatomy.gave.get(stage.units[-1], ())[1:])}" for stage in stages]
    scores = [anatomy.coupling.axes.axes[root].size for root in anatomy.classes]
    head = _HEAD.format(
        name=name,
        shape=_times(anatomy.shape),
        classes=f", and gives {scores[0]} scores or as many as there are classes" if scores else "",
        stages="\n".join(lines) or "- all of it",
    )
    told = [words for kind, words in _KINDS if any(isinstance(each, kind) for each in variations)]
    own = ", ".join(f"{each.name} {_shown(each.own)}" for each in variations)
    return "\n".join([head, "", "For each stage is decided:", *told, "", f"The network itself has {own}."])


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
