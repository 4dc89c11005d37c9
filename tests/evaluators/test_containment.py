"""What a training starts ends with it, also what cut itself loose: sessions of its own, daemons, herds."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from genius.evaluators import process
from genius.evaluators.containment import CONTAINED
from genius.evaluators.workers import LocalWorkers, places
from genius.record.measurement import Measurement
from genius.training.job import TrainingJob

from ..jobs import digits_job
from .stubs import command, lives, pids, wait_until

pytestmark = pytest.mark.skipif(not CONTAINED, reason="this platform contains no more than the process group")

_LOOSE = """[sys.executable, "-c", "import signal, time\\nsignal.signal(15, signal.SIG_IGN)\\n"
    "print(1, flush=True)\\ntime.sleep(300)"]"""
WAYS = {
    "a session of its own": "child = subprocess.Popen(LOOSE, stdout=-1, start_new_session=True)\n",
    "without an environment": "child = subprocess.Popen(LOOSE, stdout=-1, start_new_session=True, env={})\n",
    "forked twice": """
read, write = os.pipe()
if not os.fork():
    os.setsid()
    child = subprocess.Popen(LOOSE, stdout=-1, start_new_session=True)
    child.stdout.readline()
    os.write(write, str(child.pid).encode())
    os._exit(0)
class child: pid = int(os.read(read, 20)); stdout = open(os.devnull)
os.wait()
""",
    "a herd that grows": """
child = subprocess.Popen([sys.executable, "-c", "import os, subprocess, time\\nprint(1, flush=True)\\n"
    "while True: subprocess.Popen(['sleep', '300.123'], start_new_session=True); time.sleep(0.02)"],
    stdout=-1, start_new_session=True)
""",
}
_SAID = """child.stdout.readline()
with open(folder / "pids.tmp", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(folder / "pids.tmp", folder / "pids")
"""
_PARENT = """
import asyncio, sys
from pathlib import Path
from genius.evaluators import process
from genius.evaluators.workers import LocalWorkers, places
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES

process.worker_command = lambda: (sys.executable, "-c", sys.argv[2])

async def main():
    folder = Path(sys.argv[1])
    async with LocalWorkers(places(1)) as workers:
        recipe = RECIPES.find("digits")
        where = {"folder": folder, "downloads": folder}
        await workers.train(TrainingJob(space="digits", architecture=(2,) * 9, data="digits", recipe=recipe, **where))

asyncio.run(main())
"""


def _script(way: str, then: str) -> tuple[str, ...]:
    return command(WAYS[way].replace("LOOSE", _LOOSE) + _SAID + then)


def _nothing_left(folder: Path) -> bool:
    return len(pids(folder)) == 2 and not any(map(lives, [*pids(folder), *_sleepers("300.123")]))


def _job(space: str, folder: Path) -> TrainingJob:
    return digits_job(folder, space=space)


async def _train(folder: Path) -> Measurement:
    async with LocalWorkers(places(1), tries=1, ahead=None) as workers:
        return await workers.train(_job("digits", folder), deadline=60)


@pytest.fixture
def worker_does(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that puts a script in the worker's place: how it starts a process, and what it does then."""

    def use(way: str, then: str) -> None:
        monkeypatch.setattr(process, "GRACE", 0.3)
        monkeypatch.setattr(process, "worker_command", lambda: _script(way, then))

    return use


@pytest.mark.parametrize("way", WAYS)
async def test_with_a_worker_that_has_answered(way, worker_does, tmp_path):
    worker_does(way, "answer()")
    assert (await _train(tmp_path)).accuracy == 50.0
    assert _nothing_left(tmp_path)


@pytest.mark.parametrize("way", WAYS)
async def test_with_a_worker_that_is_killed(way, worker_does, tmp_path):
    worker_does(way, "os.kill(os.getpid(), 9)")
    measurement = await _train(tmp_path)
    assert measurement.error == "training failed: the worker was ended by signal 9 (Killed)"
    assert _nothing_left(tmp_path)


@pytest.mark.parametrize("way", WAYS)
async def test_with_a_training_that_is_cancelled(way, worker_does, tmp_path):
    worker_does(way, "time.sleep(300)")
    training = asyncio.ensure_future(_train(tmp_path))
    await asyncio.to_thread(wait_until, lambda: pids(tmp_path))
    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training
    assert _nothing_left(tmp_path)


@pytest.mark.parametrize("way", WAYS)
def test_with_a_search_that_is_killed(way, tmp_path):
    script = _script(way, "time.sleep(300)")[-1]
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path), script]) as parent:
        wait_until(lambda: pids(tmp_path))
        parent.kill()
    wait_until(lambda: _nothing_left(tmp_path))


def test_with_a_supervisor_that_is_killed(tmp_path):
    """The real worker, of a job that hangs: a pipe that nobody writes."""
    code = "import genius.spaces.digits as digits, subprocess, sys\n"
    code += "child = subprocess.Popen(['sleep', '300.456'], start_new_session=True)\nSPACE = digits.DIGITS\n"
    code += "import time; time.sleep(300)\n"
    (tmp_path / "hanging.py").write_text(code)
    job = _job("hanging:SPACE", tmp_path)
    words = [sys.executable, "-m", "genius.evaluators.containment", *process.worker_command()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True, cwd=tmp_path) as supervisor:
        assert supervisor.stdin is not None
        supervisor.stdin.write(os.fsencode(job.save()) + b"\n")
        supervisor.stdin.flush()
        wait_until(lambda: _sleepers("300.456"), 60)
        supervisor.kill()
    wait_until(lambda: not _sleepers("300.456"))


def _sleepers(seconds: str) -> list[int]:
    listed = subprocess.run(["pgrep", "-f", f"^sleep {seconds}"], capture_output=True, text=True, check=False).stdout
    return [int(pid) for pid in listed.split() if lives(int(pid))]


def _ended(code: str) -> int:
    words = [sys.executable, "-m", "genius.evaluators.containment", sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as running:  # its input stays open: closed, it would end it
        return running.wait(60)


def test_no_process_of_others_is_touched_and_no_zombie_left():
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        leaves = (
            "import subprocess; subprocess.Popen(['sleep', '300.789'], start_new_session=True); raise SystemExit(7)"
        )
        assert _ended(leaves) == 7
        assert not _sleepers("300.789")
        assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_a_signal_that_ends_the_command_is_told_as_one(number):
    assert _ended(f"import os; os.kill(os.getpid(), {int(number)})") == -number


def test_a_process_of_the_same_number_that_started_later_is_another_one():
    from genius.evaluators.containment import _kill, _stat

    other = subprocess.Popen(["sleep", "60"])
    stat = _stat(other.pid)
    assert stat is not None
    _kill((other.pid, stat[2] - 1))
    time.sleep(0.1)
    assert other.poll() is None
    assert _kill((other.pid, stat[2]))
    assert other.wait(10) == -signal.SIGKILL
    assert not _kill((other.pid, stat[2]))
