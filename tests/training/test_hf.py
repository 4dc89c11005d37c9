"""Data sets of Hugging Face's library, made by the tests on this disk: nothing is asked for over a network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import genius
import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.graph.trust import Claim, claims
from genius.record.settings import Settings
from genius.training.data import find_data
from genius.training.images import load_images
from PIL import Image

HERE = Path(__file__).parent
NAMES = ("cat", "dog", "fox")


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory):
    """Give the library, here and in worker processes, a cache of its own and no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
            patch.setenv(name, "1")
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
        patch.syspath_prepend(str(HERE))
        datasets = pytest.importorskip("datasets")
        datasets.disable_progress_bars()
        yield datasets


def picture(label, number, mode="RGB"):
    rng = np.random.default_rng([label, number])
    return Image.fromarray(np.clip(rng.normal(40 + 80 * label, 15, (9, 9, 3)), 0, 255).astype(np.uint8)).convert(mode)


def rows(library, count, mode="RGB", classes=NAMES, image=None, **columns):
    """Make a table of pictures and classes; further `columns` are pairs of a feature and a function of the label."""
    labels = [number % len(classes) for number in range(count)]
    values = {"image": [picture(label, number, mode) for number, label in enumerate(labels)], "label": labels}
    features = {"image": image or library.Image(), "label": library.ClassLabel(names=list(classes))}
    for name, (feature, value) in columns.items():
        values[name], features[name] = [value(label) for label in labels], feature
    return library.Dataset.from_dict(values, features=library.Features(features))


def saved(library, place, **parts):
    library.DatasetDict(parts).save_to_disk(place)
    return f"hf:{place}"


def opened(name):
    return find_data(name, Path())


def numbers(name):
    found = opened(name).found()
    return found.train, found.validation, found.test


def refusal(name):
    with pytest.raises(GeniusError) as caught:
        opened(name).load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def as_folder(place):
    for part, each in (("train", 10), ("test", 4)):
        for label, name in enumerate(NAMES):
            (place / part / name).mkdir(parents=True)
            for number in range(each):
                picture(label, 3 * number + label).save(place / part / name / f"{number}.png")


def as_parquet(library, place):
    place.mkdir()
    rows(library, 30).to_parquet(place / "train-00000-of-00001.parquet")
    rows(library, 12).to_parquet(place / "test-00000-of-00001.parquet")


@pytest.mark.parametrize("kind", ["saved", "folder", "parquet"])
def test_what_lies_on_this_disk_is_opened_and_split_by_class(library, tmp_path, kind):
    name = f"hf:{tmp_path / kind}"
    if kind == "saved":
        saved(library, tmp_path / kind, train=rows(library, 30), test=rows(library, 12))
    elif kind == "folder":
        as_folder(tmp_path / kind)
    else:
        as_parquet(library, tmp_path / kind)
    data = opened(name)
    assert data.found().notes[:4] == (
        "3 classes: cat, dog, fox",
        "images: 27 to train on; 3 that steer the search, held out of the training images; 12 for the final test alone",
        "to train on: 9 images of each class",
        "held out: 10% of each class, at least one image of it, drawn with seed 1797",
    )
    split = data.load()
    assert torch.bincount(split.validation.labels).tolist() == [1, 1, 1]
    for part in (split.train, split.validation, split.test):
        for number, label in enumerate(part.labels.tolist()):
            image = part.read(number)
            assert image.shape == (3, 9, 9)
            assert image.dtype == torch.uint8
            assert abs(image.float().mean() - (40 + 80 * label)) < 10


def test_one_table_and_one_parquet_file_are_split_in_three(library, tmp_path):
    rows(library, 30).save_to_disk(tmp_path / "one")
    as_parquet(library, tmp_path / "files")
    for place in (tmp_path / "one", tmp_path / "files" / "train-00000-of-00001.parquet"):
        assert numbers(f"hf:{place}") == (24, 3, 3)


@pytest.mark.heavy  # the library asks for a name again and again
def test_a_name_of_the_hub_is_found_in_the_library_s_cache(library, tmp_path):
    as_parquet(library, tmp_path / "files")
    made = library.load_dataset(str(tmp_path / "files"), cache_dir=tmp_path / "cache")
    version = Path(made["train"].cache_files[0]["filename"]).parents[1]
    kept = Path(library.config.HF_DATASETS_CACHE) / "somebody___pets" / "default" / version.name
    shutil.copytree(version, kept)
    for file in kept.rglob("*-*.arrow"):
        file.rename(file.with_name("pets-" + file.name.rpartition("-")[2]))
    assert numbers("hf:somebody/pets") == (27, 3, 12)
    assert "hf:somebody/birds cannot be loaded: " in refusal("hf:somebody/birds")


def test_parts_have_the_roles_of_their_names_or_of_the_user_s_choice(library, tmp_path):
    parts = {"train": rows(library, 30), "validation": rows(library, 9), "test": rows(library, 12)}
    assert numbers(saved(library, tmp_path / "three", **parts)) == (30, 9, 12)
    del parts["test"]
    assert numbers(saved(library, tmp_path / "two", **parts)) == (27, 3, 9)
    odd = saved(library, tmp_path / "odd", extra=rows(library, 30), clean=rows(library, 12), rest=rows(library, 6))
    assert f"{odd} has no part to train on, only extra, clean, rest: choose one, as in {odd}?train=NAME" in refusal(odd)
    assert numbers(f"{odd}?train=extra&test=clean") == (27, 3, 12)
    assert "parts beside these are left out: rest" in opened(f"{odd}?train=extra&test=clean").found().notes
    assert "has no part none, only extra, clean, rest" in refusal(f"{odd}?train=none")
    assert "names one part twice" in refusal(f"{odd}?train=extra&test=extra")
    several = saved(library, tmp_path / "several", train=rows(library, 9), train_2=rows(library, 9))
    assert "has several train parts, train, train_2: choose one" in refusal(several)


def test_columns_go_by_their_features_or_the_user_s_choice(library, tmp_path):
    coarse = (library.ClassLabel(names=["pet", "wild"]), lambda label: label // 2)
    name = saved(library, tmp_path / "two", train=rows(library, 30, coarse=coarse))
    assert f"{name} has several columns of classes, label, coarse: choose one, as in {name}?label=NAME" in refusal(name)
    assert opened(f"{name}?label=coarse").class_names == ("pet", "wild")
    assert "columns: image, label" in opened(f"{name}?label=label").found().notes
    again = (library.Image(), lambda label: picture(label, 0))
    name = saved(library, tmp_path / "images", train=rows(library, 30, mask=again))
    assert "has several columns of images, image, mask" in refusal(name)
    assert numbers(f"{name}?image=mask&label=label") == (24, 3, 3)
    assert "has no column nothing; its columns are image (Image), label (ClassLabel)" in refusal(
        f"{name}?image=nothing"
    )
    assert "the column image of" in refusal(f"{name}?image=image&label=image")


@pytest.mark.parametrize("query", ["lable=a", "label", "label=", "label=a&label=b", "="])
def test_a_choice_that_is_none_is_refused(query):
    assert "each key once, of image, label, config, revision, train, validation, test" in refusal(f"hf:pets?{query}")


def test_places_that_are_not_there_are_refused(tmp_path):
    assert refusal(f"hf:{tmp_path}/none") == f"there is no folder and no file {tmp_path}/none"
    (tmp_path / "notes.txt").write_text("")
    assert refusal(f"hf:{tmp_path}/notes.txt") == f"{tmp_path}/notes.txt is neither a folder nor a parquet file"
    assert "hf:PATH_OR_NAME" in refusal("hf:")


def plain(library, place, kind, values):
    """Save pictures with a column `kind` of plain values instead of classes."""
    table = rows(library, len(values)).remove_columns("label")
    table = table.add_column("kind", values, feature=library.Value(kind))
    table.save_to_disk(place)
    return f"hf:{place}"


def test_texts_and_whole_numbers_are_classes_where_they_are_chosen(library, tmp_path):
    name = plain(library, tmp_path / "texts", "string", ["b", "c", "a"] * 10)
    assert "no column of" in refusal(name)
    assert f"choose one, as in {name}?label=NAME" in refusal(name)
    assert opened(f"{name}?label=kind").class_names == ("a", "b", "c")
    whole = plain(library, tmp_path / "whole", "int64", [10, 2, 7] * 10)
    found = opened(f"{whole}?label=kind")
    assert found.class_names == ("2", "7", "10")
    assert found.labels[0][:3].tolist() == [2, 0, 1]


def test_labels_that_are_no_classes_are_refused(library, tmp_path):
    floats = plain(library, tmp_path / "floats", "float32", [0.5, 1.5, 2.5] * 10)
    assert "the column kind of" in refusal(f"{floats}?label=kind")
    assert "holds no classes; the columns are image (Image), kind (float32)" in refusal(f"{floats}?label=kind")
    absent = plain(library, tmp_path / "absent", "string", ["a", None, "b"] * 10)
    assert "image 1 of the train part of" in refusal(f"{absent}?label=kind")
    same = plain(library, tmp_path / "same", "string", ["a"] * 30)
    assert "has one class alone: at least 2 are needed" in refusal(f"{same}?label=kind")
    few = saved(library, tmp_path / "few", train=rows(library, 30, classes=NAMES).select([*range(0, 30, 3), 1, 4, 2]))
    assert "the class fox has 1 training images: too few to hold some of them out" in refusal(few)
    empty = saved(library, tmp_path / "emptied", train=rows(library, 30), test=rows(library, 12).select([]))
    assert refusal(empty) == f"the test part of {empty} has no images"
    as_parquet(library, tmp_path / "empty")
    rows(library, 12).select([]).to_parquet(tmp_path / "empty" / "test-00000-of-00001.parquet")
    assert 'Instruction "test" corresponds to no data' in refusal(f"hf:{tmp_path / 'empty'}")
    strange = plain(library, tmp_path / "train", "string", ["a", "b"] * 15)
    parts = library.load_from_disk(strange[3:])
    other = library.load_from_disk(plain(library, tmp_path / "test", "string", ["a", "z"] * 3)[3:])
    both = saved(library, tmp_path / "both", train=parts, test=other)
    assert "the test part of" in refusal(f"{both}?label=kind")
    assert "has the label z, which no training image has" in refusal(f"{both}?label=kind")


def test_a_test_part_whose_labels_are_hidden_is_left_out(library, tmp_path):
    hidden = rows(library, 12).map(lambda row: {"label": -1})
    name = saved(library, tmp_path / "hidden", train=rows(library, 30), test=hidden)
    assert numbers(name) == (24, 3, 3)
    assert "the test part has no labels but -1: it is left out" in opened(name).found().notes


def test_classes_without_an_image_to_train_on_are_told(library, tmp_path):
    table = rows(library, 30).cast_column("label", library.ClassLabel(names=[*NAMES, "owl"]))
    found = opened(saved(library, tmp_path / "owl", train=table)).found()
    assert "to train on: 8 images of each class; none of 1 classes, such as owl" in found.notes


def test_grey_deep_and_many_channels(library, tmp_path):
    assert opened(saved(library, tmp_path / "grey", train=rows(library, 30, "L"))).channels == 1
    deep = rows(library, 30, "L").map(lambda row: {"image": Image.fromarray(np.asarray(row["image"], np.uint16) * 257)})
    assert load_images(saved(library, tmp_path / "deep", train=deep), Path()).train.images.float().mean() > 30
    rng = np.random.default_rng(0)
    for shape, read in (
        ((20, 30, 6), (6, 20, 30)),
        ((4, 20, 30), (4, 20, 30)),
        ((8, 9, 6), None),
        ((20, 30, 40), None),
    ):
        count, place = 20, tmp_path / "x".join(map(str, shape))
        values = {"image": rng.integers(0, 256, (count, *shape), dtype=np.uint8), "label": [0, 1] * (count // 2)}
        features = {"image": library.Array3D(shape, "uint8"), "label": library.ClassLabel(names=["a", "b"])}
        library.Dataset.from_dict(values, features=library.Features(features)).save_to_disk(place)
        if read is None:
            assert f"its shape {shape} does not tell which axis is the channels" in refusal(f"hf:{place}")
        else:
            assert load_images(f"hf:{place}", Path()).train.images.shape[1:] == read


def test_an_image_that_cannot_be_read_is_named(library, tmp_path):
    table = rows(library, 30, image=library.Image(decode=False))
    broken = [
        {"bytes": b"torn" if number == 4 else one["bytes"], "path": None} for number, one in enumerate(table["image"])
    ]
    features = library.Features({"image": library.Image(), "label": table.features["label"]})
    torn = library.Dataset.from_dict({"image": broken, "label": table["label"]}, features=features)
    split = load_images(saved(library, tmp_path / "torn", train=torn), Path())
    everything = (split.train, split.validation, split.test)
    places = [(part, at) for part in everything for at, number in enumerate(part.numbers.tolist()) if number == 4]
    ((part, at),) = places
    with pytest.raises(GeniusError, match=r"image 4 of hf:.*torn cannot be used: it is of no known form"):
        part.read(at)


def test_a_row_that_names_a_file_of_this_machine_does_not_have_it_read(library, tmp_path):
    picture(0, 0).save(tmp_path / "secret.png")
    values = {"image": [{"bytes": None, "path": str(tmp_path / "secret.png")}] * 6, "label": [0, 1] * 3}
    features = library.Features({"image": library.Image(decode=False), "label": library.ClassLabel(names=["a", "b"])})
    table = library.Dataset.from_dict(values, features=features)
    (tmp_path / "files").mkdir()
    table.to_parquet(tmp_path / "files" / "train.parquet")
    for place in (tmp_path / "files", tmp_path / "files" / "train.parquet"):
        assert "the row names a file and holds none" in refusal(f"hf:{place}")


def test_the_library_is_imported_where_such_a_data_set_is_opened_and_torch_is_not(library, tmp_path):
    name = saved(library, tmp_path / "pets", train=rows(library, 30))
    code = (
        "import sys, pathlib, genius\nfrom genius.training.data import find_data\n"
        "find_data('digits', pathlib.Path()).found()\nassert 'datasets' not in sys.modules\n"
        f"find_data({name!r}, pathlib.Path()).found()\nassert 'datasets' in sys.modules\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def test_without_the_library_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(GeniusError, match=r"need the package datasets: pip install 'genius-nas\[hf\]'"):
        opened(f"hf:{tmp_path}")


async def test_a_search_trains_on_it_and_keeps_how_it_was_split(library, tmp_path):
    name, notes = saved(library, tmp_path / "pets", train=rows(library, 60)), []
    asked = {"data": name, "recipe": "digits", "set": ["epochs=2", "augment=none", "batch=16"]}
    result = await genius.search(
        "own_images:ANY",
        proposer="largest",
        iterations=1,
        run=tmp_path / "run",
        progress=lambda step: step.note and notes.append(step.note),
        **asked,
    )
    (candidate,) = result.trials[0].candidates
    assert candidate.error is None
    assert notes[:4] == list(opened(name).found().notes[:4])
    (file,) = (tmp_path / "run").glob("evaluations/*/*/job.json")
    kept = json.loads(file.read_text())["found"]
    assert (kept["train"], kept["validation"], kept["test"]) == (48, 6, 6)
    assert kept["digest"] == load_images(name, Path()).digest
    settings = Settings.load(tmp_path / "run")
    assert Claim("training.data", name) in claims(settings)
