"""Training jobs: their numbers, how they go on after a kill, and how they fail."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from statistics import mean

import pytest
import torch
from genius.errors import GeniusError
from genius.record.measurement import MEASUREMENT
from genius.spaces import get_space
from genius.spaces.space import BadArchitecture
from genius.training import saving
from genius.training.batches import Rank
from genius.training.epochs import accuracies
from genius.training.images import load_images
from genius.training.job import TrainingJob
from genius.training.learn import do_job, learn
from genius.training.recipes import RECIPES, override
from genius.training.weights import load_trained, read_card, read_weights
from torch import nn

MOBILE = ("size=32", "epochs=4", "batch=24", "ema=0.9", "lr=0.05", "warmup=1", "measure_every=2")
SAVE_ALWAYS_AND_ANSWER = """
import sys
from pathlib import Path
from genius.training import saving
from genius.training.job import TrainingJob
from genius.training.learn import do_job

saving._LEAST = saving._TIMES = 0
do_job(TrainingJob.load(Path(sys.argv[1])))
"""


class Killed(Exception):
    """Ends a training as a kill would, in the middle."""


@pytest.fixture
def save_always(monkeypatch):
    """Have every epoch saved, however short."""
    monkeypatch.setattr(saving, "_LEAST", 0)
    monkeypatch.setattr(saving, "_TIMES", 0)


@pytest.fixture
def photograph_job(photographs, tmp_path):
    """Make jobs on an image folder: everything random that there is, dropout, RandAugment and crops, is in them."""

    def make(**fields):
        recipe = override(RECIPES.find("retrain-imagenet"), MOBILE)
        job = TrainingJob(
            space="mobile-imagenet",
            architecture=(0,) * 30,
            seed=0,
            data=f"folder:{photographs}",
            recipe=recipe,
            folder=tmp_path / "job",
            downloads=tmp_path,
        )
        return replace(job, **fields)

    return make


def scores(measurement):
    assert measurement.error is None
    return measurement.accuracy, measurement.test_accuracy


def weights(job):
    return job.files.weights.read_bytes()


def until_killed(job, epoch):
    def kill(told):
        if told.epoch == epoch:
            raise Killed

    with pytest.raises(Killed):
        learn(job, kill)


def test_the_same_seed_gives_the_same_accuracies(digits_job, tmp_path):
    first, again, other = [], [], []
    accuracies = scores(learn(digits_job(), first.append))
    torch.rand(5)  # the global generator has no say
    assert scores(learn(digits_job(folder=tmp_path / "again"), again.append)) == accuracies
    learn(digits_job(folder=tmp_path / "other", seed=4), other.append)
    losses = [[epoch.loss for epoch in told] for told in (first, again, other)]
    assert losses[0] == losses[1] != losses[2]


def test_training_leaves_the_global_state_as_it_was(digits_job):
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    learn(digits_job(threads=2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_training_learns_and_tells_of_every_epoch(digits_job):
    told = []
    job = digits_job(("epochs=15", "measure_every=4"), architecture=(1,) * 9)
    measurement = do_job(job, told.append)
    assert [epoch.epoch for epoch in told] == list(range(1, 16))
    assert [epoch.epoch for epoch in told if epoch.value is not None] == [4, 8, 12, 15]
    assert told[-1].loss < 0.7 * told[0].loss
    assert told[-1].value == measurement.accuracy > 25  # of 3,196 images; 10 is chance
    assert all(epoch.images_per_second > 0 and epoch.epochs == 15 for epoch in told)
    assert [json.loads(line) for line in job.files.epochs.read_text().splitlines()] == [asdict(e) for e in told]
    assert MEASUREMENT.read(job.files.answer.read_bytes()) == measurement
    assert measurement.device == "CPU (1 thread)"
    assert told[-1].seconds < measurement.seconds


@pytest.mark.parametrize("epochs", [(1,), (3,), (1, 2), (2, 4)])
def test_a_training_that_is_killed_reaches_the_same_number(photograph_job, tmp_path, save_always, epochs):
    whole = photograph_job(folder=tmp_path / "whole", keep_weights=True)
    expected = learn(whole)
    broken = photograph_job(keep_weights=True)
    for epoch in epochs:
        until_killed(broken, epoch)
    torch.rand(3)
    told = []
    assert scores(do_job(broken, told.append)) == scores(expected)
    assert weights(broken) == weights(whole)
    assert [epoch.epoch for epoch in told] == list(range(epochs[-1] + 1, 5))
    assert sorted(file.name for file in broken.folder.iterdir()) == [
        "answer.json",
        "epochs.jsonl",
        "weights.safetensors",
    ]


def test_the_seconds_of_all_tries_are_added_up(digits_job, save_always):
    job = digits_job(("epochs=3",))
    until_killed(job, 2)
    saved = torch.load(job.files.checkpoint)
    torch.save({**saved, "seconds": 1000.0}, job.files.checkpoint)
    assert learn(job).seconds > 1000


@pytest.mark.parametrize("damage", ["torn", "foreign", "empty", "zeros", "of another version", "of another seed"])
def test_a_checkpoint_that_is_not_this_jobs_is_not_used(digits_job, save_always, capfd, damage):
    job, told = digits_job(("epochs=3",)), []
    until_killed(digits_job(("epochs=3",), seed=7) if damage == "of another seed" else job, 2)
    whole = job.files.checkpoint.read_bytes()
    torn, zeros = whole[: len(whole) // 2], bytes(len(whole))
    spoilt = {"torn": torn, "foreign": b"not a checkpoint", "empty": b"", "zeros": zeros}
    job.files.checkpoint.write_bytes(spoilt.get(damage, whole))
    if damage == "of another version":
        torch.save({"identity": job.identity, "epoch": 2}, job.files.checkpoint)
    learn(job, told.append)
    assert [epoch.epoch for epoch in told] == [1, 2, 3]
    why = "is another training's" if damage == "of another seed" else "cannot be read"
    assert f"checkpoint.pt {why}: training starts from the beginning" in capfd.readouterr().err


def test_every_epoch_is_saved_however_short(digits_job):
    job, told = digits_job(("epochs=3",)), []
    until_killed(job, 2)
    learn(job, told.append)
    # the training was cut off while it told of its second epoch, which it had saved by then
    assert [epoch.epoch for epoch in told] == [3]


def test_a_torn_line_of_a_killed_training_is_cut_off(digits_job):
    job = digits_job()
    job.folder.mkdir()
    job.files.epochs.write_text('{"epoch": 1}\n{"epo')
    learn(job)
    assert [json.loads(line)["epoch"] for line in job.files.epochs.read_text().splitlines()] == [1, 1, 2]


def test_a_killed_process_goes_on(digits_job, tmp_path):
    job = digits_job(("epochs=25",))
    expected = learn(replace(job, folder=tmp_path / "whole"))
    with subprocess.Popen([sys.executable, "-c", SAVE_ALWAYS_AND_ANSWER, str(job.save())]) as process:
        end = time.monotonic() + 60
        while not (job.files.epochs.exists() and job.files.epochs.read_text().count("\n") >= 5):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not job.files.answer.exists()
    told = []
    assert scores(do_job(job, told.append)) == scores(expected)
    assert told[0].epoch > 5


def test_it_does_not_matter_how_many_processes_read_the_images(photograph_job, tmp_path):
    alone = learn(photograph_job(folder=tmp_path / "alone", loaders=0, keep_weights=True))
    read = learn(photograph_job(folder=tmp_path / "read", loaders=2, keep_weights=True))
    assert scores(alone) == scores(read)
    assert weights(photograph_job(folder=tmp_path / "alone")) == weights(photograph_job(folder=tmp_path / "read"))


def test_top_5_is_measured_with_top_1_where_there_are_more_than_five_classes(digits_job, photograph_job, tmp_path):
    told = []
    job = digits_job(keep_weights=True, folder=tmp_path / "digits")
    measurement = learn(job, told.append)
    network = load_trained(get_space("digits"), read_card(job.files.weights), read_weights(job.files.weights)).network
    split = load_images("digits", tmp_path)
    for part, accuracy, metrics in (
        (split.validation, measurement.accuracy, measurement.metrics),
        (split.test, measurement.test_accuracy, measurement.test_metrics),
    ):
        with torch.no_grad():
            scores = network(part.images)
        ahead = (scores > scores.gather(1, part.labels[:, None])).sum(1)
        assert accuracy == pytest.approx(100 * (ahead < 1).float().mean().item(), abs=0.1)
        assert metrics == {"top5": pytest.approx(100 * (ahead < 5).float().mean().item(), abs=0.1)}
    assert [epoch.metrics for epoch in told] == [{}, measurement.metrics]
    few = learn(photograph_job())
    assert (few.metrics, few.test_metrics) == ({}, {})


def test_of_equal_scores_that_of_the_first_class_counts():
    batches = iter([(torch.zeros(8, 4), torch.arange(8))])
    same = nn.Linear(4, 8)
    nn.init.zeros_(same.weight)
    nn.init.zeros_(same.bias)
    found = accuracies(same, batches, RECIPES.find("digits"), torch.device("cpu"), Rank())
    assert found == (100 / 8, 100 * 5 / 8)


def test_the_kept_weights_are_those_that_were_measured(photograph_job):
    from genius.spaces.mobile import build
    from safetensors.torch import load_model

    job = photograph_job(keep_weights=True)
    learn(job)
    network = build((0,) * 30, num_classes=3, input_size=32)
    load_model(network, str(job.files.weights))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize("space", ["nas-bench-macro", "channel-bench-resnet", "nas-bench-201-cifar10"])
def test_any_space_learns_from_an_image_folder_in_memory(photographs, tmp_path, space):
    recipe = override(RECIPES.find("nas-bench-macro"), ["size=16", "epochs=15", "batch=18", "lr=0.05"])
    architecture = {"nas-bench-macro": (0,) * 8, "channel-bench-resnet": (1,) * 7, "nas-bench-201-cifar10": (2,) * 6}
    job = TrainingJob(
        space=space,
        architecture=architecture[space],
        seed=0,
        data=f"folder:{photographs}",
        recipe=recipe,
        folder=tmp_path,
        downloads=tmp_path,
    )
    losses = []
    assert learn(job, lambda epoch: losses.append(epoch.loss)).error is None
    assert mean(losses[-5:]) < losses[0] / 2


def test_a_loss_that_is_not_finite_is_an_outcome(digits_job):
    measurement = learn(digits_job(("lr=1e30", "epochs=3")))
    assert (measurement.accuracy, measurement.failure) == (None, "diverged")
    assert measurement.error in ("loss became NaN in epoch 1 of 3", "loss became infinite in epoch 1 of 3")
    assert measurement.seconds > 0


def test_a_network_that_cannot_fit_is_refused_before_it_is_trained(digits_job):
    told = []
    job = digits_job(architecture=(2,) * 9, memory_limit=5_000_000)
    measurement = learn(job, told.append)
    assert (measurement.accuracy, measurement.failure, told) == (None, "too large", [])
    assert measurement.error.startswith("too large for 5.0 MB of memory on CPU (1 thread): the network has 0.3")
    assert "M FLOPs; training it on 25 images at once takes about" in measurement.error
    assert learn(digits_job(architecture=(0,) * 9, memory_limit=5_000_000)).failure is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory: you tried to allocate"
        ),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_runs_out_is_an_outcome(digits_job, error):
    def give_out(told):
        raise error

    measurement = learn(digits_job(), give_out)
    assert (measurement.accuracy, measurement.failure) == (None, "out of memory")
    assert measurement.error.startswith(
        "out of memory: the network has 0.00 M parameters and 0.0 M FLOPs; training it on"
    )


def test_the_allocators_own_error_is_an_outcome(digits_job):
    def take_all(told):
        torch.empty(1 << 58, dtype=torch.uint8)

    assert learn(digits_job(), take_all).failure == "out of memory"


def test_any_other_error_is_raised(digits_job):
    def fail(told):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        learn(digits_job(), fail)


def test_a_space_of_ones_own_is_named_by_its_module(digits_job, monkeypatch, tmp_path):
    (tmp_path / "my_spaces.py").write_text(
        "from torch import nn\nfrom genius import Decision, SearchSpace\n"
        "def build(architecture): return nn.Sequential(nn.Flatten(), nn.Linear(64, 10 + architecture[0]))\n"
        "MINE = SearchSpace('mine', (Decision('more', ('0', '1')),), '', build, (1, 8, 8))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert learn(digits_job(space="my_spaces:MINE", architecture=(0,))).error is None
    with pytest.raises(
        GeniusError, match=r"digits has 10 classes, and the networks of mine give scores of shape \(2, 11"
    ):
        learn(digits_job(space="my_spaces:MINE", architecture=(1,)))
    with pytest.raises(GeniusError, match="there is no space 'my_spaces:THEIRS': module 'my_spaces' has no"):
        learn(digits_job(space="my_spaces:THEIRS"))
    with pytest.raises(GeniusError, match="my_spaces:build is not a SearchSpace, but the function"):
        learn(digits_job(space="my_spaces:build"))


def test_what_the_user_got_wrong_raises(digits_job, photographs):
    with pytest.raises(BadArchitecture, match="expected 9 numbers, got 2"):
        learn(digits_job(architecture=(0, 0)))
    with pytest.raises(GeniusError, match=r"image files come in all sizes: set size in the recipe, as in size=224"):
        learn(digits_job(("augment=none",), data=f"folder:{photographs}"))


def test_a_job_is_read_as_it_was_saved(digits_job):
    job = digits_job(("dropout=0.3",), loaders=2, memory_limit=10, device="cuda:1")
    assert TrainingJob.load(job.save()) == job
    job.files.job.write_text('{"space": "digits"}')
    with pytest.raises(GeniusError, match=r"job.json does not hold a job: folder is missing"):
        TrainingJob.load(job.files.job)
