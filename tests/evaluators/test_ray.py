"""What is Ray's alone; what every pool does is in the contract."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from genius.errors import GeniusError
from genius.evaluators import ray_workers
from genius.evaluators.ray_workers import RayWorkers
from genius.evaluators.scripts import CommandJob, FunctionJob
from genius.training.job import TrainingJob
from genius.training.recipes import RECIPES

from ..jobs import digits_job
from .stubs import descendants, lives, wait_until

_TRAIN = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from genius.training.job import TrainingJob
from genius.evaluators.ray_workers import RayWorkers
from genius.training.recipes import RECIPES

async def main():
    folder, epochs, *address = sys.argv[1:]
    recipe = replace(RECIPES.find("digits"), epochs=int(epochs))
    where = {"folder": Path(folder), "downloads": Path(folder)}
    job = TrainingJob(space="digits", architecture=(2,) * 9, data="digits", recipe=recipe, **where)
    async with RayWorkers(*address, capacity=1) as workers:
        print((await workers.train(job)).accuracy)

asyncio.run(main())
"""


def _job(folder: Path) -> TrainingJob:
    recipe = replace(RECIPES.find("digits"), epochs=1)
    return digits_job(folder, recipe=recipe)


def test_the_module_and_the_pool_do_without_ray_until_it_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import genius.evaluators.ray_workers as r, sys; r.RayWorkers(capacity=1); assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(GeniusError, match=r"pip install 'genius-nas\[ray\]'"):
        asyncio.run(RayWorkers(capacity=1).__aenter__())
    with pytest.raises(GeniusError, match="must be at least 1, got 0"):
        RayWorkers(capacity=0)


@pytest.mark.parametrize(
    ("address", "words"),
    [("ray://localhost:10001", "HOST:PORT, or auto, got 'ray://localhost:10001'"), ("localhost:1", "no Ray cluster")],
)
async def test_an_address_where_there_is_no_cluster_is_refused_at_once(address: str, words: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'genius-nas[ray]'")
    async with asyncio.timeout(10):
        with pytest.raises(GeniusError, match=words):
            await RayWorkers(address, capacity=1).__aenter__()


async def test_a_ray_of_our_own_is_private_can_be_joined_and_ends_with_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'genius-nas[ray]'")
    async with RayWorkers(capacity=1) as workers:
        address = ray.get_runtime_context().gcs_address
        processes = descendants("ray")
        assert _folders(os.getpid())
        assert address.startswith("127.0.0.1:")
        assert not _answers(socket.gethostbyname(socket.gethostname()), int(address.rpartition(":")[2]))
        command = [sys.executable, "-c", _TRAIN, str(tmp_path / "joined"), "1", address]
        joined = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert 0 <= float(joined.stdout) <= 100, joined.stderr
        assert (await workers.train(_job(tmp_path / "ours"))).error is None
        monkeypatch.setattr(ray_workers, "_version", lambda: "0.0")
        with pytest.raises(GeniusError, match=r"every node needs genius-nas 0\.0"):
            await workers.train(_job(tmp_path / "mismatch"))
    assert len(processes) > 3
    await asyncio.to_thread(wait_until, lambda: not any(map(lives, processes)))
    assert not _folders(os.getpid())


def _folders(pid: int) -> list[Path]:
    return list(Path("/tmp").glob(f"genius-ray-{pid}-*"))


def _answers(host: str, port: int) -> bool:
    if host.startswith("127."):
        return False
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_a_search_that_is_killed_leaves_no_training(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'genius-nas[ray]'")
    with subprocess.Popen([sys.executable, "-c", _TRAIN, str(tmp_path), "2000"]) as parent:
        wait_until((tmp_path / "epochs.jsonl").exists, 90)
        trains = descendants("-m genius.evaluators.worker", of=parent.pid)
        raylets = descendants("raylet/raylet", of=parent.pid)
        assert trains
        assert raylets
        os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(lives, trains + raylets)), 30)
    for folder in _folders(parent.pid):
        shutil.rmtree(folder, ignore_errors=True)


async def test_functions_and_commands_run_on_ray_and_keep_their_files_when_their_actor_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'genius-nas[ray]'")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    config: dict[str, Any] = {"width": 8, "optimiser": "sgd"}
    common: dict[str, Any] = {"config": config, "architecture": (0, 0), "home": tmp_path}
    placed = FunctionJob(function="hostile_functions:of_place", folder=tmp_path / "placed", **common)
    slow = FunctionJob(function="hostile_functions:on_from_checkpoint", folder=tmp_path / "slow", **common)
    script = "import json, os; print(json.load(open(os.environ['GENIUS_CONFIG']))['width'])"
    command = CommandJob(command=(sys.executable, "-c", script), folder=tmp_path / "command", **common)
    told: list[int] = []
    async with RayWorkers(capacity=1) as workers:
        assert (await workers.train(placed)).metrics["seed"] == 0
        assert (tmp_path / "placed" / "files" / "kept" / "deep" / "file").read_text() == "sgd"
        assert (await workers.train(command)).value == 8
        evaluation = asyncio.create_task(workers.train(slow, on_epoch=lambda epoch: told.append(epoch.epoch)))
        await asyncio.to_thread(wait_until, lambda: told, 60)
        for pid in descendants("ray::"):
            if descendants("genius.evaluators.worker", of=pid):
                os.kill(pid, signal.SIGKILL)
        measurement = await evaluation
    assert (measurement.error, len(measurement.curve)) == (None, 40)
    assert told.count(1) == 1  # it went on from its own file
