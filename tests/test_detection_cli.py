"""`genius detect` and `genius export --detector`, as a user calls them."""

import json
import os
import signal
import subprocess
import sys

import pytest

from .training.shapes import NAME, write_shapes

pytest.importorskip("pycocotools")

SMALL = ("size=64", "longest=96", "pyramid=16", "batch=4", "milestones=")
SET = tuple(word for setting in SMALL for word in ("--set", setting))
SCRATCH = ("detect", NAME, "[0]", "--scratch", "--data", "coco:shapes", *SET)


@pytest.fixture(autouse=True)
def _shapes(tmp_path):
    write_shapes(tmp_path / "shapes", train=8, validation=4)


def test_a_training_of_a_classifier_becomes_a_detector_once_and_is_exported(genius, tmp_path):
    classifier = ("train", "digits", "000000000", "--set", "epochs=1", "--out", "classifier")
    genius(*classifier)
    asked = ("detect", "classifier", "--data", "coco:shapes", *SET, "--set", "epochs=1", "--json")
    done = genius(*asked)
    found = json.loads(done.stdout)
    assert "levels of the network (stride, channels): features (2, 16); it has none at 8, 16 and 32" in done.stderr
    assert "left out as the classifier's own: linear\n" in done.stderr
    assert (
        "weights of weights.safetensors: every name matched; batch norm keeps its statistics and scales" in done.stderr
    )
    assert 0 <= found["AP"] <= 100
    assert found["metrics"].keys() >= {"AP50", "AP75"}
    assert found["AP50"] == found["metrics"]["AP50"]
    folder = tmp_path / found["folder"]
    assert folder.name.startswith("detect-digits-000000000-seed0-coco-shapes-detect-coco")
    left = {"answer.json", "curve.png", "detection.md", "epochs.jsonl", "job.json", "weights.safetensors"}
    assert left <= set(os.listdir(folder))
    assert "epoch 1/1: loss " in done.stderr
    assert ", AP " in done.stderr
    again = genius(*asked)
    assert json.loads(again.stdout) == found
    assert "is finished: nothing was trained again" in again.stderr
    exported = genius("export", found["folder"], "--detector", "--out", "bundle")
    about = json.loads((tmp_path / "bundle" / "model.json").read_text())
    assert about["provenance"]["AP"] == found["AP"]
    assert exported.stdout == f"bundle: bundle\ninput:  {about['contract']}\n"
    refused = genius("export", found["folder"], "--out", "other", ok=False).stderr
    assert "holds no training of a classifier, but a job of the kind detection; a detector is exported with" in refused
    refused = genius("export", "classifier", "--detector", "--out", "other", ok=False).stderr
    assert "classifier holds no detector, but a job of the kind training: leave --detector out" in refused
    assert (
        "--detector takes the folder of a training"
        in genius("export", found["folder"], "--detector", "--size", 32, ok=False).stderr
    )


def test_a_training_that_is_killed_goes_on(genius, tmp_path):
    options = (*SCRATCH, "--set", "epochs=12", "--json")
    command = [sys.executable, "-c", "from genius.cli import main; main()", *options, "--out", "t"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 3/12"):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed, whole = (genius(*options, "--out", out) for out in ("t", "u"))
    assert "epoch 1/12" not in resumed.stderr
    assert "epoch 1/12" in whole.stderr
    assert json.loads(resumed.stdout)["metrics"] == json.loads(whole.stdout)["metrics"]
    one, two = ((tmp_path / out / "weights.safetensors").read_bytes() for out in ("t", "u"))
    assert one == two


def test_what_bad_input_gets(genius, tmp_path):
    assert "name the weights with --weights" in genius("detect", NAME, "[0]", "--data", "coco:shapes", ok=False).stderr
    assert "name their folder as coco:PATH, got 'digits'" in genius(*SCRATCH[:5], "digits", ok=False).stderr
    assert "Missing option '--data'" in genius(*SCRATCH[:4], ok=False).stderr
    assert "leave one of them out" in genius(*SCRATCH, "--weights", "w.safetensors", ok=False).stderr
    assert "augmented by none or flip" in genius(*SCRATCH, "--set", "augment=crop-flip", ok=False).stderr
    assert "milestones must be whole numbers, as in 8,11" in genius(*SCRATCH, "--set", "milestones=a", ok=False).stderr
    assert sorted(os.listdir(tmp_path)) == ["shapes"]
