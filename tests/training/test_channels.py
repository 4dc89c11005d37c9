"""Images of any number of channels, and pictures that become grey or coloured as the network takes them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.graph.bundle import ExportOptions, find_trained
from genius.training.card import PHOTOGRAPHS
from genius.training.data import find_data
from genius.training.export import Normalised
from genius.training.images import Pixels, Samples, load_images
from genius.training.job import TrainingJob
from genius.training.learn import learn
from genius.training.recipes import RECIPES, override
from genius.training.weights import read_card
from PIL import Image

HERE = Path(__file__).parent
QUICK = ("epochs=8", "batch=16", "lr=0.1", "augment=none")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def job(tmp_path):
    def make(data, space="own_images:ANY", settings=QUICK):
        folder, recipe = tmp_path / "job", override(RECIPES.find("digits"), settings)
        found = find_data(data, tmp_path).found()
        names = {"space": space, "data": data, "recipe": recipe, "downloads": tmp_path, "found": found}
        made = TrainingJob(**names, architecture=(1,), folder=folder, keep_weights=True)
        made.save()
        return made

    return make


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("augment", ["none", "crop-flip", "distortion", "resized-crop-flip"])
def test_images_of_any_channels_reach_build_and_train(job, channels, augment):
    made = job(f"own_images:of_{channels}", settings=(*QUICK, f"augment={augment}"))
    measurement = learn(made)
    assert measurement.failure is None
    assert measurement.accuracy >= 50
    card = read_card(made.files.weights)
    assert card.input.shape == (channels, 10, 10)
    trained, _ = find_trained(str(made.folder), None, None, ExportOptions(made.downloads, space="own_images:ANY"))
    assert trained.network[0].in_channels == channels


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_each_channel_has_the_mean_and_the_deviation_of_the_training_images(job, channels):
    made = job(f"own_images:of_{channels}")
    learn(made)
    taken = read_card(made.files.weights).input
    values = load_images(made.data, made.downloads).train.images.double() / 255
    assert taken.mean == pytest.approx(values.mean((0, 2, 3)).tolist())
    assert taken.sd == pytest.approx(values.std((0, 2, 3), correction=0).tolist())
    trained, _ = find_trained(str(made.folder), None, None, ExportOptions(made.downloads, space="own_images:ANY"))
    images = load_images(made.data, made.downloads).test.images
    scores = Normalised(trained).eval()(images / 255)
    assert (scores.argmax(1) == load_images(made.data, made.downloads).test.labels).float().mean() > 0.9


def test_images_in_colours_are_scaled_as_photographs_are(tmp_path):
    assert load_images("own_images:of_3", tmp_path).train.scale == PHOTOGRAPHS


def test_arrays_of_other_channels_than_the_network_takes_are_refused(job):
    with pytest.raises(
        GeniusError, match=r"grey takes images of 1 channels, own_images:of_6's have 6: let the space's"
    ):
        learn(job("own_images:of_6", "own_images:GREY"))


def test_a_picture_is_read_as_the_network_takes_it(job, tmp_path):
    mixed = find_data("own_images:mixed", tmp_path)
    assert mixed.channels == 3
    for channels in (1, 3):
        loaded = load_images("own_images:mixed", tmp_path, channels)
        assert {loaded.test.read(at).shape for at in range(len(loaded.test.labels))} == {(channels, 10, 10)}
    assert learn(job("own_images:mixed", "own_images:GREY")).failure is None


def test_a_grey_image_folder_reaches_a_network_of_one_channel(job, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(20):
        for name, level in (("dark", 60), ("light", 200)):
            (tmp_path / "x" / name).mkdir(parents=True, exist_ok=True)
            pixels = np.clip(rng.normal(level, 20, (12, 10)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "x" / name / f"{number}.png")
    name, settings = f"folder:{tmp_path / 'x'}", (*QUICK, "size=10", "epochs=12")
    assert find_data(name, tmp_path).channels == 1
    assert load_images(name, tmp_path, 3).train.read(0).shape == (3, 12, 10)
    for space in ("own_images:ANY", "own_images:GREY"):
        made = job(name, space, settings)
        assert learn(made).accuracy == 100
        card = read_card(made.files.weights)
        assert card.input.channels == 1
        assert card.input.mean[0] == pytest.approx(130 / 255, abs=0.05)
        for file in made.folder.iterdir():
            file.unlink()


def test_grey_images_lie_in_memory_where_they_are_of_one_size(tmp_path):
    assert isinstance(load_images("own_images:of_1", tmp_path).train, Pixels)
    assert load_images("own_images:wide", tmp_path).train.images.shape[1:] == (1, 6, 12)
    assert isinstance(load_images("own_images:sizes", tmp_path).train, Samples)


def test_grey_images_of_different_sizes_are_brought_to_one(job):
    with pytest.raises(GeniusError, match="image files come in all sizes: set size in the recipe"):
        learn(job("own_images:sizes"))
    assert learn(job("own_images:sizes", settings=(*QUICK, "size=8"))).failure is None


def test_sixteen_bits_are_scaled_to_bytes(tmp_path):
    split = load_images("own_images:deep", tmp_path)
    assert split.train.images.dtype == torch.uint8
    assert 30 < split.train.images.float().mean() < 160


def test_rand_augment_knows_pictures_alone(job):
    settings = (*QUICK, "augment=resized-crop-flip", "rand_ops=2")
    assert learn(job("own_images:of_1", settings=settings)).failure is None
    with pytest.raises(GeniusError, match="these have 6 channels: set rand_ops=0"):
        learn(job("own_images:of_6", settings=settings))


def test_one_data_set_alone_is_split_by_class(tmp_path):
    found = find_data("own_images:of_4", tmp_path).found()
    assert (found.train, found.validation, found.test) == (48, 6, 6)
    assert found.notes == (
        "2 classes: 0, 1",
        "images: 48 to train on; 6 that steer the search, held out of the training images; 6 for the final test "
        "alone, held out of the training images",
        "to train on: 24 images of each class",
        "held out: 10% of each class, at least one image of it, drawn with seed 1797",
        "the first image has 4 channels of 10×10 pixels",
    )


def test_a_training_whose_images_are_others_than_planned_is_refused(job, monkeypatch):
    made = job("own_images:of_1")
    assert json.loads(made.files.job.read_text())["found"]["digest"] == load_images(made.data, made.downloads).digest
    import own_images

    monkeypatch.setattr(own_images, "of_1", lambda: own_images._tensors(62, 1, 0))
    with pytest.raises(GeniusError, match="own_images:of_1 is not split as it was when this training was planned"):
        learn(made)


def test_images_without_labels_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(GeniusError, match=r"is to come with its label, \(image, label\), got the Image"):
        find_data("own_images:unlabelled", tmp_path)


@pytest.mark.parametrize("name", ["digits", "cifar10", "cifar100"])
def test_the_images_of_a_known_data_set_are_told_too(name, tmp_path):
    (tmp_path / name).mkdir()
    found = find_data(name, tmp_path).found()
    assert found.notes[0].startswith(f"{100 if name == 'cifar100' else 10} classes")
    assert found.notes[1].startswith(f"images: {found.train:,} to train on; {found.validation:,} that steer the search")


def test_what_is_told_of_the_digits_is_what_is_loaded(tmp_path):
    found, split = find_data("digits", tmp_path).found(), load_images("digits", tmp_path)
    parts = (split.train, split.validation, split.test)
    assert [found.train, found.validation, found.test] == [len(part.labels) for part in parts]
