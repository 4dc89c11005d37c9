"""Image files that cannot be read: each is named, or left out where that is asked for."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.training.data import find_data
from genius.training.decoding import read_image
from genius.training.feeding import measuring_batches, training_batches
from genius.training.images import load_images
from genius.training.job import TrainingJob
from genius.training.learn import learn
from genius.training.recipes import RECIPES, override
from PIL import Image

CPU = torch.device("cpu")
NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def cut(content):
    return content[: len(content) // 2]


def spoil(content):
    return content[:100] + bytes(reversed(content[100:400])) + content[400:]


BROKEN = {
    "empty": ("JPEG", lambda content: b"", "it is empty"),
    "text": ("JPEG", lambda content: b"nothing to see", "it is of no known form"),
    "zeros": ("JPEG", lambda content: bytes(len(content)), "it is of no known form"),
    "truncated": ("JPEG", cut, "truncated"),
    "header": ("JPEG", lambda content: content[:20], "it is of no known form"),
    "truncated PNG": ("PNG", cut, "truncated"),
    "spoilt PNG": ("PNG", spoil, ""),  # libpng's own complaint would end the process
    "truncated BMP": ("BMP", cut, "truncated"),
}


def write(path, form, change=lambda content: content):
    Image.fromarray(NOISE).save(path, form)
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, what):
    form, change, reason = BROKEN[what]
    path = tmp_path / "odd.jpg"
    write(path, form, change)
    with pytest.raises(GeniusError) as caught:
        read_image(str(path))
    assert str(caught.value).startswith(f"'{path}' cannot be read as an image: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_and_one_that_would_be_all_black_are_named(tmp_path):
    with pytest.raises(GeniusError, match=r"gone\.jpg' cannot be read as an image: No such file or directory$"):
        read_image(str(tmp_path / "gone.jpg"))
    Image.fromarray(NOISE[:, :, 0].astype(np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(GeniusError, match="its 16-bit values keep to the darkest 1/16 of their range"):
        read_image(str(tmp_path / "deep.png"))


@pytest.fixture
def spoilt(photographs, tmp_path):
    """Give an image folder with a broken file in each of train/ and val/, and its task."""
    root = tmp_path / "spoilt"
    shutil.copytree(photographs, root)
    write(root / "train" / "red" / "003.jpg", "JPEG", cut)
    write(root / "val" / "red" / "002.jpg", "PNG", spoil)
    return root


# images that are read into memory, and such as are read in every epoch
AUGMENTS = ["crop-flip", "resized-crop-flip"]


def recipe(augment, *settings):
    return override(RECIPES.find("nas-bench-macro"), [f"augment={augment}", "size=16", "batch=9", *settings])


@pytest.mark.parametrize("loaders", [0, 1])
@pytest.mark.parametrize("augment", AUGMENTS)
def test_a_broken_file_ends_the_training_in_one_sentence(spoilt, tmp_path, augment, loaders):
    task = load_images(f"folder:{spoilt}", tmp_path)
    says = r"^'.*/train/red/003\.jpg' cannot be .* mend or remove it, or leave such files out: skip_broken=true$"
    with pytest.raises(GeniusError, match=says):
        list(training_batches(task.train, recipe(augment), 0, CPU, loaders=loaders).epoch(0))
    with pytest.raises(GeniusError, match=r"val/red/002\.jpg' cannot be read"):
        list(measuring_batches(task.test, recipe(augment), CPU, loaders=loaders))


@pytest.mark.parametrize("loaders", [0, 1])
@pytest.mark.parametrize("augment", AUGMENTS)
def test_broken_files_are_left_out_where_asked_for(spoilt, tmp_path, capfd, augment, loaders):
    task = load_images(f"folder:{spoilt}", tmp_path)
    skipping = recipe(augment, "skip_broken=true")
    batches = training_batches(task.train, skipping, 0, CPU, loaders=loaders)
    for epoch in range(3):
        assert {len(labels) for _, labels in batches.epoch(epoch)} == {9}
    for _ in range(2):
        measured = [labels for _, labels in measuring_batches(task.test, skipping, CPU, loaders=loaders)]
        assert torch.bincount(torch.cat(measured)).tolist() == [4, 4, 3]
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2  # once for each of train/ and val/
    assert said[0].startswith(f"image files left out: 1, among them: '{spoilt}/train/red/003.jpg' cannot be read")


def test_a_training_leaves_broken_files_out(spoilt, tmp_path):
    job = TrainingJob(
        space="nas-bench-macro",
        architecture=(0,) * 8,
        seed=0,
        data=f"folder:{spoilt}",
        recipe=recipe("crop-flip"),
        folder=tmp_path / "job",
        downloads=tmp_path,
    )
    with pytest.raises(GeniusError, match="cannot be read"):
        learn(job)
    told = []
    skipping = replace(job, recipe=recipe("crop-flip", "skip_broken=true", "epochs=2"))
    assert learn(skipping, told.append).error is None
    assert len(told) == 2


def test_where_nothing_can_be_read_nothing_is_left_out(spoilt, tmp_path):
    task = load_images(f"folder:{spoilt}", tmp_path)
    for path in spoilt.glob("*/*/*.jpg"):
        path.write_bytes(b"")
    for augment in AUGMENTS:
        skipping = recipe(augment, "skip_broken=true")
        with pytest.raises(GeniusError, match=r"none of .* image files .*can be read"):
            list(training_batches(task.train, skipping, 0, CPU).epoch(0))
        with pytest.raises(GeniusError, match=r"none of 12 image files can be read, such as: .* it is empty"):
            list(measuring_batches(task.test, skipping, CPU))


@pytest.mark.parametrize("folder", ["train", "train/red", "val/red"])
def test_a_folder_that_must_not_be_read_is_named(spoilt, tmp_path, monkeypatch, folder):
    """As root, whom nothing is kept from, the system is played."""
    look = os.scandir, os.listdir

    def kept_from(how):
        def scan(path="."):
            if str(path) == str(spoilt / folder):
                raise PermissionError(13, "Permission denied", str(path))
            return how(path)

        return scan

    monkeypatch.setattr(os, "scandir", kept_from(look[0]))
    monkeypatch.setattr(os, "listdir", kept_from(look[1]))
    with pytest.raises(GeniusError, match=f"^{spoilt / folder} cannot be read: Permission denied$"):
        load_images(f"folder:{spoilt}", tmp_path)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="nothing is kept from root")
def test_a_folder_without_permission_is_named(spoilt, tmp_path):
    (spoilt / "train").chmod(0)
    try:
        with pytest.raises(GeniusError, match="train cannot be read: Permission denied"):
            find_data(f"folder:{spoilt}", tmp_path)
    finally:
        (spoilt / "train").chmod(0o700)
