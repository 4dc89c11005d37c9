"""Train a detector on drawn shapes, from scratch and on pretrained levels, and tell its AP.

    python benchmarks/shapes.py --folder runs/shapes

Writes 400 images of 64 to 128 pixels with one to four discs, squares and triangles, laid out as COCO's are, and trains
RetinaNet on a network of `nas-bench-macro` by `genius detect`: some minutes on a CPU. The training goes on where it was
cut off.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = {3: "disc", 7: "square", 12: "triangle"}
"""The categories, whose ids have gaps as COCO's have."""

ARCHITECTURE = "[1, 0, 1, 0, 0, 1, 0, 0]"


def write_shapes(root: Path, *, train: int, validation: int, seed: int = 0) -> None:
    """Write `train2017/`, `val2017/` and `annotations/` into a folder."""
    rng = np.random.default_rng(seed)
    (root / "annotations").mkdir(parents=True)
    for part, count in (("train2017", train), ("val2017", validation)):
        (root / part).mkdir()
        images, annotations = [], []
        for number in range(count):
            image, boxes = _drawn(rng)
            name = f"{number:012}.png"
            image.save(root / part / name)
            width, height = image.size
            images.append({"id": 10 * number + 1, "file_name": name, "width": width, "height": height})
            annotations += [{"image_id": 10 * number + 1, "iscrowd": 0, **box} for box in boxes]
        told = {
            "images": images,
            "annotations": [{"id": number, **each} for number, each in enumerate(annotations)],
            "categories": [{"id": number, "name": name} for number, name in CLASSES.items()],
        }
        (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(told))


def _drawn(rng: np.random.Generator) -> tuple[Image.Image, list[dict[str, object]]]:
    """Draw shapes of bright colours that do not overlap on a dark, noisy ground."""
    width, height = (int(side) for side in rng.integers(64, 129, 2))
    image = Image.fromarray(rng.integers(0, 60, (height, width, 3), np.uint8))
    pen, boxes = ImageDraw.Draw(image), list[dict[str, object]]()
    taken: list[tuple[int, int, int, int]] = []
    for _ in range(int(rng.integers(1, 5))):
        side = int(rng.integers(14, 33))
        left, top = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
        box = left, top, left + side, top + side
        if any(left < r and top < b and box[2] > x and box[3] > y for x, y, r, b in taken):
            continue
        taken.append(box)
        kind = int(rng.choice(list(CLASSES)))
        _draw(pen, kind, box, tuple(int(part) for part in rng.integers(120, 256, 3)))
        boxes.append({"category_id": kind, "bbox": [left, top, side, side], "area": side * side})
    return image, boxes


def _draw(pen: ImageDraw.ImageDraw, kind: int, box: tuple[int, int, int, int], colour: tuple[int, ...]) -> None:
    left, top, right, bottom = box
    if CLASSES[kind] == "disc":
        pen.ellipse((left, top, right - 1, bottom - 1), fill=colour)
    elif CLASSES[kind] == "square":
        pen.rectangle((left, top, right - 1, bottom - 1), fill=colour)
    else:
        pen.polygon([(left, bottom - 1), (right - 1, bottom - 1), ((left + right) // 2, top)], fill=colour)


def main() -> None:
    """Write the shapes, and train on them."""
    parser = argparse.ArgumentParser(description="AP of a detector on drawn shapes.")
    parser.add_argument("--folder", type=Path, default=Path("runs/shapes"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    if not (asked.folder / "images").is_dir():
        write_shapes(asked.folder / "images", train=300, validation=100)
    settings = ("size=96", "longest=160", "pyramid=64", "lr=0.02", "warmup=1", f"epochs={asked.epochs}", "batch=8")
    milestones = f"milestones={asked.epochs * 2 // 3},{asked.epochs * 11 // 12}"
    command = [sys.executable, "-m", "genius", "detect", "nas-bench-macro", ARCHITECTURE, "--scratch"]
    command += ["--data", f"coco:{asked.folder / 'images'}", "--out", str(asked.folder / "training")]
    command += ["--threads", str(asked.threads)]
    for setting in (*settings, milestones):
        command += ["--set", setting]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
