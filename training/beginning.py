"""The beginning of a training: trained weights below a new head, and the parts that are trained in their own ways.

Imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from ..spaces.space import SearchSpace
from .card import Card
from .job import Origin
from .recipes import Recipe
from .tuning import UNTUNED, BodyStage, Tuning, find_stages, frozen_stages, rates_of, tune
from .weights import Weights, find_head, load_body, read_origin


@dataclass(frozen=True)
class Begun:
    """A network that a training begins with: how its parts are trained, and sentences on its weights."""

    tuning: Tuning = UNTUNED
    notes: tuple[str, ...] = ()


def begin_training(network: nn.Module, space: SearchSpace, card: Card, recipe: Recipe, origin: Origin | None) -> Begun:
    """Load the weights that a training begins with, if any, and say how it trains the parts of the network.

    The card is that of the training. The head keeps its initial weights.
    Raises: GeniusError for weights of another network, and where the network's head or stages do not fit the recipe.
    """
    if origin is None and recipe.stage_factor == 1:
        return Begun()
    head = find_head(space, card)
    stages = find_stages(network, head)
    notes: list[str] = []
    if origin is None:
        recipe = replace(recipe, frozen_bn=False)  # it is about loaded batch norm
    else:
        weights = read_origin(origin)
        load_body(network, head, weights, card)
        notes += _on_weights(weights, head, card)
    tuning = tune(network, stages, recipe)
    return Begun(tuning, (*notes, *_on_stages(stages, recipe)))


def _on_weights(weights: Weights, head: frozenset[str], card: Card) -> list[str]:
    said = [
        f"weights of {weights.path.name}: every name of the network matched but those of its head, which is new: "
        + ", ".join(sorted(head))
    ]
    taken = weights.card.input if weights.card else None
    if taken and (taken.mean, taken.sd) != (card.input.mean, card.input.sd):
        said.append(
            f"images are normalised by mean {_shown(card.input.mean)} and SD {_shown(card.input.sd)}; those that the "
            f"weights were trained on were by {_shown(taken.mean)} and {_shown(taken.sd)}"
        )
    return said


def _on_stages(stages: Sequence[BodyStage], recipe: Recipe) -> list[str]:
    if recipe.linear_probe:
        return ["linear probe: the head alone is trained; all else is frozen, batch norm in evaluation mode"]
    said = []
    if kept := frozen_stages(stages, recipe):
        names = ", ".join(stage.name for stage in kept)
        said.append(f"frozen, batch norm in evaluation mode: {names}; the others are trained")
    if recipe.frozen_bn:
        said.append("batch norm keeps its statistics and scales")
    if recipe.stage_factor != 1:
        rates = zip(stages, rates_of(stages, recipe), strict=True)
        told = (f"{stage.name} {recipe.lr * rate:.3g}" for stage, rate in rates if stage not in kept)
        said.append(f"learning rates: {', '.join(told)}, the head {recipe.lr:g}")
    return said


def _shown(values: Sequence[float]) -> str:
    return "/".join(f"{value:.3g}" for value in values)
