"""Image folders as people have them: parts by any name, wrapped, with what systems and programs leave there."""

import os
import shutil

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.graph.final import Subject, plan_training
from genius.record.settings import TrainingSettings
from genius.spaces import get_space
from genius.training.data import find_data
from genius.training.images import load_images
from genius.training.job import TrainingJob
from PIL import Image

PIXEL = Image.fromarray(np.full((4, 4, 3), 90, np.uint8))


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIXEL.save(path)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "pets"


def fill(folder, each=5, classes=("cat", "dog")):
    for name in classes:
        for number in range(each):
            image(folder / name / f"{number}.png")


def split(root):
    return find_data(f"folder:{root}", root).split()


def numbers(root):
    found = split(root).found
    return found.train, found.validation, found.test


def refusal(root):
    with pytest.raises(GeniusError) as caught:
        load_images(f"folder:{root}", root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


NAMES = ["train", "Train", "TRAINING", "training_set", "training-set", "Training Data", "train2017", "trainset"]


@pytest.mark.parametrize("name", NAMES)
def test_the_training_part_is_known_by_its_names(root, name):
    fill(root / name)
    fill(root / "test", 2)
    assert numbers(root) == (8, 2, 4)


@pytest.mark.parametrize("name", ["test", "Test", "test_set", "testing", "TestSet", "test_images"])
def test_the_test_part_is_for_the_final_test_alone(root, name):
    fill(root / "train")
    fill(root / name, 2)
    found = split(root)
    assert {path.split(os.sep)[-3] for path in found.test.paths} == {name}
    assert {path.split(os.sep)[-3] for path in (*found.train.paths, *found.validation.paths)} == {"train"}
    assert f"4 for the final test alone, of {root / name}" in found.found.notes[1]


@pytest.mark.parametrize("name", ["val", "Val", "valid", "validation", "Validation_Set", "dev"])
def test_a_validation_part_steers_where_there_is_a_test_part_and_else_tests(root, name):
    fill(root / "train")
    fill(root / name, 3)
    assert numbers(root) == (8, 2, 6)
    fill(root / "test", 1)
    assert numbers(root) == (10, 6, 2)
    assert f"6 that steer the search, of {root / name}; 2 for the final test alone" in split(root).found.notes[1]


@pytest.mark.parametrize("wrapping", ["images", "archive/images", "Images/pets v1"])
def test_an_image_folder_may_lie_further_in(root, wrapping):
    fill(root / wrapping / "train")
    fill(root / wrapping / "test", 2)
    (root / "labels.csv").write_text("")
    if wrapping == "images":
        (root / "annotations").mkdir()
    assert numbers(root) == (8, 2, 4)
    assert f"of {root / wrapping / 'train'}" in split(root).found.notes[1]


def test_classes_may_lie_further_in(root):
    fill(root / "pets")
    assert split(root).classes == ("cat", "dog")


def test_a_class_may_be_called_like_a_part(root):
    fill(root, classes=("bus", "train", "valid ticket"))
    assert split(root).classes == ("bus", "train", "valid ticket")


def test_two_parts_of_a_kind_one_alone_or_without_classes_are_refused(root, tmp_path):
    fill(root / "train")
    fill(root / "Training")
    assert refusal(root) == f"{root} holds two train parts, Training and train: move one away"
    shutil.rmtree(root / "Training")
    image(root / "test" / "1.png")
    assert refusal(root) == f"{root / 'test'} holds images, and no folder for each class: sort them, or move it away"
    shutil.rmtree(root / "train")
    fill(root / "validation")
    found = "expected a folder for each class, or train/ (and val/, test/) with a folder for each class in them; found "
    assert refusal(root) == f"{root} cannot be read as an image folder: {found}test/, validation/"
    fill(tmp_path / "intel" / "seg_train")
    fill(tmp_path / "intel" / "seg_test")
    assert refusal(tmp_path / "intel").endswith(f"{found}seg_test/, seg_train/")
    for part in ("train", "test"):
        image(tmp_path / "flat" / part / "1.png")
    assert refusal(tmp_path / "flat").endswith(f"{found}test/, train/")
    for name in ("one", "two"):
        fill(tmp_path / "several" / name / "train")
    assert refusal(tmp_path / "several").endswith("holds several image folders, one and two: name one of them")


def test_a_single_class_and_nothing_are_refused(root):
    root.mkdir()
    assert "at least 2 classes, got 0" in refusal(root)
    fill(root / "train", classes=("cat",))
    assert refusal(root) == f"{root / 'train'} must hold a folder of images for each of at least 2 classes, got 1"


@pytest.mark.parametrize("part", ["train", "test"])
def test_classes_that_are_not_in_all_parts_or_are_empty_are_refused(root, part):
    fill(root / "train")
    fill(root / "test", 2)
    (root / part / "owl").mkdir()
    other = "test" if part == "train" else "train"
    said = f"{root / 'train'} has classes without" if part == "train" else f"{root / 'test'} has other classes"
    assert refusal(root).startswith(said)
    assert "owl" in refusal(root)
    (root / other / "owl").mkdir()
    image(root / part / "owl" / "1.png")
    image(root / part / "owl" / "2.png")
    assert refusal(root) == f"{root / other} has classes without an image: owl; fill or remove their folders"


HIDDEN = ["._0.png", ".DS_Store", "~0.png", "Thumbs.db", "desktop.ini"]
HIDDEN_FOLDERS = [
    ".ipynb_checkpoints",
    "__MACOSX",
    "@eaDir",
    "$RECYCLE.BIN",
    ".thumbnails",
    "System Volume Information",
]


def test_what_systems_leave_is_neither_a_class_nor_an_image(root):
    fill(root / "train")
    for where in (root, root / "train", root / "train" / "cat"):
        for name in HIDDEN:
            image(where / f"{name}.png")
            (where / f"{name}.png").rename(where / name)
        for name in HIDDEN_FOLDERS:
            image(where / name / "0.png")
    found = split(root)
    assert found.classes == ("cat", "dog")
    assert numbers(root) == (6, 2, 2)
    assert len(found.found.notes) == 4  # classes, images, their balance, the rule; nothing is odd


def test_what_is_odd_is_told(root):
    fill(root / "train", classes=("cat", "Cat", "dog"))
    image(root / "train" / "dog" / "puppies" / "small" / "9.png")
    image(root / "train" / "stray.png")
    (root / "train" / "dog" / "list.csv").write_text("")
    (root / "train" / "cat" / "README").write_text("")
    (root / "extra").mkdir()
    found = split(root)
    assert found.found.train + found.found.validation + found.found.test == 16
    assert found.found.notes[0] == "3 classes: Cat, cat, dog"
    notes, train = found.found.notes[4:], root / "train"
    assert notes[0] == "folders beside the parts are left out: extra"
    assert notes[1].startswith(f"{train}: files that are no images of a class are left out: ")
    assert set(notes[1].rpartition(": ")[2].split(", ")) == {"1 of .csv", "1 of .png", "1 of no ending"}
    assert notes[2] == f"{train}: classes that differ in letter case alone are taken as they are: Cat, cat"
    assert notes[3] == f"{train}: images in folders within a class's folder are taken as that class's: 1 of dog"


def test_a_training_is_told_what_was_found_and_its_job_keeps_it(root, tmp_path):
    fill(root / "train", classes=("cat", "d\x1b[31mog"))
    fill(root / "val", 2, classes=("cat", "d\x1b[31mog"))
    subject = Subject(get_space("nas-bench-macro"), "nas-bench-macro", (0,) * 8)
    asked = TrainingSettings(data=f"folder:{root}", recipe="nas-bench-macro", recipe_changes=("size=16",))
    job, said = plan_training(subject, asked, out=tmp_path / "job", downloads=tmp_path)
    assert said[0] == "2 classes: cat, d\\x1b[31mog"
    assert said[1].startswith("images: 8 to train on, of ")
    assert TrainingJob.load(job.save()) == job
    assert (job.found.classes, job.found.train, job.found.test) == (("cat", "d\x1b[31mog"), 8, 4)
    assert plan_training(subject, asked, out=tmp_path / "job", downloads=tmp_path)[0] == job
    fill(root / "val", 3, classes=("cat", "d\x1b[31mog"))
    with pytest.raises(GeniusError, match=r"has changed since the training of .*job began: put it back, or name anoth"):
        plan_training(subject, asked, out=tmp_path / "job", downloads=tmp_path)


async def test_a_search_is_told_what_was_found(root, tmp_path, monkeypatch):
    import genius

    fill(root / "train")
    steps = []
    options = {"data": f"folder:{root}", "recipe": "nas-bench-macro", "set": ("size=8", "epochs=0")}
    with pytest.raises(GeniusError, match="epochs must be"):
        await genius.search("nas-bench-macro", proposer="random", run=tmp_path / "none", **options)
    options["set"] = ("size=8", "epochs=1", "batch=4")
    await genius.search(
        "nas-bench-macro", proposer="random", iterations=1, run=tmp_path / "run", progress=steps.append, **options
    )
    notes = [step.note for step in steps if step.stage == "note"]
    assert notes[0] == "2 classes: cat, dog"
    assert notes[1].startswith("images: 6 to train on, of ")
    (job,) = (tmp_path / "run").glob("evaluations/trial-1/*/job.json")
    assert TrainingJob.load(job).found.classes == ("cat", "dog")


def test_links_that_lead_in_circles_end(root):
    fill(root / "train")
    for name in ("cat", "dog"):
        (root / "train" / name / "up").symlink_to(root / "train")
        (root / "train" / name / "self").symlink_to(root / "train" / name)
        (root / "train" / name / "loop").symlink_to(root / "train" / name / "loop")
    away = root.parent / "more cats"
    fill(away, classes=("",))
    (away / "again").symlink_to(away)
    (root / "train" / "cat" / "away").symlink_to(away)
    found = list(split(root).train.labels) + list(split(root).validation.labels) + list(split(root).test.labels)
    assert (found.count(0), found.count(1)) == (10, 5)


def test_folders_far_in_do_not_exhaust_the_stack(root):
    fill(root / "train")
    deep = [f"{root}/train/dog/deep" + "/d" * depth for depth in range(1200)]
    for folder in deep:
        os.mkdir(folder)
    assert sum(numbers(root)) == 10
    for folder in reversed(deep):  # it would exhaust pytest's, too
        os.rmdir(folder)


def test_images_of_one_class_lie_in_the_order_of_their_folders(root):
    """A split is of the images in this order, and must be the same for whoever has them."""
    for name in ("b.png", "a.png", "B/z.png", "a/y.png", "a-b/x.png", "é.png"):
        image(root / "cat" / name)
    fill(root, classes=("dog",), each=6)
    from torchvision.datasets import ImageFolder

    expected = [path for path, _ in ImageFolder(str(root)).samples]
    found = split(root)
    assert sorted({*found.train.paths, *found.validation.paths, *found.test.paths}) == sorted(expected)
    train = [path for path in expected if path in found.train.paths]
    assert list(found.train.paths) == train
