"""One contract for every data set."""

from pathlib import Path

import genius
import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.training.data import DATA, find_data
from genius.training.feeding import measuring_batches, training_batches
from genius.training.recipes import RECIPES, override
from PIL import Image

CPU = torch.device("cpu")
OWN = ("mine:PHOTOS", "mine:ALONE", "mine:TRIPLE", "mine:BYTES", "mine:FLOATS", "mine:made", "tiny-photos")
DATA_SETS = ("digits", "folder:FOLDER", "hf:FOLDER-saved", *OWN)
ELSEWHERE = {"cifar10", "cifar100", "imagenet"}
"""They must be downloaded; `tests/training/test_images.py` makes small ones."""


@pytest.fixture
def data(request, tmp_path):
    for number in range(8):
        for name, level in (("cat", 60), ("dog", 200)):
            (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 8), (level, number, level)).save(tmp_path / "images" / name / f"{number}.png")
    if request.param.startswith("hf:"):
        save_images(tmp_path / "images", tmp_path / "images-saved")
    return find_data(request.param.replace("FOLDER", str(tmp_path / "images")), tmp_path)


def save_images(folder, place):
    """Save an image folder as Hugging Face's library does."""
    datasets = pytest.importorskip("datasets")
    files = sorted(folder.glob("*/*.png"))
    values = {"image": [Image.open(file) for file in files], "label": [file.parent.name == "dog" for file in files]}
    kinds = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    datasets.Dataset.from_dict(values, features=kinds).save_to_disk(place)


EVERY_DATA_SET = pytest.mark.parametrize("data", DATA_SETS, indirect=True)


def test_every_built_in_one_is_here_or_elsewhere():
    assert set(DATA) == {name.partition(":")[0] for name in DATA_SETS if name.partition(":")[0] in DATA} | ELSEWHERE


@EVERY_DATA_SET
def test_it_is_split_into_three_parts_that_hold_every_class(data):
    split = data.load()
    for part in (split.train, split.validation, split.test):
        assert set(part.labels.tolist()) == set(range(data.classes))
    assert len(split.classes) in (0, data.classes)
    found = data.found()
    assert [found.train, found.validation, found.test] == [
        len(part.labels) for part in (split.train, split.validation, split.test)
    ]
    assert found.digest in ("", split.digest)
    assert found.notes[0].startswith(f"{data.classes} classes: ")
    assert found.notes[1].startswith(f"images: {found.train:,} to train on")


@EVERY_DATA_SET
def test_it_is_the_same_split_each_time(data):
    first, again = data.load(), data.load()
    for one, other in ((first.train, again.train), (first.validation, again.validation)):
        assert torch.equal(one.labels, other.labels)


@EVERY_DATA_SET
@pytest.mark.parametrize("augment", ["none", "crop-flip"])
def test_its_images_become_the_input_of_a_network(data, augment):
    split, recipe = data.load(), override(RECIPES.find("mine:RECIPE"), [f"augment={augment}", "size=8", "batch=4"])
    trained, _ = next(training_batches(split.train, recipe, 0, CPU).epoch(0))
    assert trained.shape == (4, data.channels, 8, 8)
    measured = list(measuring_batches(split.test, recipe, CPU))
    assert sum(len(labels) for _, labels in measured) == len(split.test.labels)
    for images in (trained, *(images for images, _ in measured)):
        assert images.dtype == torch.float32
        assert images.isfinite().all()


@pytest.mark.parametrize(("name", "pixels"), [("mine:BYTES", 200), ("mine:PHOTOS", 200)])
def test_bytes_stay_and_floats_are_scaled(name, pixels, tmp_path):
    split = find_data(name, tmp_path).load()
    assert int(split.test.read(2).max()) == pixels
    assert int(find_data("mine:FLOATS", tmp_path).load().test.images.max()) == 200


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mine:SINGLE", "is not a torch.utils.data.Dataset, or a pair or a triple of them"),
        ("mine:made_badly", "mine:made_badly cannot be made: ZeroDivisionError: .* .mine.py:"),
        ("mine:makes_text", "mine:makes_text is to be a torch.utils.data.Dataset, or a pair .*, got the str"),
        ("mine:EMPTY", "the training part of mine:EMPTY has no images"),
        ("mine:RAISING", "image 0 of the training part of mine:RAISING cannot be read: ValueError: torn .mine.py:"),
        ("mine:FRACTIONS", "image 0 of the training part of mine:FRACTIONS has a label that is no whole number, 0.5"),
        ("mine:GAPS", "has labels up to 2, and no training image with the label 1: number the classes from 0 on"),
        ("mine:NEGATIVE", "the training part of mine:NEGATIVE has the label -1: classes are numbered from 0 on"),
        ("mine:ONE_CLASS", "mine:ONE_CLASS has one class alone"),
        ("mine:ARRAYS", "image 0 of mine:ARRAYS is to be Pillow's or a tensor of shape"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(name, words, tmp_path):
    with pytest.raises(GeniusError, match=words):
        find_data(name, tmp_path)


def test_normalised_images_are_refused_when_they_are_read(tmp_path):
    with pytest.raises(GeniusError, match=r"image 0 of mine:NORMALISED cannot be used: .*leave normalisation out"):
        find_data("mine:NORMALISED", tmp_path).load()


async def test_a_search_trains_on_it_in_worker_processes(tmp_path):
    asked = {"proposer": "largest", "recipe": "mine:RECIPE", "iterations": 1, "run": tmp_path / "run"}
    notes = []
    result = await genius.search(
        "mine:SPACE", data="mine:TRIPLE", progress=lambda step: notes.append(step.note), **asked
    )
    (candidate,) = result.trials[0].candidates
    assert candidate.error is None
    assert "3 classes: red, green, blue" in notes
    assert any(note.startswith("images: 24 to train on; 9 that steer the search; 12 for the final") for note in notes)
    assert candidate.measurement.accuracy in (100 * np.arange(10) / 9).tolist()
    assert Path(tmp_path / "run" / "search.json").read_text().count("mine:TRIPLE") == 1
