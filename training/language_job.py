"""The job of training a language model, and the recipes that it takes. Does not load torch."""

import json
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import GeniusError
from ..schema import CLOSED
from ..spaces.objective import BITS_PER_CHARACTER, Objective
from .job import LearningJob
from .recipes import Recipe

_OF_IMAGES = {"augment": "none", "mixup": 0.0, "cutmix": 0.0, "rand_ops": 0, "size": 0}
"""Fields of a recipe that only images have, and their values without it."""

_OF_LOADED_WEIGHTS = {"linear_probe": False, "frozen_stages": 0, "stage_factor": 1.0, "frozen_bn": False}
"""Fields of a recipe that only a transfer has, and their values without it."""


@dataclass(frozen=True, kw_only=True)
class LanguageJob(LearningJob):
    """One training of a language model on a text."""

    __pydantic_config__ = CLOSED
    objective: ClassVar[Objective] = BITS_PER_CHARACTER
    examples: ClassVar[str] = "windows"

    kind: Literal["language"] = "language"

    @property
    def identity(self) -> str:
        """The fields that the training outcome depends on, as JSON; a checkpoint of another identity is not used."""
        return json.dumps([super().identity, self.found.digest if self.found else ""])


def check_language_recipe(recipe: Recipe) -> None:
    """Raises GeniusError for a recipe that changes images, or that begins with trained weights."""
    for fields, whose in ((_OF_IMAGES, "images"), (_OF_LOADED_WEIGHTS, "a transfer")):
        for name, without in fields.items():
            if getattr(recipe, name) != without:
                shown = str(without).lower()
                raise GeniusError(
                    f"a language model is trained without {name}, which is of {whose}: set {name}={shown}"
                )
