"""`genius transfer`, as a user calls it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from .training.halves import ARCHITECTURE, write_halves

SMALL = ("augment=none", "size=8", "batch=16")
SET = tuple(word for setting in SMALL for word in ("--set", setting))
FIRST = ("train", "digits", ARCHITECTURE, "--data", "folder:halves/first", "--recipe", "finetune", *SET)
SECOND = ("transfer", "digits", ARCHITECTURE, "--data", "folder:halves/second", *SET)
WEIGHTS = ("--weights", "first/weights.safetensors")


@pytest.fixture(autouse=True)
def _first(tmp_path, genius):
    write_halves(tmp_path / "halves")
    genius(*FIRST, "--set", "epochs=1", "--out", "first")


def started(*options, cwd):
    """Start a transfer, and wait until it has ended its third epoch."""
    command = [sys.executable, "-c", "from genius.cli import main; main()", *SECOND, *WEIGHTS, *options]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while not process.stderr.readline().startswith("epoch 3/"):
        assert process.poll() is None
    return process


def test_a_training_is_transferred_once_and_exported(genius, tmp_path):
    asked = ("transfer", "first", *SECOND[3:], "--set", "epochs=2", "--set", "frozen_stages=1", "--json")
    done = genius(*asked)
    found = json.loads(done.stdout)
    assert "weights of weights.safetensors: every name of the network matched but those of its head" in done.stderr
    assert "frozen, batch norm in evaluation mode: features.0; the others are trained" in done.stderr
    assert (found["recipe"], len(found["transferred_from"])) == ("finetune", 64)
    folder = tmp_path / found["folder"]
    assert folder.name == f"transfer-digits-{ARCHITECTURE}-seed0-folder-halves-second-finetune"
    left = {"answer.json", "curve.png", "epochs.jsonl", "job.json", "transfer.md", "weights.safetensors"}
    assert left <= set(os.listdir(folder))
    again = genius(*asked)
    assert json.loads(again.stdout) == found
    assert "is finished: nothing was trained again" in again.stderr
    genius("export", found["folder"], "--out", "bundle")
    about = json.loads((tmp_path / "bundle" / "model.json").read_text())
    assert about["class_names"] == list("56789")
    assert about["provenance"]["transferred_from"] == found["transferred_from"]
    other = genius(*SECOND, "--weights", f"{found['folder']}/weights.safetensors", "--out", found["folder"], ok=False)
    assert "holds another training: name another folder with --out" in other.stderr


def test_a_transfer_that_is_killed_goes_on(genius, tmp_path):
    options = ("--set", "epochs=60", "--set", "stage_factor=0.5", "--json")
    process = started(*options, "--out", "t", cwd=tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed, whole = (genius(*SECOND, *WEIGHTS, *options, "--out", out) for out in ("t", "u"))
    assert "epoch 1/60" not in resumed.stderr
    assert "epoch 1/60" in whole.stderr
    one, two = ((tmp_path / out / "weights.safetensors").read_bytes() for out in ("t", "u"))
    assert one == two


def test_ctrl_c_says_how_to_go_on(tmp_path):
    process = started("--set", "epochs=100000", "--out", "t", cwd=tmp_path)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "go on with the same command" in said.splitlines()[-1]


def test_two_processes_transfer_together(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-addr", "127.0.0.1"]
    frozen = ("--set", "frozen_stages=2", "--set", "epochs=2", "--out", "t", "--json")
    done = subprocess.run(
        [*torchrun, "--standalone", "-m", "genius", *SECOND, *WEIGHTS, *frozen],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= json.loads(done.stdout)["accuracy"] <= 100
    assert done.stderr.count("which is new") == 1
    assert len((tmp_path / "t" / "epochs.jsonl").read_text().splitlines()) == 2


def test_what_bad_input_gets(genius, tmp_path):
    before = sorted(os.listdir(tmp_path))
    assert "Missing option '--data'" in genius("transfer", "first", ok=False).stderr
    assert "name the data set to transfer to with --data" in genius("transfer", "first", "--data", "", ok=False).stderr
    digits = genius("transfer", "first", "--data", "digits", "--json", ok=False)
    assert "augment=resized-crop-flip takes photographs" in digits.stderr
    assert "name the weights with --weights" in genius(*SECOND, ok=False).stderr
    assert "there are no weights at w.pt" in genius(*SECOND, "--weights", "w.pt", ok=False).stderr
    assert (
        "linear_probe trains the head alone"
        in genius(*SECOND, *WEIGHTS, "--set", "linear_probe=true", "--set", "frozen_stages=1", ok=False).stderr
    )
    assert "begins with trained ones" in genius(*FIRST, "--set", "linear_probe=true", "--out", "n", ok=False).stderr
    assert "and the network has 6 stages" in genius(*SECOND, *WEIGHTS, "--set", "frozen_stages=9", ok=False).stderr
    assert sorted(os.listdir(tmp_path)) == before
