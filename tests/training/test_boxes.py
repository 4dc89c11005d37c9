"""Annotations as COCO has them: the parts, what is left out of them, and what is refused."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.training.boxes import load_boxes
from PIL import Image

WIDTH, HEIGHT = 40, 30


def annotations(boxes=((1, [2, 3, 10, 10], {}),), names=None, categories=((3, "dog"), (90, "cat")), **fields):
    """Write annotations of one image for each of some names, and boxes of the first one."""
    images = [
        {"id": 7 + at, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for at, name in enumerate(names or ["a.png"])
    ]
    told = [
        {"id": at, "image_id": 7, "category_id": categories[kind][0], "bbox": box, "segmentation": [[1, 2, 3]], **more}
        for at, (kind, box, more) in enumerate(boxes)
    ]
    kinds = [{"id": number, "name": name, "supercategory": "animal"} for number, name in categories]
    return {"info": {"year": 2017}, "images": images, "annotations": told, "categories": kinds, **fields}


@pytest.fixture
def coco(tmp_path):
    """Return a function that lays images and annotations out, and gives the name of the data."""

    def make(train=None, validation=None, parts=("train2017", "val2017"), root=tmp_path):
        (root / "annotations").mkdir(parents=True)
        for part, told in zip(parts, (train or annotations(), validation or annotations()), strict=True):
            (root / part).mkdir()
            Image.new("RGB", (WIDTH, HEIGHT)).save(root / part / "a.png")
            content = told if isinstance(told, str) else json.dumps(told)
            (root / "annotations" / f"instances_{part}.json").write_text(content)
        return f"coco:{root}"

    return make


def test_ids_with_gaps_become_labels_without(coco):
    found = load_boxes(coco(annotations([(1, [2, 3, 10, 10], {}), (0, [0, 0, 4, 6], {"area": 11.5})])))
    (image,) = found.train
    assert found.found.classes == ("dog", "cat")
    assert image.labels.tolist() == [1, 0]
    assert image.boxes.tolist() == [[2, 3, 12, 13], [0, 0, 4, 6]]
    assert image.areas.tolist() == [100, 11.5]
    assert image.path.endswith("train2017/a.png")


def test_what_is_left_out_is_said(coco):
    boxes = [
        (0, [2, 3, 10, 10], {}),
        (0, [-5, -5, 10, 10], {}),  # cut at the edges
        (0, [5, 5, 0, 10], {}),
        (0, [5, 5, -3, 10], {}),
        (0, [WIDTH, 5, 10, 10], {}),  # outside
        (0, [0, 0, 20, 20], {"iscrowd": 1, "segmentation": {"counts": [1], "size": [2, 2]}}),
    ]
    found = load_boxes(coco(annotations(boxes, names=["a.png", "b.png"])))
    (image,) = found.train
    assert image.boxes.tolist() == [[2, 3, 12, 13], [0, 0, 5, 5], [0, 0, 20, 20]]
    assert image.crowd.tolist() == [False, False, True]
    assert found.found.notes[1:] == (
        "images: 1 to train on, of train2017, with 2 boxes; 1 that are measured, of val2017, with 1 boxes",
        "1 images of train2017 have no box of a single object: nothing is learnt from them",
        "1 boxes are around crowds: nothing is learnt from them, and finding one is neither right nor wrong",
        "3 boxes without an area within their image are left out",
    )


def test_annotations_are_read_once_as_long_as_they_stay_the_same(coco):
    name = coco()
    first, again = load_boxes(name), load_boxes(name)
    assert again.train[0] is first.train[0]
    file = next(Path(name.removeprefix("coco:")).glob("annotations/*train*"))
    file.write_text(file.read_text() + " ")
    changed = load_boxes(name)
    assert changed.train[0] is not first.train[0]
    assert changed.found.digest != first.found.digest


@pytest.mark.parametrize("parts", [("train", "val"), ("train", "valid"), ("train2014", "validation2014")])
def test_parts_of_other_years_and_words(coco, parts):
    assert load_boxes(coco(parts=parts)).found.train == 1


def test_images_in_a_folder_of_their_own_and_annotations_beside_the_images(coco, tmp_path):
    name = coco(root=tmp_path / "one")
    (tmp_path / "one" / "images").mkdir()
    for part in ("train2017", "val2017"):
        (tmp_path / "one" / part).rename(tmp_path / "one" / "images" / part)
    assert load_boxes(name).train[0].path == str(tmp_path / "one" / "images" / "train2017" / "a.png")
    coco(root=tmp_path / "two")
    for part, called in (("train2017", "train"), ("val2017", "valid")):
        (tmp_path / "two" / part).rename(tmp_path / "two" / called)
        file = tmp_path / "two" / "annotations" / f"instances_{part}.json"
        file.rename(tmp_path / "two" / called / "_annotations.coco.json")
    assert load_boxes(f"coco:{tmp_path / 'two'}").found.validation == 1


def test_of_several_years_one_is_named(coco, tmp_path):
    name = coco()
    coco(parts=("train2014", "val2014"), root=tmp_path / "more")
    for folder in ("train2014", "val2014", "annotations"):
        for file in (tmp_path / "more").glob(f"{folder}/*" if folder == "annotations" else folder):
            file.rename(tmp_path / ("annotations" if folder == "annotations" else "") / file.name)
    with pytest.raises(
        GeniusError, match=r"several parts for train, train2014 and train2017: name one, as in coco:.*\?train="
    ):
        load_boxes(name)
    chosen = load_boxes(f"{name}?train=train2017&validation=val2014")
    assert "train2017" in chosen.train[0].path
    assert "val2014" in chosen.validation[0].path
    with pytest.raises(GeniusError, match="no part val2019; there are train2014"):
        load_boxes(f"{name}?train=train2017&validation=val2019")
    with pytest.raises(GeniusError, match="alone, got test="):
        load_boxes(f"{name}?test=val2014")


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../a.png", "b/../../a.png", "..", "", "C:\\a.png", "b\\..\\..\\a.png", "\\\\host\\a.png"],
)
def test_a_file_name_leads_to_no_place_outside(coco, name):
    with pytest.raises(GeniusError, match="only files below the folder of images are read"):
        load_boxes(coco(annotations(names=[name])))


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="there are no links")
def test_a_link_leads_to_no_place_outside(coco, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"")
    name = coco(annotations(names=["b.png"]))
    (tmp_path / "train2017" / "b.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(GeniusError, match=r"'b.png' leads out of the folder of images"):
        _ = load_boxes(name).train[0].path


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("{", "holds no annotations of COCO's: it is no JSON"),
        ("[]", "holds no annotations of COCO's: a record must be an object"),
        (annotations(images="all"), "images must be a list"),
        (annotations([(0, [1, 2, 3], {})]), "annotations.0.bbox"),
        (annotations([(0, [1, 2, 3, "4"], {})]), "annotations.0.bbox.3 must be a number"),
        (annotations([(0, [1, 2, 3, 1e400], {})]), "annotations.0.bbox.3"),
        (annotations([(0, [1, 2, 3, 4], {"iscrowd": 2})]), "annotations.0.iscrowd"),
        (
            annotations([(0, [1, 2, 3, 4], {"image_id": 99})]),
            "a box of image 99 and category 3: one of them is not there",
        ),
        (annotations([(0, [1, 2, 3, 4], {"category_id": 4})]), "a box of image 7 and category 4: one of them is not"),
        (annotations(categories=((3, "dog"), (3, "cat"))), "gives the id 3 of a category twice"),
        (
            annotations(images=[{"id": 1, "file_name": "a", "width": 1, "height": 1}] * 2),
            "gives the id 1 of an image twice",
        ),
        (annotations([], names=["a.png"]), "has no box of a single object"),
        (annotations([(0, [0, 0, 5, 5], {"iscrowd": 1})]), "has no box of a single object"),
        (
            annotations(categories=((3, "dog"), (90, "cow"))),
            "have different categories: 'cat' with the id 90 is in one",
        ),
    ],
)
@pytest.mark.parametrize("at", ["train", "validation"])
def test_annotations_that_cannot_be_meant_are_refused(coco, changed, words, at):
    with pytest.raises(GeniusError) as caught:
        load_boxes(coco(**{at: changed}))
    assert words in str(caught.value).replace("'cow'", "'cat'")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits", "name their folder as coco:PATH, got 'digits'"),
        ("coco:", "name their folder as coco:PATH"),
        ("coco:/no/such/folder", "there is no folder /no/such/folder: COCO's folder holds train2017/"),
    ],
)
def test_other_data_are_refused(name, words):
    with pytest.raises(GeniusError) as caught:
        load_boxes(name)
    assert words in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(GeniusError, match="has no part train: COCO's folder holds"):
        load_boxes(f"coco:{tmp_path}")


def test_many_boxes_are_read_as_arrays(coco):
    boxes = [(at % 2, [at % 30, at % 20, 5, 5], {}) for at in range(1_000)]
    (image,) = load_boxes(coco(annotations(boxes))).train
    assert image.boxes.shape == (1_000, 4)
    assert np.isin(image.labels, [0, 1]).all()
