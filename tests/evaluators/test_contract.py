"""One contract for every evaluator, and one for every pool of workers."""

import asyncio
import math
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import genius
import numpy as np
import pytest
import pytest_asyncio
from genius.evaluators import process
from genius.evaluators.from_table import table_evaluator
from genius.evaluators.from_training import training_evaluator
from genius.evaluators.measures import NetworkJob
from genius.evaluators.ray_workers import RayWorkers
from genius.evaluators.scripts import CommandJob, FunctionJob
from genius.evaluators.slurm_workers import SlurmWorkers
from genius.evaluators.workers import LocalWorkers, Place
from genius.tables.published import Table
from genius.training.job import JobFiles
from genius.training.recipes import RECIPES

from ..jobs import digits_job
from . import own_code
from .stubs import descendants, lives, wait_until

SMALLEST = (0,) * 9
SHORT = replace(RECIPES.find("digits"), epochs=2)
EPOCHS = 30
WORKER = "-m genius.evaluators.worker"


def digits(folder, seed=0, **changes):
    job = digits_job(Path(folder), architecture=SMALLEST, seed=seed, recipe=SHORT)
    return replace(job, **changes)


@pytest.fixture(scope="module", autouse=True)
def own_spaces_are_found():
    """Workers, those of Ray too, can import `own_spaces`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        yield


@pytest.fixture(autouse=True)
def _quick_kills(monkeypatch):
    """Have workers of this process killed soon that do not end by themselves."""
    monkeypatch.setattr(process, "GRACE", 0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ray_of_this_machine(own_spaces_are_found):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'genius-nas[ray]'")
    async with RayWorkers(capacity=2) as workers:
        yield workers


class Subprocesses(genius.CommandPool):
    """Runs each training in a plain process of this machine, as the client of a cluster would on another."""

    async def run(self, command, environment):
        process = await asyncio.create_subprocess_exec(*command, env=environment, start_new_session=True)
        try:
            return await process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


MAKE = {
    "local": lambda capacity: LocalWorkers([Place()] * capacity, ahead=None),
    "ray": lambda capacity: RayWorkers(capacity=capacity),
    "slurm": lambda capacity: SlurmWorkers(capacity=capacity, cluster="local", look=0.5),
    "commands": Subprocesses,
}
"""What makes each pool from its capacity; a new one is added here."""


@pytest.fixture(params=MAKE)
def pool(request):
    """Make a pool of a capacity; on Ray they all share the Ray of this module."""
    if request.param == "ray":
        request.getfixturevalue("ray_of_this_machine")
    if request.param == "slurm":
        pytest.importorskip("submitit", reason="submitit is not installed: pip install 'genius-nas[slurm]'")
    return MAKE[request.param]


def training(does):
    """Make a training that does so from its folder."""
    jobs = {
        "good": {},
        "fails": {"space": "own_spaces:FAILS"},
        "hangs": {"space": "own_spaces:HANGS"},
        "steps": {"architecture": (1,) * 9, "recipe": replace(SHORT, epochs=EPOCHS)},
    }
    return lambda folder: digits(folder, **jobs[does])


def script(kind, **how):
    return lambda folder: kind(
        folder=folder, config={"width": 8}, architecture=(0,), home=folder.parent, names=("score",), **how
    )


def function(does):
    """Make a job of a function of this name."""
    return script(FunctionJob, function=f"own_code:{does}")


def command(does):
    """Make a job of a command that does the same."""
    return script(CommandJob, command=(sys.executable, str(Path(__file__).with_name("own_code.py")), does))


def network(does):
    """Make a measurement of an untrained network that does so when it is built."""
    space = "digits" if does == "good" else f"own_spaces:{does.upper()}"
    return lambda folder: NetworkJob(folder=folder, space=space, architecture=SMALLEST, measures=("memory",))


KINDS = {"training": training, "function": function, "command": command, "network": network}
"""What makes a job of each kind that is good, fails, hangs, or takes steps; a new one is added here."""


@pytest.fixture
def kind(request):
    return KINDS[request.param]


EVERY_KIND = pytest.mark.parametrize(
    ("pool", "kind"),
    [
        pytest.param(pool, kind, marks=() if pool == "local" or kind == "function" else pytest.mark.heavy)
        for pool in MAKE
        for kind in KINDS
    ],
    indirect=True,
)
"""All kinds of jobs on all pools; the pools know nothing of the kinds, and not all pairs run every time."""


def test_it_is_a_pool(pool):
    assert isinstance(pool(3), genius.Pool)
    assert pool(3).capacity == 3


@asynccontextmanager
async def looked_up(folder):
    yield table_evaluator(Table([SMALLEST], np.array([81.5]), np.array([80.5])))


@asynccontextmanager
async def trained(folder):
    async with LocalWorkers([Place()], ahead=None) as workers:
        yield training_evaluator(genius.get_space("digits"), digits(folder), workers)


@pytest.mark.parametrize("make", [looked_up, trained])
async def test_it_measures_in_percent_and_gives_the_same_number_again(make, tmp_path):
    async with make(tmp_path) as evaluate:
        first, again = [await evaluate(SMALLEST) for _ in range(2)]
    assert isinstance(first, genius.Measurement)
    assert first.error is None
    assert 0 <= first.accuracy <= 100
    assert 0 <= first.test_accuracy <= 100
    assert math.isfinite(first.seconds)
    assert (first.accuracy, first.test_accuracy) == (again.accuracy, again.test_accuracy)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain(tmp_path_factory):
    """Measure the short training in a plain worker of this machine."""
    async with LocalWorkers([Place()], ahead=None) as workers:
        return await workers.train(digits(tmp_path_factory.mktemp("plain") / "job"))


async def test_a_pool_trains_and_tells_of_epochs_and_of_the_same_accuracy(pool, plain, tmp_path):
    told = []
    async with pool(1) as workers:
        assert workers.capacity == 1
        first = await workers.train(digits(tmp_path / "first"), on_epoch=told.append)
    assert first.error is None
    assert 0 <= first.accuracy <= 100
    assert (first.accuracy, first.test_accuracy) == (plain.accuracy, plain.test_accuracy)
    assert [(epoch.epoch, epoch.epochs) for epoch in told] == [(1, 2), (2, 2)]
    assert JobFiles(tmp_path / "first").epochs.read_text().count("\n") == 2
    assert not JobFiles(tmp_path / "first").checkpoint.exists()
    async with pool(1) as workers:
        assert await workers.train(digits(tmp_path / "first", space="own_spaces:CRASHES")) == first


async def test_a_pool_keeps_to_its_capacity_and_trials_take_turns(tmp_path):
    ends, most = [], 0

    async def measure(workers, queue, number):
        await workers.train(function("good")(tmp_path / f"{queue}-{number}"), queue=queue)
        ends.append(f"{queue}-{number}")

    async with LocalWorkers([Place()], ahead=None) as workers:
        all_of_them = asyncio.gather(*(measure(workers, *of) for of in [(1, 1), (1, 2), (1, 3), (2, 1)]))
        while not all_of_them.done():
            begun = len(list(tmp_path.glob("*/job.json")))
            most = max(most, begun - len(list(tmp_path.glob("*/answer.json"))))
            await asyncio.sleep(0.02)
        await all_of_them
    assert ends == ["1-1", "2-1", "1-2", "1-3"]
    assert most == 1


async def test_a_training_that_crashes_leaves_the_others_alone(plain, tmp_path):
    async with LocalWorkers([Place()] * 2, ahead=None) as workers:
        crashed, trained = await asyncio.gather(
            workers.train(digits(tmp_path / "crashes", space="own_spaces:CRASHES")),
            workers.train(digits(tmp_path / "trains")),
        )
    assert (crashed.accuracy, crashed.failure) == (None, "crashed")
    assert crashed.error == "training failed: the worker was ended by signal 11 (Segmentation fault)"
    assert trained.accuracy == plain.accuracy


async def test_a_job_that_can_never_be_done_raises_in_the_words_of_its_error(pool, tmp_path):
    async with pool(1) as workers:
        with pytest.raises(genius.RunFailed, match=r"^there is no evaluator 'own_code:nobody': module 'own_code' has"):
            await workers.train(function("nobody")(tmp_path / "job"))


async def test_a_training_that_can_never_be_done_raises_in_the_words_of_its_error(tmp_path):
    async with LocalWorkers([Place()], ahead=None) as workers:
        with pytest.raises(genius.RunFailed, match=r"^there is no data set 'digitz'; the data sets are: digits, "):
            await workers.train(digits(tmp_path, data="digitz"))


@EVERY_KIND
async def test_a_job_of_every_kind_finishes_once_and_leaves_its_output(pool, kind, tmp_path):
    told = []
    async with pool(1) as workers:
        job = kind("good")(tmp_path / "good")
        first = await workers.train(job, on_epoch=told.append)
        again = await workers.train(kind("fails")(tmp_path / "good"))
    assert first.error is None
    assert again == first
    assert [(epoch.epoch, epoch.epochs) for epoch in told] == ([] if kind is network else [(1, 2), (2, 2)])
    if kind in (function, command):
        assert first.value == 80
        assert "it has width 8" in job.files.log.read_text()


@EVERY_KIND
async def test_a_job_of_every_kind_that_fails_is_a_measurement_with_its_reason(pool, kind, tmp_path):
    async with pool(1) as workers:
        failed = await workers.train(kind("fails")(tmp_path / "fails"))
    assert failed.value is None
    assert failed.failure in ("crashed", "raised")
    assert "odd kernel" in failed.error
    if kind is not network:
        assert "odd kernel" in (tmp_path / "fails" / "log.txt").read_text()


def hanging():
    """List the processes of a job that hangs, and the child that it started."""
    children = descendants("time.sleep(3000)")
    return children and [*children, *descendants(WORKER)]


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("deadline", "took longer than 4 s"),
        pytest.param("silence", "showed no life for 4 s", marks=pytest.mark.heavy),
    ],
)
@EVERY_KIND
async def test_a_job_of_every_kind_that_hangs_is_timed_out_and_leaves_no_process(pool, kind, limit, words, tmp_path):
    async with pool(1) as workers:
        running = asyncio.create_task(workers.train(kind("hangs")(tmp_path / "hangs"), **{limit: 4.0}))
        # on a busy machine it may not have come to hang before its time is over
        await asyncio.to_thread(wait_until, lambda: hanging() or running.done(), 60)
        processes = hanging()
        measurement = await running
        assert measurement.failure == "timed out"
        assert words in measurement.error
        assert measurement.seconds > 4
    await asyncio.to_thread(wait_until, lambda: not any(map(lives, processes)))


@EVERY_KIND
async def test_a_cancelled_job_of_every_kind_leaves_no_process_and_frees_the_place(pool, kind, tmp_path):
    async with pool(1) as workers:
        running = asyncio.create_task(workers.train(kind("hangs")(tmp_path / "hangs")))
        await asyncio.to_thread(wait_until, hanging, 60)
        processes = hanging()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.to_thread(wait_until, lambda: not any(map(lives, processes)))
        assert (await workers.train(kind("good")(tmp_path / "next"))).error is None


@EVERY_KIND
async def test_a_killed_job_of_every_kind_goes_on_where_it_was(pool, kind, tmp_path, request):
    if kind is network:
        pytest.skip("a measurement of an untrained network is made anew")
    # on Ray the actor that supervises it is killed: its own end of the job is that of the local pool
    victim = "ray::" if "ray" in request.node.callspec.params.values() else WORKER
    make, told = kind("steps"), []
    job = make(tmp_path / "killed")
    async with pool(1) as workers, LocalWorkers([Place()], ahead=None) as plain:
        undisturbed = await plain.train(make(tmp_path / "undisturbed"))
        running = asyncio.create_task(workers.train(job, on_epoch=told.append))
        await asyncio.to_thread(wait_until, lambda: saved(job) and (told or running.done()), 60)
        killed = [pid for pid in descendants(victim) if victim == WORKER or descendants(WORKER, of=pid)]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert killed
        measurement = await running
    assert measurement.error is None
    assert measurement.value == undisturbed.value
    epochs = [epoch.epoch for epoch in told]
    last = EPOCHS if kind is training else own_code.STEPS
    assert epochs.count(1) == 1  # it did not begin again
    assert epochs[-1] == last
    assert len(set(epochs)) >= last - 1  # one may have been saved and not told
    assert len(epochs) <= last + 1  # one may have been told and not saved


def saved(job):
    """Tell whether a job has saved a state to go on from, in this machine's copy of its folder."""
    return job.files.checkpoint.exists() or (job.files.own / "saved.json").exists()
