"""Train a detector on drawn shapes from scratch, and tell its AP: some minutes on a CPU.

    python benchmarks/shapes.py --folder runs/shapes

Writes images of 64 to 128 pixels with one to four discs, squares and triangles, laid out as COCO's are, and trains
RetinaNet by `genius detect` on a small residual network of a space of one's own. It goes on where it was cut off.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import genius
import numpy as np
from genius.spaces.networks import Residual, classifier, conv_bn
from PIL import Image, ImageDraw
from torch import nn

CLASSES = {3: "disc", 7: "square", 12: "triangle"}
"""The categories, whose ids have gaps as COCO's have."""

EPOCHS = 20
RECIPE = ("batch=8", "lr=0.02", "warmup=1", "size=128", "longest=192", "pyramid=64", "clip=5")


def _build(architecture: tuple[int, ...], num_classes: int = 3) -> nn.Module:
    """Build a stem and four residual stages, of which the last three reduce an image 8, 16 and 32 times."""
    width, layers = 8 * (1 + architecture[0]), list[nn.Module]()
    layers += [conv_bn(3, width, 3, stride=2), conv_bn(width, width, 3, stride=2)]
    for _ in range(3):
        layers += [conv_bn(width, 2 * width, 3, stride=2), _block(2 * width)]
        width *= 2
    return classifier(nn.Sequential(*layers), width, num_classes)


def _block(width: int) -> nn.Module:
    body = nn.Sequential(conv_bn(width, width, 3), conv_bn(width, width, 3, activation=None))
    return Residual(body, relu=True)


SPACE = genius.SearchSpace("shapes", (genius.Decision("width", ("8", "16")),), "", _build, (3, 96, 96))


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
        side = int(rng.integers(20, 45))
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
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--images", type=int, default=400, help="images to train on; a quarter as many are measured")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    if not (asked.folder / "images").is_dir():
        write_shapes(asked.folder / "images", train=asked.images, validation=asked.images // 4)
    steps = f"milestones={asked.epochs * 2 // 3},{asked.epochs * 11 // 12}"
    command = [sys.executable, "-m", "genius", "detect", f"{Path(__file__).absolute()}:SPACE", "[1]", "--scratch"]
    command += ["--data", f"coco:{asked.folder / 'images'}", "--out", str(asked.folder / "training")]
    command += ["--threads", str(asked.threads)]
    for setting in (*RECIPE, f"epochs={asked.epochs}", steps):
        command += ["--set", setting]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
