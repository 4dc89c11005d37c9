"""Data sets: where they are found, how they are split, and what is said where one is missing."""

import hashlib
import pickle
import shutil

import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.training.augment import distort
from genius.training.data import download, find_data
from genius.training.images import load_images
from torchvision import datasets

from .conftest import write_images


def named(images):
    return {"/".join(path.split("/")[-3:]) for path in images.paths}


def test_digits_are_split_once_and_for_all(tmp_path):
    task = load_images("digits", tmp_path)
    parts = (task.train, task.validation, task.test)
    assert [tuple(part.images.shape) for part in parts] == [(200, 1, 8, 8), (3196, 1, 8, 8), (3192, 1, 8, 8)]
    assert torch.bincount(task.train.labels).tolist() == [20] * 10
    # the pixels that the first published numbers of this task were measured on
    assert task.validation.images[:3].sum().item() == pytest.approx(43.76526, abs=1e-3)


def test_distortion_shifts_each_image_on_its_own():
    images = torch.zeros(400, 1, 8, 8)
    images[:, :, 4, 4] = 10
    places = distort(images, torch.Generator().manual_seed(0)).flatten(1).argmax(1)
    assert len(set(places.tolist())) == 9
    noise = distort(torch.zeros(400, 1, 8, 8), torch.Generator().manual_seed(0))
    assert noise.std().item() == pytest.approx(0.25, abs=0.01)


def test_val_is_for_the_final_test_and_a_share_of_train_steers(photographs, tmp_path):
    task = load_images(f"folder:{photographs}", tmp_path)
    assert [torch.bincount(part.labels).tolist() for part in (task.train, task.validation, task.test)] == [
        [18] * 3,
        [2] * 3,
        [4] * 3,
    ]
    assert named(task.test) == {f"val/{name}/{n:03}.jpg" for name in ("blue", "green", "red") for n in range(4)}
    assert not named(task.train) & named(task.validation)
    assert all(name.startswith("train/") for name in named(task.train) | named(task.validation))
    again = load_images(f"folder:{photographs}", tmp_path)
    assert again.validation.paths == task.validation.paths


def test_a_folder_with_val_and_test_is_not_split(photographs, tmp_path):
    shutil.copytree(photographs, tmp_path / "whole")
    write_images(tmp_path / "whole" / "test", 3, seed=2)
    task = load_images(f"folder:{tmp_path / 'whole'}", tmp_path)
    assert [len(part.labels) for part in (task.train, task.validation, task.test)] == [60, 12, 9]
    assert all(name.startswith("test/") for name in named(task.test))


def test_a_folder_of_classes_alone_is_split_in_three(photographs, tmp_path):
    task = load_images(f"folder:{photographs / 'train'}", tmp_path)
    parts = [named(part) for part in (task.train, task.validation, task.test)]
    assert [len(part) for part in parts] == [48, 6, 6]
    assert len(set.union(*parts)) == 60


def test_imagenet_has_a_thousand_classes(photographs, tmp_path):
    with pytest.raises(GeniusError, match=r"has 3 classes where ImageNet has 1000: call it folder:/"):
        find_data(f"imagenet:{photographs}", tmp_path)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (
            "mnist",
            "there is no data set 'mnist'; the data sets are: digits, cifar10, cifar100, imagenet[:PATH], folder:PATH, "
            "hf:PATH_OR_NAME",
        ),
        ("folder:", "there is no data set 'folder:'"),
        ("cifar10", "the data set cifar10 is not in DOWNLOADS/cifar10: run `genius fetch cifar10`"),
        ("imagenet", "ImageNet is not in DOWNLOADS/imagenet: it cannot be downloaded without an account; name the"),
        ("folder:/nowhere", "there is no folder /nowhere"),
        ("folder:DOWNLOADS", "DOWNLOADS must hold a folder of images for each of at least 2 classes, got 0"),
    ],
)
def test_a_missing_data_set_says_what_to_do(tmp_path, name, error):
    with pytest.raises(GeniusError) as caught:
        find_data(name.replace("DOWNLOADS", str(tmp_path)), tmp_path)
    assert str(caught.value).startswith(error.replace("DOWNLOADS", str(tmp_path)))


def test_a_folder_that_makes_no_sense_says_so(photographs, tmp_path):
    shutil.copytree(photographs / "train", tmp_path / "other" / "train")
    shutil.copytree(photographs / "val", tmp_path / "other" / "val")
    (tmp_path / "other" / "val" / "red").rename(tmp_path / "other" / "val" / "rosy")
    with pytest.raises(GeniusError, match=r"val has other classes than the training images: red, rosy"):
        load_images(f"folder:{tmp_path / 'other'}", tmp_path)
    write_images(tmp_path / "few", 1, seed=3)
    with pytest.raises(GeniusError, match="the class blue has 1 training images: too few to hold some of them out"):
        load_images(f"folder:{tmp_path / 'few'}", tmp_path)
    (tmp_path / "few" / "violet").mkdir()
    with pytest.raises(GeniusError, match="violet"):
        load_images(f"folder:{tmp_path / 'few'}", tmp_path)


def small_cifar(root, monkeypatch):
    """Write CIFAR-10's files with 20 images each, and let torchvision take them for the real ones."""
    folder = root / "cifar10" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)

    def write(name, content):
        packed = pickle.dumps(content)
        (folder / name).write_bytes(packed)
        return [name, hashlib.md5(packed).hexdigest()]

    def part(name):
        images = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
        return write(name, {"data": images, "labels": [n % 10 for n in range(20)]})

    monkeypatch.setattr(datasets.CIFAR10, "train_list", [part(f"data_batch_{n}") for n in range(1, 6)])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [part("test_batch")])
    names = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(datasets.CIFAR10, "meta", {"filename": names[0], "key": "label_names", "md5": names[1]})
    return folder


def test_cifar_holds_out_a_tenth_of_each_class(tmp_path, monkeypatch):
    folder = small_cifar(tmp_path, monkeypatch)
    task = load_images("cifar10", tmp_path)
    assert task.train.images.shape == (90, 3, 32, 32)
    assert task.train.images.dtype == torch.uint8
    assert torch.bincount(task.validation.labels).tolist() == [1] * 10
    assert len(task.test.labels) == 20
    (folder / "data_batch_2").write_bytes(b"torn")
    with pytest.raises(GeniusError, match=r"cifar10 in .* is not whole: run `genius fetch cifar10`"):
        load_images("cifar10", tmp_path)


def test_what_is_whole_already_is_not_downloaded(tmp_path, monkeypatch):
    small_cifar(tmp_path, monkeypatch)
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
    assert download("cifar10", tmp_path) == tmp_path / "cifar10"


def test_a_download_that_fails_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
    with pytest.raises(GeniusError, match=r"could not download cifar10: .*run `genius fetch cifar10` again, or unpack"):
        download("cifar10", tmp_path)
    with pytest.raises(GeniusError, match="there is no data set 'imagenet' to download, only: cifar10, cifar100"):
        download("imagenet", tmp_path)
