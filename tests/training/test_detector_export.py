"""Bundles of detectors: what somebody without this package finds by them, and what is refused."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from genius.errors import GeniusError
from genius.graph.bundle import ExportOptions
from genius.graph.detectors import find_classifier, find_detector, plan_detection
from genius.record.settings import TrainingSettings
from genius.training.detector_export import export_detector
from genius.training.learn import do_job
from safetensors.torch import load_file

from .shapes import NAME, write_shapes

pytest.importorskip("pycocotools")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

SETTINGS = ("size=160", "longest=224", "pyramid=16", "epochs=4", "milestones=3", "batch=4", "lr=0.02", "clip=5")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a detector on shapes, and return its folder."""
    root = tmp_path_factory.mktemp("detector")
    write_shapes(root / "shapes", train=16, validation=2)
    classifier = find_classifier(NAME, "[1]", None, ExportOptions(root), scratch=True)
    asked = TrainingSettings(recipe_changes=(*SETTINGS, "measure_every=0"), device="cpu")
    job, _ = plan_detection(classifier, f"coco:{root / 'shapes'}", asked, out=root / "job", downloads=root)
    job.save()
    assert do_job(job).error is None
    return root / "job"


@pytest.fixture(scope="module")
def bundle(trained):
    detector, origin = find_detector(str(trained), None, trust=True)
    export_detector(detector, trained.parent / "bundle", onnx=False, provenance=origin)
    return trained.parent / "bundle"


@pytest.fixture(scope="module")
def bundle_with_onnx(trained):
    detector, origin = find_detector(str(trained), None, trust=True)
    export_detector(detector, trained.parent / "onnx", onnx=True, provenance=origin)
    return trained.parent / "onnx"


def finder(bundle, images, kind):
    source = bundle.parent / "images.npz"
    np.savez(source, *images)
    command = [sys.executable, "-I", str(Path(__file__).with_name("finder.py")), str(bundle), str(source), kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    return [[np.array(each) for each in one] for one in json.loads(done.stdout)]


@pytest.mark.parametrize("kind", ["bundle", pytest.param("bundle_with_onnx", marks=pytest.mark.heavy)])
def test_somebody_else_finds_the_same_boxes_in_images_of_any_size(trained, kind, request):
    bundle = request.getfixturevalue(kind)
    detector, _ = find_detector(str(trained), None, trust=True)
    sizes = [(160, 224), (224, 160), (160, 160), (160, 173)]  # none of which the resizing would change
    images = [np.random.default_rng(n).random((1, 3, *size), np.float32) for n, size in enumerate(sizes)]
    network = detector.detector
    # without suppression RetinaNet gives all candidates: of nearly equal ones a runtime keeps one or another
    network.score_thresh, network.nms_thresh = 0.0, 1.0
    network.topk_candidates = network.detections_per_img = 10**6
    found = finder(bundle, images, "onnx" if "onnx" in kind else "")
    for image, (boxes, scores, labels) in zip(images, found, strict=True):
        with torch.no_grad():
            (expected,) = network([torch.from_numpy(image[0])])
        assert scores[0] == pytest.approx(float(expected["scores"].max()), abs=1e-4)
        for box, score, label in zip(boxes[:20], scores, labels, strict=False):
            alike = (expected["labels"] == int(label)) & ((expected["scores"] - score).abs() < 1e-4)
            assert (expected["boxes"][alike] - torch.tensor(box)).abs().amax(1).min() < 0.05
        assert (boxes[:, 2] <= image.shape[3]).all()
        assert (boxes[:, 3] <= image.shape[2]).all()


def test_a_bundle_says_what_somebody_else_needs(trained, bundle):
    about = json.loads((bundle / "model.json").read_text())
    assert about["class_names"] == ["disc", "square", "triangle"]
    assert about["input"]["shape"] == [1, 3, "height", "width"]
    assert "its shorter side 160 pixels, the longer one at most 224" in about["contract"]
    assert about["outputs"].keys() == {"boxes", "scores", "labels"}
    assert about["provenance"]["recipe"]["name"] == "detect-coco"
    assert {"AP", "AP50", "AP75"} <= about["provenance"].keys()
    assert about["program"]["boxes_compared"] > 0
    assert str(Path(__file__).parents[2]).encode() not in (bundle / "model.pt2").read_bytes()


def test_its_weights_are_those_of_the_training(trained, bundle):
    one, two = load_file(trained / "weights.safetensors"), load_file(bundle / "weights.safetensors")
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_detector_of_images_too_small_for_its_levels_is_refused(trained, tmp_path):
    detector, origin = find_detector(str(trained), None, trust=True)
    recipe = replace(detector.job.recipe, size=128)
    small = replace(detector, job=replace(detector.job, recipe=recipe))
    with pytest.raises(GeniusError, match="for images of at least 129 pixels, and it was trained on 128"):
        export_detector(small, tmp_path / "bundle", onnx=False, provenance=origin)


def test_a_folder_without_a_detector_is_refused(tmp_path):
    with pytest.raises(GeniusError, match="is no folder of a training: `genius detect` makes the one of a detector"):
        find_detector(str(tmp_path), None, trust=True)


def test_a_space_that_the_folder_alone_names_is_not_imported(trained):
    with pytest.raises(GeniusError, match="--space"):
        find_detector(str(trained), None, trust=False)
