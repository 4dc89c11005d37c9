"""Small data sets and jobs that several tests share."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES, override
from PIL import Image

_COLOURS = {"blue": (40, 60, 200), "green": (50, 190, 70), "red": (210, 50, 40)}


def write_images(folder: Path, each: int, seed: int, classes: dict[str, tuple[int, int, int]] = _COLOURS) -> None:
    """Write JPEG files of several sizes, noise around the colour that is their class."""
    rng = np.random.default_rng(seed)
    for name, colour in classes.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            shape = (int(rng.integers(40, 90)), int(rng.integers(40, 90)), 3)
            pixels = np.clip(colour + rng.normal(0, 50, shape), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:03}.jpg")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an image folder in ImageNet's layout: 3 classes, 20 images each to train on, 4 each in val/."""
    root = tmp_path_factory.mktemp("photographs")
    write_images(root / "train", 20, seed=0)
    write_images(root / "val", 4, seed=1)
    return root


@pytest.fixture
def digits_job(tmp_path: Path) -> Callable[..., TrainingJob]:
    """Make jobs on digits, short unless told otherwise: `settings` override the recipe, the rest the job."""

    def make(settings: tuple[str, ...] = ("epochs=2",), **fields: object) -> TrainingJob:
        recipe = override(RECIPES.find("digits"), settings)
        job = TrainingJob(
            space="digits",
            architecture=(0,) * 9,
            seed=0,
            data="digits",
            recipe=recipe,
            folder=tmp_path / "job",
            downloads=tmp_path / "downloads",
        )
        return replace(job, **fields)

    return make
