"""Detectors: their weights, their training on drawn shapes, kills, broken images, and COCO's AP."""

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.graph.bundle import ExportOptions
from genius.graph.detectors import find_classifier, plan_detection
from genius.record.settings import TrainingSettings
from genius.spaces import get_space
from genius.training import saving
from genius.training.average_precision import Found, average_precision, check_pycocotools
from genius.training.batches import ALONE, Rank
from genius.training.box_batches import BoxSource, TrainingBoxes
from genius.training.boxes import BoxedImage, load_boxes
from genius.training.card import PHOTOGRAPHS, Card, Input
from genius.training.detection import Detection, build_detector, check_recipe
from genius.training.job import read_epochs
from genius.training.learn import do_job, learn
from genius.training.recipes import RECIPES, learning_rate, override
from genius.training.weights import write_weights
from safetensors.torch import load_file
from torchvision.models.detection import RetinaNet

from .shapes import NAME, SPACE, write_shapes

pytest.importorskip("pycocotools")

CPU = torch.device("cpu")
SMALL = ("size=64", "longest=96", "pyramid=16", "epochs=3", "milestones=2", "batch=4", "skip_broken=false")
INPUT = Input(3, 96, 1.0, True, PHOTOGRAPHS.mean, PHOTOGRAPHS.sd)


class Killed(Exception):
    """Ends a training as a kill would, in the middle."""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root, train=12, validation=4)
    return root


@pytest.fixture
def weights(tmp_path):
    """Write the weights of a classifier of five classes."""
    torch.manual_seed(3)
    network = SPACE.build((0,), 5)
    for name, buffer in network.named_buffers():
        if "running_var" in name:
            buffer.fill_(2.0)
    path = tmp_path / "weights.safetensors"
    write_weights(network, Card(NAME, (0,), tuple("abcde"), INPUT), path)
    return path


@pytest.fixture
def job_of(shapes, tmp_path):
    """Plan trainings of a detector, short unless told otherwise."""

    def make(*settings, weights=None, out="job", data=f"coco:{shapes}", **fields):
        classifier = find_classifier(NAME, "[0]", weights, ExportOptions(tmp_path), scratch=weights is None)
        asked = TrainingSettings(recipe_changes=(*SMALL, *settings), device="cpu")
        job, _ = plan_detection(classifier, data, asked, out=tmp_path / out, downloads=tmp_path)
        return replace(job, **fields)

    return make


@pytest.fixture
def save_always(monkeypatch):
    monkeypatch.setattr(saving, "_LEAST", 0)
    monkeypatch.setattr(saving, "_TIMES", 0)


def test_each_of_the_weights_reaches_the_backbone(job_of, weights):
    job = job_of(weights=weights)
    built = build_detector(job, SPACE, 3)
    told, found = load_file(weights), built.detector.backbone.body.state_dict()
    assert {name for name in told if name not in found} == {"linear.weight", "linear.bias"}
    assert built.left_out == ("linear",)
    assert all(torch.equal(found[name], told[name]) for name in found)
    assert len(found) > 20


def test_weights_of_another_network_are_refused(job_of, weights):
    with pytest.raises(GeniusError, match="holds the weights of another network"):
        find_classifier("nas-bench-macro", "00000000", weights, ExportOptions(weights.parent))
    with pytest.raises(GeniusError, match="name the weights with --weights"):
        find_classifier(NAME, "[0]", None, ExportOptions(weights.parent))
    job = job_of(weights=weights)
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(GeniusError, match="has changed since this training was planned"):
        learn(job)


def test_loaded_batch_norm_is_frozen_and_another_is_trained(job_of, weights):
    def norms(job):
        built = build_detector(job, SPACE, 3)
        built.detector.train()
        modules = [each for each in built.detector.backbone.body.modules() if isinstance(each, torch.nn.BatchNorm2d)]
        assert modules
        return {(each.training, each.weight.requires_grad) for each in modules}

    assert norms(job_of(weights=weights)) == {(False, False)}
    assert norms(job_of("frozen_bn=false", weights=weights)) == {(True, True)}
    assert norms(job_of()) == {(True, True)}


def test_a_training_with_frozen_batch_norm_leaves_it_as_it_was(job_of, weights):
    job = job_of("epochs=1", "milestones=", weights=weights)
    assert learn(job).error is None
    before, after = load_file(weights), load_file(job.files.weights)
    frozen = [name for name in before if "running" in name]
    assert frozen
    assert all(torch.equal(after[f"backbone.body.{name}"], before[name]) for name in frozen)
    moved = [name for name in before if before[name].ndim == 4]
    assert all(not torch.equal(after[f"backbone.body.{name}"], before[name]) for name in moved)


@pytest.mark.parametrize("name", ["digits", "nas-bench-macro", "mobile-imagenet", "nas-bench-201-cifar10"])
def test_a_detector_stands_on_every_space(name):
    from genius.training.detection_job import DetectionJob

    space = get_space(name)
    architecture = (0,) * len(space.decisions) if name != "nas-bench-201-cifar10" else (3,) * 6
    channels, *_, size = space.shape
    taken = Input(channels, size, 1.0, True, (0.5,) * channels, (0.5,) * channels)
    job = DetectionJob(
        space=name,
        architecture=architecture,
        classifier=taken,
        data="coco:x",
        recipe=override(RECIPES.find("detect-coco"), SMALL),
        folder="f",
        downloads="d",
    )
    detector = build_detector(job, space, 4).detector
    losses = detector(
        [torch.rand(channels, 70, 50)] * 2,
        [{"boxes": torch.tensor([[3.0, 4, 30, 40]]), "labels": torch.tensor([3])}] * 2,
    )
    assert all(loss.isfinite() for loss in losses.values())
    found = detector.eval()([torch.rand(channels, 80, 64)])
    assert found[0]["boxes"].shape[1] == 4


def test_anchors_begin_with_four_strides(job_of):
    detector = build_detector(job_of(), SPACE, 3).detector
    assert [sizes[0] for sizes in detector.anchor_generator.sizes] == [32, 64, 128, 256, 512]


def test_it_learns_and_tells_of_every_epoch(job_of):
    told, job = [], job_of("epochs=6", "milestones=5", "lr=0.02", "clip=5")
    measurement = do_job(job, told.append)
    assert [epoch.epoch for epoch in told] == list(range(1, 7))
    assert told[-1].loss < 0.9 * told[0].loss
    assert told[-1].value == measurement.value
    assert 0 <= measurement.value <= 100
    assert {"AP50", "AP75"} <= measurement.metrics.keys() == told[-1].metrics.keys()
    assert read_epochs(job.files.epochs) == told
    assert json.loads(job.files.answer.read_text())["metrics"] == measurement.metrics


@pytest.mark.parametrize("epochs", [(1,), (1, 2)])
def test_a_training_that_is_killed_reaches_the_same_weights(job_of, weights, save_always, epochs):
    whole, broken = job_of(weights=weights, out="whole"), job_of(weights=weights)
    expected = learn(whole)

    def kill(told):
        if told.epoch in epochs:
            raise Killed

    for _ in epochs:
        with pytest.raises(Killed):
            learn(broken, kill)
    torch.rand(3)
    told = []
    measurement = do_job(broken, told.append)
    assert (measurement.value, measurement.metrics) == (expected.value, expected.metrics)
    assert [epoch.epoch for epoch in told] == list(range(epochs[-1] + 1, 4))
    assert broken.files.weights.read_bytes() == whole.files.weights.read_bytes()


def test_it_does_not_matter_how_many_processes_read_the_images(job_of):
    alone, read = (learn(job_of("epochs=1", "milestones=", out=str(n), loaders=n)) for n in (0, 2))
    assert (alone.value, alone.metrics) == (read.value, read.metrics)


def test_mirrored_boxes_stay_on_their_shapes(shapes):
    images = load_boxes(f"coco:{shapes}").train
    source = BoxSource(images, 3, override(RECIPES.find("detect-coco"), SMALL), CPU, 0, set())
    plain = BoxSource(images, 3, override(RECIPES.find("detect-coco"), (*SMALL, "augment=none")), CPU, 0, set())
    mirrored = 0
    for (changed, targets), (whole, _) in zip(
        TrainingBoxes(source, 0, ALONE).epoch(0), TrainingBoxes(plain, 0, ALONE).epoch(0), strict=True
    ):
        for image, target, other in zip(changed, targets, whole, strict=True):
            mirrored += not torch.equal(image, other)
            for left, top, right, bottom in target["boxes"].int().tolist():
                middle = image[:, (top + bottom) // 2, (left + right) // 2]
                assert middle.min() > 100 / 255  # shapes are bright, the ground is dark
    assert 0 < mirrored < len(images)


def test_the_shares_of_a_batch_are_the_batch(shapes):
    images = load_boxes(f"coco:{shapes}").train
    source = BoxSource(images, 3, override(RECIPES.find("detect-coco"), SMALL), CPU, 0, set())
    whole, *halves = (
        [[image.sum().item() for image in batch[0]] for batch in TrainingBoxes(source, 1, rank).epoch(2)]
        for rank in (ALONE, Rank(0, 2), Rank(1, 2))
    )
    assert whole == [one + other for one, other in zip(*halves, strict=True)]


@pytest.fixture
def broken_shapes(tmp_path):
    """Write shapes: one image to train on is broken, one is not there, and one has another size than is said."""
    root = tmp_path / "broken"
    write_shapes(root, train=12, validation=4)
    names = sorted((root / "train2017").iterdir())
    names[0].write_bytes(b"no image")
    names[1].unlink()
    file = root / "annotations" / "instances_train2017.json"
    told = json.loads(file.read_text())
    told["images"][2]["width"] += 20
    file.write_text(json.dumps(told))
    (root / "val2017" / f"{0:012}.png").write_bytes(b"")
    return f"coco:{root}"


def test_broken_images_end_a_training_by_name_or_are_left_out(job_of, broken_shapes, capsys):
    with pytest.raises(GeniusError, match=r"mend or remove it, or leave such files out: skip_broken=true"):
        learn(job_of(data=broken_shapes, out="one"))
    measurement = learn(job_of("skip_broken=true", data=broken_shapes, out="two"))
    assert measurement.error is None
    assert "image files left out: 4, among them: " in capsys.readouterr().err


def test_annotations_that_changed_are_refused(job_of, shapes, tmp_path):
    write_shapes(tmp_path / "mine", train=4, validation=2, seed=1)
    job = job_of(data=f"coco:{tmp_path / 'mine'}")
    file = tmp_path / "mine" / "annotations" / "instances_val2017.json"
    file.write_text(file.read_text() + " ")
    with pytest.raises(GeniusError, match="have changed since this training was planned"):
        learn(job)


def test_a_detector_that_cannot_fit_is_refused_before_it_is_trained(job_of):
    measurement = learn(job_of(memory_limit=1_000_000))
    assert measurement.failure == "too large"
    assert "the detector has 0." in measurement.error


def boxed(boxes, labels, crowd=None, areas=None):
    corners = np.array(boxes, float).reshape(-1, 4)
    sides = corners[:, 2:] - corners[:, :2]
    marks = np.array(crowd or [False] * len(labels), bool)
    return BoxedImage(None, "", 200, 200, corners, np.array(labels), marks, np.array(areas or sides.prod(1), float))


def found(image, boxes, labels, scores):
    return Found(image, np.array(boxes, float).reshape(-1, 4), np.array(labels, int), np.array(scores, float))


def test_ap_of_known_boxes(capsys):
    images = [boxed([[0, 0, 20, 20], [50, 50, 150, 150]], [0, 1]), boxed([[10, 10, 60, 60]], [0])]
    right = [
        found(0, [[0, 0, 20, 20], [50, 50, 150, 150]], [0, 1], [0.9, 0.8]),
        found(1, [[10, 10, 60, 60]], [0], [0.7]),
    ]
    value, more = average_precision(images, right, 2)
    assert {"AP": value, **more} == pytest.approx(
        dict.fromkeys(("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"), 100)
    )
    # a box that covers 0.6 of the object counts at the thresholds of 0.5, 0.55 and 0.6, three of ten
    value, more = average_precision([boxed([[0, 0, 10, 10]], [0])], [found(0, [[0, 0, 6, 10]], [0], [0.9])], 1)
    assert value == pytest.approx(30)
    assert more == pytest.approx({"AP50": 100, "AP75": 0, "AP_small": 30})
    wrong = [found(0, [[0, 0, 20, 20], [50, 50, 150, 150]], [1, 0], [0.9, 0.8]), found(1, [], [], [])]
    assert average_precision(images, wrong, 2)[0] == 0
    assert average_precision(images, [found(0, [], [], []), found(1, [], [], [])], 2)[0] == 0
    assert capsys.readouterr().out == ""


def test_a_crowd_is_neither_right_nor_wrong():
    image = boxed([[0, 0, 20, 20], [50, 50, 150, 150]], [0, 0], crowd=[False, True])
    value, _ = average_precision([image], [found(0, [[60, 60, 80, 80], [0, 0, 20, 20]], [0, 0], [0.99, 0.9])], 1)
    assert value == pytest.approx(100)


def test_the_area_is_that_of_the_object_where_it_is_told():
    image = boxed([[0, 0, 100, 100]], [0], areas=[500.0])
    _, more = average_precision([image], [found(0, [[0, 0, 100, 100]], [0], [0.9])], 1)
    assert more["AP_small"] == pytest.approx(100)
    assert "AP_large" not in more


def test_without_pycocotools_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.cocoeval", None)
    with pytest.raises(GeniusError, match=r"COCO's AP needs a package .*: pip install 'genius-nas\[detect\]'"):
        check_pycocotools()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("size=0", "set size, their shorter side"),
        ("longest=32", "at least the size of 64, got 32"),
        ("augment=crop-flip", "augmented by none or flip, got augment=crop-flip"),
        ("label_smoothing=0.1", "trained without label_smoothing: set label_smoothing=0"),
        ("compile=default", "trained without compile: set compile=off"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(setting, words):
    with pytest.raises(GeniusError, match=words):
        check_recipe(override(RECIPES.find("detect-coco"), [*SMALL, setting]))


def test_the_rate_warms_up_and_drops_at_the_milestones():
    recipe = RECIPES.find("detect-coco")
    rates = [learning_rate(recipe, step, 1200) for step in range(1200)]
    assert rates[0] == pytest.approx(0.01 / 11)
    assert rates[:11] == sorted(rates[:11])
    assert {round(rate, 9) for rate in rates[10:800]} == {0.01}
    assert {round(rate, 9) for rate in rates[800:1100]} == {0.001}
    assert {round(rate, 9) for rate in rates[1100:]} == {0.0001}


@pytest.mark.parametrize("amp", ["on", "off"])
def test_boxes_are_computed_in_full_precision(job_of, amp):
    opened = Detection.open(job_of(f"amp={amp}", "batch=2"), CPU, ALONE)
    images, targets = next(iter(opened.batches().epoch(0)))
    told = []
    opened.network.head.register_forward_hook(lambda *given: told.extend(given[2].values()))
    with torch.autocast("cpu", torch.bfloat16, enabled=amp == "on"):
        opened.loss(opened.network.train(), (images, targets), opened.job.recipe)
    assert [each.dtype for each in told] == [torch.float32] * 2
    assert all(each.dtype == torch.float32 for each in opened.network.anchor_generator.cell_anchors)
    assert learn(job_of(f"amp={amp}", "epochs=1", "milestones=")).error is None


AVX2 = """
import sys
from pathlib import Path
from genius.training.detection_job import DetectionJob
from genius.training.learn import learn

assert learn(DetectionJob.load(Path(sys.argv[1]))).error is None
"""


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="the kernels are those of x86")
@pytest.mark.parametrize("isa", ["AVX2", "ALL"])
def test_no_kernel_writes_outside_of_its_memory(job_of, shapes, tmp_path, isa):
    """The strided 1×1 convolutions of `nas-bench-macro` are trained without their stride, as in classification."""
    classifier = find_classifier("nas-bench-macro", "00000000", None, ExportOptions(tmp_path), scratch=True)
    asked = TrainingSettings(recipe_changes=(*SMALL, "epochs=1", "milestones="), device="cpu")
    job, _ = plan_detection(classifier, f"coco:{shapes}", asked, out=tmp_path / "job", downloads=tmp_path)
    told = {"MALLOC_CHECK_": "3", "LD_PRELOAD": "libc_malloc_debug.so.0", "ONEDNN_VERBOSE": "1"}
    environment = {**os.environ, **told, "ONEDNN_MAX_CPU_ISA": isa}
    command = [sys.executable, "-c", AVX2, str(job.save())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    gradients = [line for line in done.stdout.splitlines() if "convolution" in line and "backward_weights" in line]
    assert gradients
    assert not [line for line in gradients if re.search(r"kh1sh[2-9].*kw1sw[2-9]", line)]


TOGETHER = """
import sys
from pathlib import Path
from genius.training.detection_job import DetectionJob
from genius.training.learn import do_job
from genius.training.torchrun import joined

with joined(DetectionJob.load(Path(sys.argv[1]))) as (job, rank):
    do_job(job, rank=rank)
"""


def test_two_processes_train_as_one_does(job_of, weights, tmp_path):
    job = job_of("batch=4", "epochs=2", "milestones=", "augment=none", weights=weights, out="two")
    (tmp_path / "train.py").write_text(TOGETHER)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*torchrun, str(tmp_path / "train.py"), str(job.save())], check=True, timeout=200)
    together, alone = json.loads(job.files.answer.read_text()), learn(replace(job, folder=tmp_path / "one"))
    assert together["value"] == pytest.approx(alone.value, abs=1)
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    assert all(torch.allclose(one[name], two[name], atol=1e-3) for name in one)
    assert len(job.files.epochs.read_text().splitlines()) == 2


def test_the_detector_is_torchvisions(job_of):
    opened = Detection.open(job_of(), CPU, ALONE)
    assert type(opened.network) is RetinaNet
    assert opened.test(opened.network) is None
