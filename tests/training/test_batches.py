"""Batches: what is random about them, how images are cropped and read, and that nothing is left out for good."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.training.augment import change, draw_augmentation, pad
from genius.training.batches import Resident, as_input, generator
from genius.training.card import PHOTOGRAPHS
from genius.training.decoding import read_image
from genius.training.feeding import measuring_batches, training_batches
from genius.training.images import ImageFiles, Pixels, load_images
from genius.training.loading import central, cut
from genius.training.recipes import RECIPES, override
from PIL import Image
from torchvision.transforms.functional import crop, hflip

CPU = torch.device("cpu")
CIFAR = override(RECIPES.find("nas-bench-macro"), ["batch=8"])


def pixels(number, size=32):
    rng = torch.Generator().manual_seed(1)
    return Pixels(torch.randint(256, (number, 3, size, size), dtype=torch.uint8, generator=rng), torch.arange(number))


def test_crops_are_torchvisions():
    images = pixels(6).images
    plan = draw_augmentation("crop-flip", tuple(images.shape), generator(0, 0))
    numbers = torch.tensor([4, 1, 5])
    got = change(pad(images, "crop-flip"), numbers, plan.of(numbers), 32, 32)
    for image, number in zip(got, numbers.tolist(), strict=True):
        expected = crop(pad(images, "crop-flip")[number], int(plan.down[number]), int(plan.right[number]), 32, 32)
        assert torch.equal(image, hflip(expected) if plan.mirrored[number] else expected)
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_crops_are_spread_evenly():
    plan = draw_augmentation("crop-flip", (9000, 3, 32, 32), generator(0, 0))
    for part in (plan.down, plan.right):
        assert torch.bincount(part).min() > 850
        assert len(torch.bincount(part)) == 9
    assert 0.45 < plan.mirrored.float().mean() < 0.55


def test_a_flip_mirrors_and_does_nothing_else():
    images = torch.randint(0, 256, (200, 3, 8, 8), dtype=torch.uint8)
    plan = draw_augmentation("flip", tuple(images.shape), generator(0, 0))
    got = change(pad(images, "flip"), torch.arange(200), plan, 8, 8)
    expected = torch.where(plan.mirrored[:, None, None, None], images.flip(3), images)
    assert torch.equal(got, expected)
    assert 60 < plan.mirrored.sum() < 140


AUGMENTS = [
    ("flip", 0),
    ("crop-flip", 0),
    ("crop-flip", 2),
    ("none", 0),
    ("resized-crop-flip", 0),
    ("resized-crop-flip", 2),
]


@pytest.mark.parametrize(("augment", "rand_ops"), AUGMENTS)
def test_an_epoch_is_a_function_of_seed_and_number(augment, rand_ops):
    recipe = override(CIFAR, [f"augment={augment}", f"rand_ops={rand_ops}", "size=24"])

    def epoch(seed, number):
        return list(training_batches(pixels(30), recipe, seed, CPU).epoch(number))

    first, again = epoch(0, 3), epoch(0, 3)
    assert all(torch.equal(a, b) for one, two in zip(first, again, strict=True) for a, b in zip(one, two, strict=True))
    assert not torch.equal(first[0][1], epoch(0, 4)[0][1])
    assert not torch.equal(first[0][1], epoch(1, 3)[0][1])
    assert [images.shape for images, _ in first] == [(8, 3, 24, 24)] * 3


def test_rand_augment_comes_on_top_of_crops_and_flips():
    """Without strength it leaves the crop and the flip alone: each image is one of those that these can make."""
    images = pixels(4, 8)
    recipe = override(CIFAR, ["rand_ops=1", "batch=4"])
    plain = override(CIFAR, ["batch=4"])
    padded = pad(images.images, "crop-flip")
    places = [(down, right) for down in range(9) for right in range(9)]
    crops = [[crop(image, *place, 8, 8) for place in places] for image in padded]
    possible = [[as_input(each[None], plain, PHOTOGRAPHS)[0] for c in cut for each in (c, hflip(c))] for cut in crops]
    batches = [next(training_batches(images, recipe, 0, CPU).epoch(epoch)) for epoch in range(12)]
    kept = [
        any(torch.allclose(image, other) for other in possible[label])
        for changed, labels in batches
        for image, label in zip(changed, labels.tolist(), strict=True)
    ]
    assert 0 < sum(kept) < len(kept)  # an operation in fourteen is to do nothing


def test_rand_augment_takes_bytes_alone():
    floats = replace(pixels(30), images=torch.zeros(30, 3, 8, 8))
    with pytest.raises(GeniusError, match="rand_ops=2 changes grey and colour images of bytes, and these are floats"):
        training_batches(floats, override(CIFAR, ["rand_ops=2"]), 0, CPU)


def test_bytes_become_floats_of_mean_0():
    ready = as_input(torch.full((1, 3, 4, 4), 128, dtype=torch.uint8), CIFAR, PHOTOGRAPHS)
    expected = (128 / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    assert torch.allclose(ready[0, :, 0, 0], expected, atol=1e-5)


def test_all_images_are_measured_once(photographs, tmp_path):
    recipe = override(CIFAR, ["size=16"])
    labels = torch.cat([labels for _, labels in measuring_batches(pixels(4000), recipe, CPU)])
    assert labels.tolist() == list(range(4000))
    task = load_images(f"folder:{photographs}", tmp_path)
    read = list(measuring_batches(task.test, recipe, CPU, loaders=0))
    assert torch.cat([labels for _, labels in read]).tolist() == task.test.labels.tolist()
    assert read[0][0].shape == (8, 3, 16, 16)


def test_a_cut_is_what_pillow_makes_of_it(photographs):
    path = next(photographs.glob("train/*/*.jpg"))
    image = Image.open(path).convert("RGB")
    expected = image.crop((5, 3, 35, 33)).resize((16, 16), Image.Resampling.BILINEAR)
    got = cut(read_image(str(path)), (3, 5, 30, 30), 16).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(got - np.asarray(expected).astype(int)).max() <= 6  # two decoders


def test_the_central_square_is_measured():
    image = torch.zeros(3, 80, 100, dtype=torch.uint8)
    image[:, 5:75, 15:85] = 200
    assert central(image, 35).min() == 200
    assert central(image, 35, kept=1.0).min() == 0


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF"])
def test_any_image_that_pillow_reads_is_read(tmp_path, form):
    Image.new("RGB", (9, 7), (250, 128, 0)).save(tmp_path / "image", form)
    image = read_image(str(tmp_path / "image"))
    assert image.shape == (3, 7, 9)
    assert image[:, 3, 3].tolist() == pytest.approx([250, 128, 0], abs=3)


def test_grey_and_printers_colours_are_read_too(tmp_path):
    for mode in ("L", "CMYK"):
        Image.new(mode, (9, 7)).save(tmp_path / "image.jpg")
        assert read_image(str(tmp_path / "image.jpg")).shape == (3, 7, 9)


def test_images_too_many_for_the_memory_say_what_to_do():
    files = ImageFiles(("x.jpg",) * 10_000_000, torch.zeros(10_000_000))
    with pytest.raises(GeniusError, match=r"10,000,000 images of 224 pixels .* set augment=resized-crop-flip"):
        training_batches(files, override(CIFAR, ["size=224"]), 0, CPU)


def test_training_leaves_out_no_image_for_good():
    seen = {
        int(n)
        for epoch in range(8)
        for _, labels in Resident(pixels(30, 4), CIFAR, 0, CPU).epoch(epoch)
        for n in labels
    }
    assert seen == set(range(30))
