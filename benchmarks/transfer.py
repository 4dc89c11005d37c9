"""Compare transferred weights with new ones on scikit-learn's digits: a minute or two on a CPU.

    python benchmarks/transfer.py --folder runs/transfer

A network of the space `digits` is trained on the digits 0 to 4, and then on few images of 5 to 9 by `genius transfer`:
fine-tuned, with slower rates towards the input, and as a linear probe. `genius train` trains it on the same images from
scratch for as many epochs, by the learning rate of the fine-tuning and by ten times as much. The accuracy is that of
test images, mean ± SD over seeds, which also draw the images. It goes on where it was cut off.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from genius.graph.bundle import ExportOptions
from genius.graph.final import find_subject, finished_training, plan_training
from genius.graph.transfer import plan_transfer
from genius.record.settings import TrainingSettings
from genius.training.learn import do_job
from PIL import Image
from sklearn.datasets import load_digits

ARCHITECTURE = "111111111"
PRETRAINING = ("epochs=15", "batch=32", "lr=0.05")
FINE_TUNING = ("epochs=30", "batch=15")
ALL = ("augment=none", "size=8")
WAYS = {
    "fine-tuned": ("transfer", ()),
    "fine-tuned, lr=0.1": ("transfer", ("lr=0.1",)),
    "fine-tuned, stage_factor=0.7": ("transfer", ("stage_factor=0.7",)),
    "fine-tuned, frozen_stages=2": ("transfer", ("frozen_stages=2",)),
    "linear probe": ("transfer", ("linear_probe=true", "lr=0.1")),
    "from scratch": ("train", ()),
    "from scratch, lr=0.1": ("train", ("lr=0.1",)),
}


def write_halves(root: Path, *, few: int = 10, seed: int = 0) -> None:
    """Write the digits 0 to 4 into `first/`, and 5 to 9, of each `few` images to train on, into `second/`."""
    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    for digit in range(10):
        mine = rng.permutation(images[labels == digit])
        trained = few if digit > 4 else len(mine) * 3 // 4
        for part, chosen in (("train", mine[:trained]), ("test", mine[trained:])):
            place = root / ("second" if digit > 4 else "first") / part / str(digit)
            place.mkdir(parents=True)
            for number, pixels in enumerate(chosen):
                Image.fromarray((pixels * 15.9).astype(np.uint8).reshape(8, 8)).save(place / f"{number:03}.png")


def _done(data: Path, out: Path, seed: int, settings: Sequence[str], weights: Path | None = None) -> float:
    """Do a training, unless it is done, on a CPU; return its accuracy on the test images."""
    asked = TrainingSettings(
        data=f"folder:{data}", recipe="finetune", recipe_changes=(*ALL, *settings), device="cpu", threads=1
    )
    if weights:
        options = ExportOptions(out.parent)
        job, _ = plan_transfer("digits", ARCHITECTURE, weights, asked, options, seed=seed, out=out)
    else:
        subject = find_subject("digits", ARCHITECTURE)
        job, _ = plan_training(subject, asked, seed=seed, out=out, downloads=out.parent)
    job.save()
    found = finished_training(job) or do_job(job)
    assert found.test_accuracy is not None, found.error
    return found.test_accuracy


def accuracies_of(folder: Path, few: int, seed: int) -> dict[str, float]:
    """Train in each way on the digits that a seed draws; return the accuracies on the test images."""
    images = folder / f"images-{seed}"
    if not images.is_dir():
        write_halves(images, few=few, seed=seed)
    first = folder / f"first-{seed}"
    _done(images / "first", first, seed, PRETRAINING)
    found = {}
    for number, (name, (command, settings)) in enumerate(WAYS.items()):
        weights = first / "weights.safetensors" if command == "transfer" else None
        out = folder / f"second-{seed}-{number}"
        found[name] = _done(images / "second", out, seed, (*FINE_TUNING, *settings), weights)
    return found


def main() -> None:
    """Train in each way with each seed, and print the table."""
    parser = argparse.ArgumentParser(description="Transferred weights against new ones, on digits.")
    parser.add_argument("--folder", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--few", type=int, default=4, help="images of each digit to train on; one of them is held out")
    asked = parser.parse_args()
    found = [accuracies_of(asked.folder, asked.few, seed) for seed in range(asked.seeds)]
    print(f"| {asked.seeds} seeds | test accuracy in percent, mean ± SD |\n|---|---|")
    for name in WAYS:
        values = [each[name] for each in found]
        print(f"| {name} | {mean(values):.1f} ± {stdev(values) if len(values) > 1 else 0:.1f} |")


if __name__ == "__main__":
    main()
