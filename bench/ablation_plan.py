"""The plan of an ablation: which fidelities, how many searches and trainings; it is kept in the ablation's folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import GeniusError
from ..record.settings import Settings
from ..schema import CLOSED, Count, Name, Text, Whole
from ..spaces.space import SearchSpace
from ..training.recipes import task_of
from ..training.tasks import check_reads_images
from .kept_plan import KeptPlan, checked_search

FidelityAxis = Literal["epochs", "size"]
"""The field of the recipe in which fidelities differ."""

_UNITS = {"epochs": "epoch", "size": "pixel"}
_PAPERS_LONG = {"retrain-imagenet": ("epochs=180",)}  # Zheng et al. 2023, section 5.1: the same, with 180 epochs


@dataclass(frozen=True)
class Fidelity:
    """A fidelity of trainings: the value of one field of their recipe, all others being equal."""

    axis: FidelityAxis
    value: int

    @property
    def name(self) -> str:
        """The name of its search's folder."""
        return f"{self.axis}-{self.value}"

    @property
    def words(self) -> str:
        """The fidelity in words, as in 20 epochs."""
        return f"{self.value} {_UNITS[self.axis]}{'s' * (self.value > 1)}"


@dataclass(frozen=True)
class AblationPlan(KeptPlan):
    """The plan of an ablation.

    - `settings` are those of every search, but for its fidelity; `epochs` and `sizes` are the fidelities' values.
    - `final_recipe` with `final_changes` is the full fidelity, at which the best of each search are trained.
    - `evaluations` of each search, 0 for no searches; `architectures` and `seeds` of the study of rank correlations.
    - `digest` is that of the split of the images.
    """

    __pydantic_config__ = CLOSED
    noun = "ablation"

    settings: Settings
    epochs: tuple[Count, ...]
    sizes: tuple[Count, ...]
    final_recipe: Name
    final_changes: tuple[Name, ...]
    evaluations: Whole
    architectures: Whole
    seeds: Count
    digest: Text = ""

    @property
    def fidelities(self) -> list[Fidelity]:
        """The fidelities, each once, the number of epochs first."""
        named = [Fidelity("epochs", each) for each in self.epochs] + [Fidelity("size", each) for each in self.sizes]
        return list(dict.fromkeys(named))

    def at(self, fidelity: Fidelity) -> Settings:
        """Return the settings of a search at a fidelity."""
        kept = [each for each in self.settings.training.recipe_changes if each.partition("=")[0] != fidelity.axis]
        changes = (*kept, f"{fidelity.axis}={fidelity.value}")
        return self.settings.changed({"training.recipe_changes": changes, "loop.iterations": max(1, self.evaluations)})

    def at_full(self) -> Settings:
        """Return the settings of trainings at full fidelity; a batch that was named holds for the same recipe alone."""
        asked = self.settings.training
        batch = asked.batch if asked.recipe == self.final_recipe else None
        return self.settings.changed(
            {
                "training.recipe": self.final_recipe,
                "training.recipe_changes": self.final_changes,
                "training.batch": batch,
            }
        )

    def check(self) -> "AblationPlan":
        """Return the plan.

        Raises: GeniusError for one that compares nothing, or whose recipes cannot be made.
        """
        if not self.fidelities:
            raise GeniusError("an ablation compares fidelities: name them, as in --epochs 10,20,30 or --size 224,196")
        if not self.evaluations and not self.architectures:
            raise GeniusError("--evaluations 0 makes no searches, and --architectures 0 trains no fixed set: name one")
        if self.architectures and self.architectures < _LEAST:
            raise GeniusError(f"an order takes at least {_LEAST} architectures, got {self.architectures}")
        return self


_LEAST = 3  # of fewer, an order is hardly one


def make_plan(
    space: SearchSpace,
    settings: Settings,
    fidelities: tuple[Sequence[int], Sequence[int]],
    final: tuple[str | None, Sequence[str]],
    numbers: tuple[int, int, int],
) -> AblationPlan:
    """Plan an ablation: `fidelities` are epochs and sizes, `final` the full recipe and changes of it, and `numbers` the
    evaluations of a search, the architectures of the study, and its seeds.

    Where the full fidelity is the recipe of the searches, changes of that recipe hold for it, too.
    Raises: GeniusError.
    """
    check_reads_images(space, "an ablation compares the accuracies of networks on images")
    asked = settings.training
    data, recipe = task_of(space, asked.data, asked.recipe)
    settings = settings.changed({"evaluator": "train", "training.data": data, "training.recipe": recipe})
    named, changes = final
    _, full = task_of(space, data, named or (None if asked.recipe is None else recipe), final=True)
    own = asked.recipe_changes if full == recipe else () if named else _PAPERS_LONG.get(full, ())
    given = {each.partition("=")[0] for each in changes}
    kept = [each for each in own if each.partition("=")[0] not in given]
    epochs, sizes = (tuple(values) for values in fidelities)
    settings = checked_search(settings) if numbers[0] else settings
    plan = AblationPlan(settings, epochs, sizes, full, (*kept, *changes), *numbers)
    return plan.check()
