"""`genius train` and `genius export`, as a user calls them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from .training.conftest import write_images

TRAIN = ("train", "digits", "000000000")


def test_an_architecture_is_trained_once_and_exported(genius, tmp_path):
    done = genius(*TRAIN, "--set", "epochs=3", "--batch", 50, "--json")
    found = json.loads(done.stdout)
    assert "batches of 50 images instead of 25: lr 0.2 instead of 0.1" in done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("epoch")] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]
    folder = tmp_path / found["folder"]
    assert {"answer.json", "curve.png", "epochs.jsonl", "job.json", "weights.safetensors"} <= set(os.listdir(folder))
    again = genius(*TRAIN, "--set", "epochs=3", "--batch", 50, "--json")
    assert json.loads(again.stdout) == found
    assert "is finished: nothing was trained again" in again.stderr
    exported = genius("export", found["folder"], "--out", "bundle")
    about = json.loads((tmp_path / "bundle" / "model.json").read_text())
    assert about["provenance"]["accuracy"] == found["accuracy"]
    assert about["provenance"]["top5"] == found["metrics"]["top5"] >= found["accuracy"]
    assert about["provenance"]["test_top5"] == found["test_metrics"]["top5"] >= found["test_accuracy"]
    plain = genius(*TRAIN, "--set", "epochs=3", "--batch", 50).stdout
    assert f"top-5 {found['metrics']['top5']:.2f}%, test accuracy {found['test_accuracy']:.2f}%, top-5" in plain
    assert f"%, top-5 {found['metrics']['top5']:.2f}%, " in done.stderr
    assert about["class_names"] == list("0123456789")
    assert exported.stdout == f"bundle: bundle\ninput:  {about['contract']}\n"
    again = genius(
        "export", *TRAIN[1:], "--weights", f"{found['folder']}/weights.safetensors", "--out", "again", "--json"
    )
    assert json.loads(again.stdout)["weights"] == about["weights"]
    refused = genius("export", found["folder"], "--out", "bundle", ok=False)
    assert refused.stderr == "genius: bundle exists and is not empty: name another folder with --out\n"
    assert "holds another training" in genius(*TRAIN, "--out", found["folder"], ok=False).stderr


def test_a_training_that_is_killed_goes_on(genius, tmp_path):
    options = ("--set", "epochs=12", "--out", "t", "--json")
    command = [sys.executable, "-c", "from genius.cli import main; main()", *TRAIN, *options]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 3/12"):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = genius(*TRAIN, *options)
    epochs = [json.loads(line)["epoch"] for line in (tmp_path / "t" / "epochs.jsonl").read_text().splitlines()]
    assert len(epochs) - len(set(epochs)) <= 1
    assert "epoch 1/12" not in resumed.stderr
    whole = json.loads(genius(*TRAIN, "--set", "epochs=12", "--out", "u", "--json").stdout)
    assert json.loads(resumed.stdout)["accuracy"] == whole["accuracy"]


def test_two_processes_train_together(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    arguments = ["-m", "genius", *TRAIN, "--set", "epochs=2", "--batch", "50", "--out", "t", "--json"]
    done = subprocess.run(
        [*torchrun, "--standalone", *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= json.loads(done.stdout)["accuracy"] <= 100
    assert len((tmp_path / "t" / "epochs.jsonl").read_text().splitlines()) == 2


def test_a_training_says_which_images_it_found(genius, tmp_path):
    for part in ("Training", "Test"):
        write_images(tmp_path / "pets" / part, 3, seed=0)
    options = ("--data", "folder:pets", "--recipe", "nas-bench-macro", "--set", "size=16", "--set", "epochs=1")
    done = genius("train", "nas-bench-macro", "00000000", *options, "--batch", 2, "--out", "t")
    assert done.stderr.splitlines()[:2] == [
        "3 classes: blue, green, red",
        "images: 6 to train on, of pets/Training; 3 that steer the search, held out of the training images; 9 for the "
        "final test alone, of pets/Test",
    ]
    assert json.loads((tmp_path / "t" / "job.json").read_text())["found"]["classes"] == ["blue", "green", "red"]


def test_what_bad_input_gets(genius, tmp_path):
    assert "expected 9 numbers, got 2" in genius("train", "digits", "[0, 1]", ok=False).stderr
    assert "name an architecture of digits" in genius("train", "digits", ok=False).stderr
    assert "there is no recipe" in genius(*TRAIN, "--recipe", "quick", ok=False).stderr
    assert "name the weights with --weights" in genius("export", "digits", "000000000", ok=False).stderr
    assert "run `genius fetch cifar10`" in genius("train", "nas-bench-macro", "00000000", ok=False).stderr
    assert not list(Path(tmp_path).iterdir())
