import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from genius.evaluators import digits, training
from genius.evaluators.digits import Recipe, load_task, train
from genius.evaluators.training import Workers, training_evaluator
from genius.spaces.digits import DIGITS
from genius.spaces.macro import NAS_BENCH_MACRO
from genius.spaces.space import Architecture, BadArchitecture
from genius.tools.candidate import Measurement

_SMALL = (0,) * 9
_LARGE = (2,) * 9
_SHORT = Recipe(epochs=2)
_TOLD = """
import sys
sys.argv.append(sys.stdin.readline().rstrip())
"""
_HANG = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
with open(sys.argv[1] + ".pids", "w") as file:
    file.write(f"{os.getpid()} {child.pid}\\n")
time.sleep(300)
"""
_ANSWER = """
import json, pathlib, sys
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
pathlib.Path(job["answer"]).write_text(json.dumps({"accuracy": 50.0, "test_accuracy": 49.0, "seconds": 1.0}))
"""
_PARENT = """
import asyncio, sys
from pathlib import Path
from genius.evaluators.training import Workers, training_evaluator
from genius.spaces.digits import DIGITS

start = asyncio.create_subprocess_exec

async def start_and_tell(*command, **options):
    process = await start(*command, **options)
    print(process.pid, flush=True)
    return process

asyncio.create_subprocess_exec = start_and_tell

async def main():
    async with Workers("digits") as workers:
        folder = Path(sys.argv[1])
        evaluators = [training_evaluator(DIGITS, workers, seed=seed, folder=folder) for seed in (0, 1)]
        await asyncio.gather(*(evaluate((2,) * 9) for evaluate in evaluators))

asyncio.run(main())
"""

Script = Callable[[str], None]


@pytest.fixture
def worker_is(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put a script, which gets the job file as its argument, in the worker's place."""

    def replace(script: str) -> None:
        monkeypatch.setattr(training, "worker_command", lambda space: (sys.executable, "-c", _TOLD + script))

    return replace


async def _evaluated(architecture: Architecture, folder: Path, **options: Any) -> Measurement:
    async with Workers("digits") as workers:
        return await training_evaluator(DIGITS, workers, **{"seed": 0, "folder": folder, **options})(architecture)


def _lives(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def _wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def _pids(folder: Path) -> list[int]:
    (file,) = folder.glob("*.pids")
    return [int(pid) for pid in file.read_text().split()]


def _hangs(folder: Path) -> bool:
    return any(file.read_text().endswith("\n") for file in folder.glob("*.pids"))


def test_the_same_seed_gives_the_same_accuracies() -> None:
    first = train(_LARGE, 3, recipe=_SHORT)
    torch.rand(5)  # the global generator has no say
    again = train(_LARGE, 3, recipe=_SHORT)
    assert first.accuracy is not None
    assert (first.accuracy, first.test_accuracy) == (again.accuracy, again.test_accuracy)
    assert train(_LARGE, 4, recipe=_SHORT).accuracy != first.accuracy


def test_training_leaves_the_global_state_as_it_was() -> None:
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train(_SMALL, 0, recipe=_SHORT)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_training_learns_and_tells_of_every_epoch() -> None:
    told: list[tuple[int, float]] = []
    measurement = train((1,) * 9, 0, recipe=Recipe(epochs=6), on_epoch=lambda epoch, loss: told.append((epoch, loss)))
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1][1] < told[0][1]
    assert measurement.accuracy is not None
    assert measurement.accuracy > 25


def test_a_loss_that_is_not_a_number_is_a_measurement() -> None:
    measurement = train(_SMALL, 0, recipe=Recipe(epochs=3, lr=float("nan")))
    assert measurement.accuracy is None
    assert measurement.error == "loss became NaN in epoch 1 of 3"


def test_the_split_is_balanced_and_disjoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "_DISTORTION", digits.Distortion(shift=0, noise=0))
    load_task.cache_clear()
    task = load_task()
    load_task.cache_clear()
    parts = [{image.numpy().tobytes() for image in images} for images, _ in (task.train, task.validation, task.test)]
    assert [len(part) for part in parts] == [200, 799, 798]
    assert len(set.union(*parts)) == 1797
    assert torch.bincount(task.train[1]).tolist() == [20] * 10


def test_distortion_shifts_each_image_on_its_own() -> None:
    images = torch.zeros(200, 1, 8, 8)
    images[:, :, 4, 4] = 1
    moved = digits.Distortion(shift=1, noise=0)(images, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    assert moved.sum() == 200
    assert len({tuple(place) for place in moved.nonzero()[:, 2:].tolist()}) == 9


async def test_an_architecture_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement = await _evaluated(_SMALL, tmp_path / "new")
    assert measurement.error is None
    assert measurement.accuracy is not None
    assert 10 < measurement.accuracy < 100
    assert measurement == Measurement(**json.loads((tmp_path / "new" / "000000000-seed0.json").read_text()))
    assert sorted(file.suffix for file in (tmp_path / "new").iterdir()) == [".job", ".json", ".log"]
    assert (tmp_path / "new" / "000000000-seed0.log").read_text() == ""
    monkeypatch.setattr(training, "worker_command", lambda space: ("false",))
    assert await _evaluated(_SMALL, tmp_path / "new") == measurement


@pytest.mark.parametrize(
    "torn", ["", '{"accuracy": 5', "{}", "[1]", '{"accuracy": "high"}', '{"accuracy": NaN}', "\xff"]
)
async def test_an_answer_that_makes_no_sense_is_trained_again(tmp_path: Path, worker_is: Script, torn: str) -> None:
    worker_is(_ANSWER)
    answer = tmp_path / "000000000-seed7.json"
    answer.write_text(torn, encoding="latin-1")
    expected = Measurement(accuracy=50.0, test_accuracy=49.0, seconds=1.0)
    assert await _evaluated(_SMALL, tmp_path, seed=7) == expected
    assert training.read_answer(answer) == expected


async def test_an_error_of_the_training_is_an_answer(tmp_path: Path) -> None:
    answer = tmp_path / "000000000-seed0.json"
    answer.write_text('{"error": "loss became NaN in epoch 1 of 3", "seconds": 2.5}')
    measurement = await _evaluated(_SMALL, tmp_path)
    assert measurement == Measurement(error="loss became NaN in epoch 1 of 3", seconds=2.5)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("raise OSError('No space left on device')", "training failed: OSError: No space left on device"),
        ("import os; os.kill(os.getpid(), 9)", "training failed: the worker was ended by signal 9 (Killed)"),
        ("raise SystemExit(3)", "training failed: the worker ended with code 3 and no answer"),
        ("", "training failed: the worker ended with code 0 and no answer"),
    ],
)
async def test_a_worker_that_crashes_is_a_measurement(
    tmp_path: Path, worker_is: Script, script: str, error: str
) -> None:
    worker_is(script)
    measurement = await _evaluated(_SMALL, tmp_path)
    assert (measurement.accuracy, measurement.error) == (None, error)


async def test_the_deadline_kills_what_ignores_the_request_to_stop(
    tmp_path: Path, worker_is: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_is(_HANG)
    monkeypatch.setattr(training, "_GRACE", 0.3)
    measurement = await _evaluated(_SMALL, tmp_path, deadline=1.5)
    assert measurement.error == "training took longer than 1.5 s"
    assert 1.5 < measurement.seconds < 10
    _wait_until(lambda: not any(map(_lives, _pids(tmp_path))))


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelling_kills_the_worker(
    tmp_path: Path, worker_is: Script, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    worker_is(_HANG)
    monkeypatch.setattr(training, "_GRACE", 0.3 if times == 1 else 60)
    evaluation = asyncio.ensure_future(_evaluated(_SMALL, tmp_path))
    await asyncio.to_thread(_wait_until, lambda: _hangs(tmp_path))
    for _ in range(times):  # the second time while the first waits for the worker to stop
        evaluation.cancel()
        await asyncio.sleep(0.1)
    with pytest.raises(asyncio.CancelledError):
        await evaluation
    await asyncio.to_thread(_wait_until, lambda: not any(map(_lives, _pids(tmp_path))))


@pytest.mark.parametrize("delay", [0, 3], ids=["while torch is loaded", "while it trains"])
def test_a_parent_that_is_killed_leaves_no_worker(tmp_path: Path, delay: float) -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        time.sleep(delay)
        assert all(map(_lives, workers))
        os.kill(parent.pid, signal.SIGKILL)
        _wait_until(lambda: not any(map(_lives, workers)))
    assert not list(tmp_path.glob("*.json"))


async def test_workers_are_started_ahead_and_end_with_their_owner(tmp_path: Path) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def start_and_tell(*command: str, **options: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **options))
        return started[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio, "create_subprocess_exec", start_and_tell)
        async with Workers("digits") as workers:
            evaluate = training_evaluator(DIGITS, workers, seed=0, folder=tmp_path)
            for number, architecture in enumerate([_SMALL, (1, *_SMALL[1:])], start=1):
                assert (await evaluate(architecture)).error is None
                assert [process.returncode for process in started] == [0] * number + [None]
    assert len(started) == 3
    assert not any(_lives(process.pid) for process in started)


def test_a_space_without_training_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no training for nas-bench-macro: the spaces trained .* are digits"):
        Workers(NAS_BENCH_MACRO.name)


async def test_what_is_ours_raises(tmp_path: Path) -> None:
    with pytest.raises(BadArchitecture, match="expected 9 numbers, got 2"):
        await _evaluated((0, 0), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        await _evaluated(_SMALL, tmp_path / "file")


def test_the_evaluator_is_imported_without_torch() -> None:
    code = "import genius.evaluators.training, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
