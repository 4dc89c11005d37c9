"""COCO's average precision of boxes, by `pycocotools`. Does not load torch."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import GeniusError
from .boxes import BoxedImage

AP_NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
"""The first of COCO's numbers, in its order."""


@dataclass(frozen=True, eq=False)
class Found:
    """The n boxes found in image number `image`: corners of shape (n, 4), labels and scores of shape (n,)."""

    image: int
    boxes: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]


def check_pycocotools() -> None:
    """Raises GeniusError where `pycocotools` is not installed."""
    try:
        import pycocotools.cocoeval  # noqa: F401
    except ImportError as error:
        raise GeniusError(
            f"COCO's AP needs a package that is not installed ({error.name}): pip install 'genius-nas[detect]'"
        ) from error


def average_precision(
    images: Sequence[BoxedImage], found: Sequence[Found], classes: int
) -> tuple[float, dict[str, float]]:
    """Return COCO's AP in percent, and by their names AP50, AP75 and the AP of small, medium and large objects.

    Only the images that something is told of, an empty list of boxes at least, count. An AP of sizes of which there is
    no object is left out.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()):  # it prints its progress, and tables
        truth = COCO()
        truth.dataset = _dataset(images, [each.image for each in found], classes)
        truth.createIndex()
        if not any(len(each.boxes) for each in found):
            return 0.0, {"AP50": 0.0, "AP75": 0.0}
        judge = COCOeval(truth, truth.loadRes(_results(found)), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    told = {name: 100 * float(value) for name, value in zip(AP_NAMES, judge.stats, strict=False) if value >= 0}
    return told.pop("AP", 0.0), told


def _dataset(images: Sequence[BoxedImage], numbers: Sequence[int], classes: int) -> dict[str, Any]:
    """Write the boxes of some images as COCO's annotations; ids count from 1, since an id of 0 is never found."""
    annotations: list[dict[str, Any]] = []
    for number in numbers:
        image = images[number]
        for (left, top, right, bottom), label, crowd, area in zip(
            image.boxes.tolist(), image.labels.tolist(), image.crowd.tolist(), image.areas.tolist(), strict=True
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": label,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": area,
                    "iscrowd": int(crowd),
                }
            )
    return {
        "info": {},
        "images": [{"id": number} for number in numbers],
        "annotations": annotations,
        "categories": [{"id": number} for number in range(classes)],
    }


def _results(found: Sequence[Found]) -> npt.NDArray[np.float64]:
    """Write found boxes as COCO's results: image, left, top, width, height, score, class, of shape (n, 7)."""
    rows = [
        np.column_stack(
            [
                np.full(len(each.boxes), each.image),
                each.boxes[:, :2],
                each.boxes[:, 2:] - each.boxes[:, :2],
                each.scores,
                each.labels,
            ]
        )
        for each in found
    ]
    return np.concatenate(rows)
