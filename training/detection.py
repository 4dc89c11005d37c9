"""The task of detection: images with boxes, RetinaNet's losses, COCO's AP. Imports torch."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, distributed, nn
from torchvision.models.detection import RetinaNet

from ..errors import GeniusError
from ..spaces import get_space
from ..spaces.space import SearchSpace
from .average_precision import Found, average_precision, check_pycocotools
from .batches import Batches, Rank
from .box_batches import BoxBatch, BoxSource, TrainingBoxes, measuring_boxes
from .boxes import BoxedImage, BoxedImages, load_boxes
from .card import Card, ChannelScale
from .detection_job import DetectionJob
from .detector import detector_of
from .learning_task import TaskScore
from .levels import Level, cut_behind, find_levels
from .loading import loaders_for
from .recipes import Recipe
from .tuning import Tuning, freeze_norms
from .weights import load_trained, read_origin, save_tensors

DETECTOR_HEADER = "genius-detector"
"""The name of a detector's card among the metadata of a safetensors file."""

_UNFIT = {"label_smoothing": 0.0, "mixup": 0.0, "cutmix": 0.0, "rand_ops": 0, "compile": "off"}
_UNFIT |= {"linear_probe": False, "frozen_stages": 0, "stage_factor": 1.0}
"""Fields of a recipe that a detector's training does not have, and their values without it."""


@dataclass(frozen=True)
class Built:
    """A detector, the levels that it stands on, and the names of the classifier's modules that were left out.

    `tuning` says which batch norm keeps its statistics, scales and shifts.
    """

    detector: RetinaNet
    levels: tuple[Level, ...]
    left_out: tuple[str, ...]
    tuning: Tuning

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the levels and on the modules left out."""
        strides = [level.stride for level in self.levels]
        told = ", ".join(f"{level.module or 'the network'} ({level.stride}, {level.channels})" for level in self.levels)
        fewer = "" if strides == [8, 16, 32] else "; it has none at 8, 16 and 32"
        return (
            f"levels of the network (stride, channels): {told}{fewer}",
            f"left out as the classifier's own: {', '.join(self.left_out) or 'nothing'}",
        )


def build_detector(job: DetectionJob, space: SearchSpace, classes: int) -> Built:
    """Build the detector of a job: its network with its weights, each name of them matched, and the detector's own.

    Raises: GeniusError for weights of another network, or that have changed since the training was planned.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        network = _classifier(job, space)
        levels = find_levels(network, job.classifier.channels)
        left_out = cut_behind(network, levels, job.classifier.channels)
        scale = ChannelScale(job.classifier.mean, job.classifier.sd)
        frozen = job.recipe.frozen_bn and job.origin is not None
        norms = tuple(f"backbone.body.{name}" for name in freeze_norms(network)) if frozen else ()
        return Built(detector_of(network, levels, classes, job.recipe, scale), levels, left_out, Tuning(norms))


def _classifier(job: DetectionJob, space: SearchSpace) -> nn.Module:
    card = Card(job.space, job.architecture, (), job.classifier)
    if job.origin is not None:
        return load_trained(space, card, read_origin(job.origin)).network
    with torch.no_grad():
        network = space.build_for(job.architecture, 2, job.classifier.size, job.classifier.channels)
        network.eval()(torch.zeros(2, *job.classifier.shape))  # lazy layers get their shapes
    return network


@dataclass(frozen=True)
class Detection:
    """A training's images with boxes and its detector."""

    job: DetectionJob
    data: BoxedImages
    built: Built
    device: torch.device
    rank: Rank
    broken: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, job: DetectionJob, device: torch.device, rank: Rank) -> Self:
        """Read the annotations and build the detector.

        Raises: BadArchitecture; GeniusError, also where the annotations have changed since the training was planned.
        """
        check_pycocotools()
        check_recipe(job.recipe)
        space = get_space(job.space)
        space.check(job.architecture)
        data = load_boxes(job.data)
        if job.found is not None and job.found.digest != data.found.digest:
            raise GeniusError(f"the annotations of {job.data} have changed since this training was planned")
        return cls(job, data, build_detector(job, space, len(data.found.classes)), device, rank)

    @property
    def network(self) -> nn.Module:
        """The detector."""
        return self.built.detector  # type: ignore[no-any-return]

    @property
    def tuning(self) -> Tuning:
        """The batch norm that stays as it was loaded."""
        return self.built.tuning

    @property
    def examples(self) -> int:
        """The number of training images."""
        return len(self.data.train)

    @property
    def size(self) -> str:
        """The detector's parameters."""
        params = sum(p.numel() for p in self.network.parameters())
        return f"the detector has {params / 1e6:,.2f} M parameters"

    def _source(self, images: tuple[BoxedImage, ...]) -> BoxSource:
        job = self.job
        loaders = loaders_for(self.device) if job.loaders is None else job.loaders
        return BoxSource(images, job.classifier.channels, job.recipe, self.device, loaders, self.broken)

    def batches(self) -> Batches[BoxBatch]:
        """Return the source of training images with boxes."""
        return TrainingBoxes(self._source(self.data.train), self.job.seed, self.rank)

    def loss(self, forward: nn.Module, batch: BoxBatch, recipe: Recipe) -> Tensor:
        """Return the sum of the focal loss and the loss of the boxes' corners."""
        losses: Mapping[str, Tensor] = forward(*batch)
        return torch.stack(list(losses.values())).sum()

    def blank_loss(self, network: nn.Module, examples: int) -> Tensor:
        """Return the loss of blank images of the recipe's size, with a box each."""
        side, recipe = self.job.classifier.channels, self.job.recipe
        image = torch.zeros(side, recipe.size, recipe.longest or recipe.size, device=self.device)
        target = {"boxes": torch.tensor([[0.0, 0.0, 16.0, 16.0]]), "labels": torch.zeros(1, dtype=torch.long)}
        moved = {name: each.to(self.device) for name, each in target.items()}
        return self.loss(network, ([image] * examples, [moved] * examples), recipe)

    def measure(self, network: nn.Module) -> TaskScore:
        """Measure COCO's AP in percent on the validation images."""
        found = list(self._found(network))
        if self.rank.world > 1:
            shares: list[list[Found]] = [[] for _ in range(self.rank.world)]
            distributed.all_gather_object(shares, found)
            found = sorted((each for share in shares for each in share), key=lambda each: each.image)
        value, more = average_precision(self.data.validation, found, len(self.data.found.classes))
        return TaskScore(value, metrics=more)

    @torch.no_grad()
    def _found(self, network: nn.Module) -> Iterator[Found]:
        """Yield the boxes that the network finds in this process's share of the validation images."""
        network.eval()
        for batch in measuring_boxes(self._source(self.data.validation), self.rank):
            outputs = network([image for _, image in batch])
            for (number, _), output in zip(batch, outputs, strict=True):
                boxes, labels, scores = (output[name].cpu().numpy() for name in ("boxes", "labels", "scores"))
                yield Found(number, boxes.astype(float), labels, scores.astype(float))

    def test(self, network: nn.Module) -> None:
        """Measure nothing: COCO's test images have no boxes that anyone may see."""
        return

    def write_weights(self, network: nn.Module, path: Path) -> None:
        """Write the weights as safetensors; their card says which detector they are of."""
        job = self.job
        card = {
            "space": job.space,
            "architecture": job.architecture,
            "classes": self.data.found.classes,
            "recipe": asdict(job.recipe),
            "mean": job.classifier.mean,
            "sd": job.classifier.sd,
        }
        save_tensors(network, {DETECTOR_HEADER: json.dumps(card)}, path)


def check_recipe(recipe: Recipe) -> None:
    """Raises GeniusError for a recipe that a detector cannot be trained by."""
    if recipe.size == 0:
        raise GeniusError("images with boxes come in all sizes: set size, their shorter side, as in size=800")
    if 0 < recipe.longest < recipe.size:
        raise GeniusError(f"longest is the longer side, at least the size of {recipe.size}, got {recipe.longest}")
    if recipe.augment not in ("none", "flip"):
        raise GeniusError(f"images with boxes are augmented by none or flip, got augment={recipe.augment}")
    for name, without in _UNFIT.items():
        if getattr(recipe, name) != without:
            raise GeniusError(f"a detector is trained without {name}: set {name}={without}")
