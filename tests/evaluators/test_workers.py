"""The pool on this machine, mostly with scripts in the worker's place."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from genius.errors import GeniusError
from genius.evaluators import process
from genius.evaluators.pools import read_measurement
from genius.evaluators.workers import LocalWorkers, Place, places
from genius.record.measurement import Measurement
from genius.training.job import Epoch, JobFiles, TrainingJob, cores

from ..jobs import digits_job
from .stubs import HANGS, command, descendants, lives, pids, wait_until

_ANSWER = Measurement(accuracy=50.0, test_accuracy=49.0, seconds=1.0)
_PARENT = """
import asyncio, sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES
from genius.evaluators.workers import LocalWorkers, places

async def main():
    folder = Path(sys.argv[1])
    async with LocalWorkers(places(2)) as workers:
        fields = {"space": "digits", "architecture": (2,) * 9, "data": "digits", "recipe": RECIPES.find("digits")}
        jobs = [TrainingJob(**fields, seed=s, folder=folder / str(s), downloads=folder) for s in (0, 1)]
        await asyncio.gather(*map(workers.train, jobs))

asyncio.run(main())
"""

Script = Callable[[str], None]


@pytest.fixture
def worker_is(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put a script, which has `job` and `folder`, in the worker's place."""
    return lambda script: monkeypatch.setattr(process, "worker_command", lambda: command(script))


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.3)


def _job(folder: Path) -> TrainingJob:
    return digits_job(folder)


async def _trained(folder: Path, tries: int = 2, **options: object) -> Measurement:
    async with LocalWorkers(places(1), tries=tries) as workers:
        return await workers.train(_job(folder), **options)  # type: ignore[arg-type]


async def test_the_worker_is_told_its_job_and_its_place(tmp_path: Path, worker_is: Script) -> None:
    worker_is("answer(float(os.environ['OMP_NUM_THREADS']) + (os.environ['CUDA_VISIBLE_DEVICES'] == ''))")
    async with LocalWorkers([Place("cpu", threads=3)]) as workers:
        assert (await workers.train(_job(tmp_path))).accuracy == 4
    job = TrainingJob.load(JobFiles(tmp_path).job)
    assert (job.device, job.threads, job.architecture) == ("cpu", 3, (0,) * 9)


@pytest.mark.parametrize("torn", ["", '{"value": 5', "{}", "[1]", '{"value": "high"}', '{"value": NaN}', "\xff"])
async def test_an_answer_that_makes_no_sense_is_trained_again(tmp_path: Path, worker_is: Script, torn: str) -> None:
    worker_is("answer()")
    JobFiles(tmp_path).answer.write_text(torn, encoding="latin-1")
    assert await _trained(tmp_path) == _ANSWER
    assert read_measurement(JobFiles(tmp_path).answer) == _ANSWER


@pytest.mark.parametrize("text", ['{"value": 61.5}', '{"error": "loss became NaN", "failure": "diverged"}'])
async def test_what_has_its_answer_is_not_trained_again(tmp_path: Path, worker_is: Script, text: str) -> None:
    worker_is("raise SystemExit('trained again')")
    JobFiles(tmp_path).answer.write_text(text)
    assert await _trained(tmp_path) == read_measurement(JobFiles(tmp_path).answer)


async def test_an_answer_counts_however_the_worker_ended(tmp_path: Path, worker_is: Script) -> None:
    worker_is("answer(); os.kill(os.getpid(), 9)")
    assert await _trained(tmp_path) == _ANSWER


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("raise ValueError('odd kernel')", "training failed: ValueError: odd kernel"),
        ("os.kill(os.getpid(), 11)", "training failed: the worker was ended by signal 11 (Segmentation fault)"),
        ("raise SystemExit(3)", "training failed: the worker ended with code 3 and no answer"),
        ("", "training failed: the worker ended with code 0 and no answer"),
        (
            "answer(); (folder / 'answer.json').write_text('{')",
            "training failed: the worker ended with code 0 and no answer",
        ),
    ],
)
async def test_a_worker_that_crashes_is_a_measurement(
    tmp_path: Path, worker_is: Script, script: str, error: str
) -> None:
    worker_is(script)
    measurement = await _trained(tmp_path)
    assert (measurement.accuracy, measurement.failure, measurement.error) == (None, "crashed", error)
    assert measurement.device == "cpu"
    assert measurement.seconds > 0


async def test_one_that_is_killed_from_outside_is_tried_again(tmp_path: Path, worker_is: Script) -> None:
    worker_is("""
tries = folder / "tries"
tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
made = len(tries.read_text())
epoch(made) if made > 2 else None
answer() if made == 6 else os.kill(os.getpid(), 9)
""")
    told: list[int] = []
    failed = await _trained(tmp_path, tries=2, on_epoch=lambda epoch: told.append(epoch.epoch))
    assert failed.failure == "crashed"
    killed = "training failed: the worker was ended by signal 9 (Killed), 2 times without an epoch in between"
    assert failed.error == killed
    # one that gets further each time is tried as often as it takes
    assert await _trained(tmp_path, tries=2, on_epoch=lambda epoch: told.append(epoch.epoch)) == _ANSWER
    assert told == [3, 4, 5, 6]


async def test_a_process_ahead_that_was_killed_costs_no_try(tmp_path: Path, worker_is: Script) -> None:
    worker_is("answer()")
    started = _started()
    async with LocalWorkers(places(1), tries=1) as workers:
        (ahead,) = started()
        os.kill(ahead, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: not lives(ahead))
        assert await workers.train(_job(tmp_path)) == _ANSWER


def _started() -> Callable[[], list[int]]:
    """List the processes that this one itself has started from now on and that live."""

    def children() -> set[int]:
        listed = ["ps", "-o", "pid=", "--ppid", str(os.getpid())]
        found = subprocess.run(listed, capture_output=True, text=True, check=False).stdout
        return {int(pid) for pid in found.split() if lives(int(pid))}

    before = children()
    return lambda: sorted(pid for pid in children() - before if lives(pid))


async def test_epochs_are_told_when_they_end(tmp_path: Path, worker_is: Script) -> None:
    worker_is("""
epoch(1)
with (folder / "epochs.jsonl").open("a") as file:
    file.write("no epoch\\n")
while not (folder / "heard").exists():
    time.sleep(0.02)
epoch(2); answer()
""")
    told: list[Epoch] = []

    def hear(epoch: Epoch) -> None:
        told.append(epoch)
        (tmp_path / "heard").touch()

    assert await _trained(tmp_path, deadline=20, on_epoch=hear) == _ANSWER
    assert [epoch.epoch for epoch in told] == [1, 2]


@pytest.mark.usefixtures("short_grace")
async def test_the_deadline_kills_what_ignores_the_request_to_stop(tmp_path: Path, worker_is: Script) -> None:
    worker_is("epoch(2)" + HANGS)
    measurement = await _trained(tmp_path, deadline=1.5)
    assert measurement.failure == "timed out"
    assert measurement.error == "training took longer than 1.5 s (the last epoch to end was 2 of 3)"
    assert 1.5 < measurement.seconds < 10
    assert len(pids(tmp_path)) == 2
    wait_until(lambda: not any(map(lives, pids(tmp_path))))


@pytest.mark.usefixtures("short_grace")
async def test_silence_is_taken_for_a_hang_and_epochs_for_life(tmp_path: Path, worker_is: Script) -> None:
    worker_is("for n in range(1, 4): epoch(n); time.sleep(0.4)\n" + HANGS)
    started = time.monotonic()
    measurement = await _trained(tmp_path, silence=0.9)
    assert measurement.failure == "timed out"
    assert measurement.error == "training showed no life for 0.9 s (the last epoch to end was 3 of 3)"
    assert time.monotonic() - started > 1.7
    wait_until(lambda: not any(map(lives, pids(tmp_path))))


@pytest.mark.usefixtures("short_grace")
async def test_a_child_that_outlives_its_worker_is_killed(tmp_path: Path, worker_is: Script) -> None:
    worker_is(HANGS.replace("time.sleep(300)\n", "answer()\n") if HANGS.endswith("time.sleep(300)\n") else HANGS)
    assert await _trained(tmp_path) == _ANSWER
    assert len(pids(tmp_path)) == 2
    wait_until(lambda: not any(map(lives, pids(tmp_path))))


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelling_kills_the_worker(
    tmp_path: Path, worker_is: Script, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    worker_is(HANGS)
    monkeypatch.setattr(process, "GRACE", 0.3 if times == 1 else 60)
    evaluation = asyncio.ensure_future(_trained(tmp_path))
    await asyncio.to_thread(wait_until, lambda: pids(tmp_path))
    for _ in range(times):  # the second time while the first waits for the worker to stop
        evaluation.cancel()
        await asyncio.sleep(0.1)
    with pytest.raises(asyncio.CancelledError):
        await evaluation
    await asyncio.to_thread(wait_until, lambda: not any(map(lives, pids(tmp_path))))


@pytest.mark.usefixtures("short_grace")
async def test_what_hears_of_epochs_may_fail_and_nothing_is_left(tmp_path: Path, worker_is: Script) -> None:
    worker_is("epoch(1)" + HANGS)

    def fail(epoch: Epoch) -> None:
        wait_until(lambda: pids(tmp_path))
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        await _trained(tmp_path, on_epoch=fail)
    wait_until(lambda: not any(map(lives, pids(tmp_path))))


@pytest.mark.parametrize("delay", [0, 3], ids=["while torch is loaded", "while it trains"])
def test_a_parent_that_is_killed_leaves_no_worker(tmp_path: Path, delay: float) -> None:
    started = _started()
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)]) as parent:
        wait_until(lambda: len(_workers_of(parent.pid)) == 2)
        workers = _workers_of(parent.pid)
        time.sleep(delay)
        assert all(map(lives, workers))
        os.kill(parent.pid, signal.SIGKILL)
        wait_until(lambda: not any(map(lives, workers)))
    assert not list(tmp_path.rglob("answer.json"))
    assert not started()


def _workers_of(parent: int) -> list[int]:
    return descendants("-m genius.evaluators.worker", of=parent)


async def test_processes_are_started_ahead_and_end_with_the_pool(tmp_path: Path, worker_is: Script) -> None:
    worker_is("answer()")
    started = _started()
    seen: set[int] = set()
    async with LocalWorkers(places(2)) as workers:
        for number in range(3):
            assert len(started()) == 2
            seen.update(started())
            assert await workers.train(_job(tmp_path / str(number))) == _ANSWER
        seen.update(started())
    assert len(seen) == 5
    assert not started()


async def test_so_many_train_at_once_and_trials_take_turns(tmp_path: Path, worker_is: Script) -> None:
    worker_is("time.sleep(0.3); answer()")
    ends: list[str] = []

    async def train(workers: LocalWorkers, queue: int, number: int) -> None:
        await workers.train(_job(tmp_path / f"{queue}-{number}"), queue=queue)
        ends.append(f"{queue}-{number}")

    async with LocalWorkers(places(1)) as workers:
        started = time.monotonic()
        await asyncio.gather(*(train(workers, *of) for of in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]))
    assert ends == ["1-1", "2-1", "1-2", "2-2", "1-3"]
    assert time.monotonic() - started > 1.5


async def test_what_is_ours_raises(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        await _trained(tmp_path / "file")
    with pytest.raises(GeniusError, match="at least one place"):
        LocalWorkers([])


def test_places_share_the_cores_or_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert places(1) == [Place("cpu", cores())]
    assert places(2 * cores()) == [Place("cpu", 1)] * 2 * cores()
    share = max(1, cores() // 3)
    assert places(3, gpus=2, threads=4) == [Place(f"cuda:{gpu}", 4, loaders=share) for gpu in (0, 1, 0)]
    with pytest.raises(GeniusError, match="the number of workers must be at least 1, got 0"):
        places(0)
    with pytest.raises(GeniusError, match="the number of threads must be at least 1, got 0"):
        places(1, threads=0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    assert [place.environment["CUDA_VISIBLE_DEVICES"] for place in places(3, gpus=2)] == ["5", "7", "5"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert Place("cuda:1").environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert Place("cuda:1").assign(_job(Path("runs"))).device == "cuda"
    assert Place("cuda:1", loaders=3).assign(_job(Path("runs"))).loaders == 3
    assert Place("cuda:1", loaders=3).assign(replace(_job(Path("runs")), loaders=1)).loaders == 1
    assert Place("cpu", loaders=3).assign(_job(Path("runs"))).loaders is None
    assert Place("cpu").environment["CUDA_VISIBLE_DEVICES"] == ""


def test_the_pool_is_imported_without_torch() -> None:
    code = "import genius.evaluators.from_training, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


KILLS = 3  # benchmarks/kills.py makes more of them


async def test_kills_cost_no_training_and_at_most_an_epoch_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "worker_command", lambda: (sys.executable, "-c", _SAVES_EVERY_EPOCH))
    rng, epoch_ended = random.Random(0), asyncio.Event()
    jobs = [replace(_job(tmp_path / str(n)), architecture=(1,) * 9, seed=n) for n in range(2)]
    kills = 0
    async with LocalWorkers([Place()] * 2, ahead=None) as workers:
        each = [workers.train(job, on_epoch=lambda epoch: epoch_ended.set()) for job in jobs]
        trainings = asyncio.gather(*each)
        while kills < KILLS and not trainings.done():
            if kills % 3 == 2:  # every third one while one trains, the others at any time, which is mostly at the start
                epoch_ended.clear()
                await asyncio.wait([asyncio.create_task(epoch_ended.wait()), trainings], return_when="FIRST_COMPLETED")
            await asyncio.sleep(rng.uniform(0.05, 0.4))
            if alive := await asyncio.to_thread(descendants, "saving._LEAST"):
                os.kill(rng.choice(alive), signal.SIGKILL)
                kills += 1
        measurements = await trainings
        unbroken = await workers.train(replace(jobs[0], folder=tmp_path / "unbroken"))
    assert kills == KILLS
    assert [measurement.error for measurement in measurements] == [None] * 2
    assert measurements[0].accuracy == unbroken.accuracy
    told = [json.loads(line)["epoch"] for job in jobs for line in job.files.epochs.read_text().splitlines()]
    steps = [after - before for before, after in pairwise(told)]
    # 1 is the next epoch; 2 leaves one out that was saved but not told of before the kill; 0 trains one again
    assert all(step in (0, 1, 2) for step, epoch in zip(steps, told[1:], strict=True) if epoch > 1)
    assert told.count(1) <= 2 + kills
    assert len(told) >= 2 * 40 - KILLS


_SAVES_EVERY_EPOCH = """
from genius.evaluators import worker
from genius.training import saving
saving._LEAST = saving._TIMES = 0
worker.main()
"""
