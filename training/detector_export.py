"""A trained detector as a bundle that others can use without this package. Imports torch."""

import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.image_list import ImageList

from ..errors import GeniusError
from ..printable import brief
from ..record.files import sha256_of, write_atomically
from ..spaces.space import SearchSpace
from .decoding import DECODING
from .detection_job import DetectionJob
from .disk import told_when_full
from .export import (
    ABOUT_FILE,
    IMAGES,
    ONNX_FILE,
    PROGRAM_FILE,
    SAMPLE_FILE,
    WEIGHTS_FILE,
    colours,
    import_onnx,
    saved_onnx,
    whole_folder,
)
from .weights import save_tensors

OUTPUTS = ("boxes", "scores", "labels")

_MOST = 8192  # pixels of an image's side
_TOLERANCE = 1e-3  # of scores; of boxes in shares of the image's side
_COMPARED = 300  # boxes, the best


@dataclass(frozen=True)
class TrainedDetector:
    """A detector with its trained weights, in evaluation mode, and the names of its classes."""

    space: SearchSpace
    job: DetectionJob
    detector: RetinaNet
    classes: tuple[str, ...]

    @property
    def least(self) -> int:
        """The least pixels of a side with which the coarsest level has more than one row: torch.export asks for it."""
        return 4 * int(self.detector.backbone.levels[-1].stride) + 1


@dataclass(frozen=True)
class _Sample:
    """An image of values from 0 to 1, of shape (1, channels, height, width), and what PyTorch finds in it.

    `boxes` of shape (n, 4) and `scores` of shape (n, classes) are those of all anchors.
    """

    image: Tensor
    found: tuple[Tensor, ...]
    boxes: Tensor
    scores: Tensor


class Detections(nn.Module):
    """A detector that takes one image of values from 0 to 1, of any size, and gives the boxes found, the best first.

    It is RetinaNet without the resizing and without the least score: shapes alone decide its course, so that it can be
    traced.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, detector: RetinaNet) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("mean", torch.tensor(detector.transform.image_mean)[:, None, None])
        self.register_buffer("sd", torch.tensor(detector.transform.image_std)[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map an image of shape (1, channels, height, width) to k boxes (k, 4), their scores (k,) and labels (k,)."""
        outputs, anchors, levels = self._outputs(images)
        boxes, scores, labels = self._best(outputs, anchors, levels)
        boxes = _within(boxes, images)
        apart = labels.to(boxes)[:, None] * (boxes.max() + 1)  # boxes of two classes never overlap
        kept = torch.ops.torchvision.nms(boxes + apart, scores, self.detector.nms_thresh)
        return boxes[kept], scores[kept], labels[kept]

    def all_boxes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the boxes of all anchors for an image, of shape (n, 4), and their scores, of shape (n, classes)."""
        outputs, anchors, _ = self._outputs(images)
        boxes = self.detector.box_coder.decode_single(outputs["bbox_regression"][0], anchors)
        return _within(boxes, images), outputs["cls_logits"][0].sigmoid()

    def _outputs(self, images: Tensor) -> tuple[Mapping[str, Tensor], Tensor, list[Tensor]]:
        height, width = images.shape[-2:]
        step = self.detector.transform.size_divisible
        padded = functional.pad((images - self.mean) / self.sd, (0, -width % step, 0, -height % step))
        levels = list(self.detector.backbone(padded).values())
        outputs = self.detector.head(levels)
        anchors = self.detector.anchor_generator(ImageList(padded, [(height, width)]), levels)[0]
        return outputs, anchors, levels

    def _best(
        self, outputs: Mapping[str, Tensor], anchors: Tensor, levels: list[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the boxes, the scores and the labels of the best anchors of each level."""
        each = self.detector.anchor_generator.num_anchors_per_location()
        counts = [level.shape[2] * level.shape[3] * many for level, many in zip(levels, each, strict=True)]
        parts = (outputs["cls_logits"][0], outputs["bbox_regression"][0], anchors)
        found = []
        for logits, offsets, placed in zip(*(torch.split(part, counts) for part in parts), strict=True):
            classes = logits.shape[-1]
            scores = logits.sigmoid().flatten()
            best, at = scores.topk(torch.sym_min(self.detector.topk_candidates, scores.shape[0]))
            boxes = self.detector.box_coder.decode_single(offsets[at // classes], placed[at // classes])
            found.append((boxes, best, at % classes))
        boxes, scores, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
        return boxes, scores, labels


def _within(boxes: Tensor, images: Tensor) -> Tensor:
    """Cut boxes of shape (n, 4) at the edges of an image."""
    height, width = images.shape[-2:]
    return torch.stack([boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)], 2).flatten(1)


def export_detector(
    trained: TrainedDetector, folder: Path, *, onnx: bool, provenance: Mapping[str, object]
) -> dict[str, object]:
    """Write a detector's bundle into a new folder, whole or not at all; return the content of its `model.json`.

    The bundle is that of a classifier, but for its outputs. Raises: the errors of `export`; GeniusError for a detector
    of images that are too small for its levels.
    """
    if trained.job.recipe.size < trained.least:
        raise GeniusError(
            f"a detector on levels as coarse as these is exported for images of at least {trained.least} pixels, "
            f"and it was trained on {trained.job.recipe.size}: train it on larger ones, as in size={trained.least + 31}"
        )
    if onnx:
        import_onnx()
    with told_when_full(folder.parent), whole_folder(folder) as part:
        network = Detections(trained.detector).eval()
        sample, program = _sample(network, trained), _program(network, trained)
        about = _about(trained) | {"provenance": dict(provenance)}
        about |= _write_data(trained, sample, part)
        about["program"] = _write_program(program, part / PROGRAM_FILE, about, sample)
        if onnx:
            about["onnx"] = _write_onnx(program, part / ONNX_FILE, about, sample)
        write_atomically(part / ABOUT_FILE, json.dumps(about, indent=2) + "\n")
    return about


def _about(trained: TrainedDetector) -> dict[str, object]:
    """Describe the detector, its input and its outputs."""
    job, detector = trained.job, trained.detector
    return {
        "space": trained.space.name,
        "architecture": list(job.architecture),
        "detector": "RetinaNet",
        "levels": [[level.stride, level.channels] for level in detector.backbone.levels],
        "classes": len(trained.classes),
        "class_names": list(trained.classes),
        "contract": _contract(job),
        "input": {
            "name": IMAGES,
            "type": "float32",
            "shape": [1, job.classifier.channels, "height", "width"],
            "sides": [trained.least, _MOST],
            "values": [0, 1],
        },
        "outputs": {
            "boxes": "float32 (k, 4): left, top, right and bottom in pixels of the image that was given",
            "scores": "float32 (k,): from 0 to 1, the best first; those of no more than "
            f"{detector.score_thresh:g} were left out when AP was measured, and all but the first "
            f"{detector.detections_per_img}",
            "labels": "int64 (k,): numbers from 0 in class_names; boxes of one class overlap by at most "
            f"{detector.nms_thresh:g}",
        },
        "preprocessing": _preprocessing(job),
        "params": sum(each.numel() for each in detector.parameters()),
        "needs": "torchvision, which holds the operator torchvision::nms of model.pt2: import it first",
        "torch": torch.__version__,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _contract(job: DetectionJob) -> str:
    channels, recipe = job.classifier.channels, job.recipe
    most = f", the longer one at most {recipe.longest}" if recipe.longest else ""
    return (
        f"{IMAGES} is one float32 image of shape (1, {channels}, height, width), {colours(channels)}, values from 0 "
        f"(black) to 1 (white), as bytes divided by 255 are, its shorter side {recipe.size} pixels{most}; the model "
        "normalises and pads it itself, and gives boxes in its pixels, the best first"
    )


def _preprocessing(job: DetectionJob) -> dict[str, object]:
    recipe, taken = job.recipe, job.classifier
    return {
        "decoding": DECODING,
        "channels": colours(taken.channels),
        "layout": "NCHW",
        "resize": {
            "shorter_side": recipe.size,
            "longer_side_at_most": recipe.longest or None,
            "interpolation": "bilinear",
            "antialias": False,
        },
        "scale": {"bytes_divided_by": 255, "values": [0, 1]},
        "normalisation": {"mean": list(taken.mean), "sd": list(taken.sd), "applied_by": "the model"},
        "padding": "by the model, on the right and below",
    }


def _sample(network: Detections, trained: TrainedDetector) -> _Sample:
    side = max(trained.least, min(trained.job.recipe.size, 320))
    shape = 1, trained.job.classifier.channels, side, side + side // 4 + 1
    image = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, (boxes, scores) = network(image), network.all_boxes(image)
    if not all(each.isfinite().all() for each in found):
        raise GeniusError("the detector gives numbers that are not finite: its weights are no use")
    return _Sample(image, found, boxes, scores)


def _write_data(trained: TrainedDetector, sample: _Sample, folder: Path) -> dict[str, object]:
    save_tensors(trained.detector, {}, folder / WEIGHTS_FILE)
    boxes, scores, labels = (each.numpy() for each in sample.found)
    np.savez(folder / SAMPLE_FILE, images=sample.image.numpy(), boxes=boxes, scores=scores, labels=labels)
    files = {"weights": folder / WEIGHTS_FILE, "sample": folder / SAMPLE_FILE}
    return {name: {"file": path.name, "sha256": sha256_of(path)} for name, path in files.items()}


def _program(network: nn.Module, trained: TrainedDetector) -> ExportedProgram:
    """Trace a detector for an image of any size, and remove the stack traces, which hold paths of this machine."""
    sides = {2: Dim("height", min=trained.least, max=_MOST), 3: Dim("width", min=trained.least, max=_MOST)}
    example = torch.zeros(1, trained.job.classifier.channels, trained.least + 32, trained.least + 96)
    try:
        program = torch.export.export(network, (example,), dynamic_shapes=(sides,), strict=False)
    except Exception as error:  # of any kind: the network is the user's own
        reason = brief(str(error).strip().split("\n")[0])
        raise GeniusError(
            f"torch.export cannot trace the detector of {list(trained.job.architecture)}: {reason}"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    return program


def _write_program(
    program: ExportedProgram, path: Path, about: Mapping[str, object], sample: _Sample
) -> dict[str, object]:
    held = io.BytesIO()
    torch.export.save(program, held, extra_files={ABOUT_FILE: json.dumps(about)})
    path.write_bytes(held.getvalue())
    with torch.no_grad():
        found = torch.export.load(io.BytesIO(held.getvalue())).module()(sample.image)
    return _checked(path, found, sample)


def _write_onnx(
    program: ExportedProgram, path: Path, about: Mapping[str, object], sample: _Sample
) -> dict[str, object]:
    session = saved_onnx(program, path, about, OUTPUTS)
    found = session.run(list(OUTPUTS), {IMAGES: sample.image.numpy()})
    return _checked(path, [torch.from_numpy(np.asarray(each)) for each in found], sample)


def _checked(path: Path, found: "list[Tensor] | tuple[Tensor, ...]", sample: _Sample) -> dict[str, object]:
    """Hold the best boxes that an exported file finds against all of PyTorch's.

    Not against those that PyTorch finds: of boxes whose scores are nearly equal, suppression leaves one or the other.
    Raises: GeniusError where one is none of PyTorch's, or none is found.
    """
    side = float(max(sample.image.shape[2:]))
    boxes, scores, labels = (each[:_COMPARED] for each in found)
    alike = [
        bool(
            (
                ((sample.boxes - box).abs().amax(1) <= _TOLERANCE * side)
                & ((sample.scores[:, int(label)] - score).abs() <= _TOLERANCE)
            ).any()
        )
        for box, score, label in zip(boxes, scores, labels, strict=True)
    ]
    if not alike or not all(alike):
        raise GeniusError(f"{path.name} finds {len(alike)} boxes, of which {sum(alike)} are PyTorch's")
    return {"file": path.name, "sha256": sha256_of(path), "boxes_compared": len(alike)}
