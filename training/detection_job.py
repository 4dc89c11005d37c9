"""The job of training a detector. Does not load torch."""

import json
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

from ..schema import CLOSED
from ..spaces.objective import Objective
from .card import Input
from .job import LearningJob

AP = Objective("AP", "%", "higher", 0, 100)
"""COCO's average precision of boxes, the mean over ten thresholds of their overlap."""


@dataclass(frozen=True, kw_only=True)
class DetectionJob(LearningJob):
    """One training of a detector on boxes.

    - `origin`: the trained weights of the classifier on whose levels it stands.
    - `classifier`: the input of that classifier, by whose scale the images are normalised.
    """

    __pydantic_config__ = CLOSED
    objective: ClassVar[Objective] = AP

    kind: Literal["detection"] = "detection"
    classifier: Input

    @property
    def identity(self) -> str:
        """The fields that the training outcome depends on, as JSON; a checkpoint of another identity is not used."""
        return json.dumps([super().identity, asdict(self.classifier)], sort_keys=True)
