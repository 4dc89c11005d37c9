"""The meter of a search: each network is measured once, alone, and the run folder keeps what was found."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from genius.errors import RunFailed
from genius.evaluators import meter as meters
from genius.evaluators.measures import NetworkJob
from genius.evaluators.meter import READINGS_FILE, Meter, in_workers
from genius.evaluators.workers import LocalWorkers, Place
from genius.record.files import BrokenRun
from genius.record.measurement import Measurement

HERE = Path(__file__).parent
COMMON = NetworkJob(folder=Path(), space="measured:PLAIN", architecture=(), measures=("memory",), seconds=0.2)


class Counted:
    """Does jobs without a network: each value tells how many there were before."""

    def __init__(self):
        self.jobs = []

    async def __call__(self, job):
        self.jobs.append(job.architecture)
        await asyncio.sleep(0)
        value = float(len(self.jobs))
        return Measurement(value, metrics={"memory": value})


def opened(folder, do, common=COMMON):
    meter = Meter(common, do)
    meter.keep_in(folder)
    return meter


async def test_a_network_is_measured_once_whoever_asks(tmp_path):
    do = Counted()
    meter = opened(tmp_path, do)
    found = await asyncio.gather(meter((0, 0)), meter((1, 0)), meter((0, 0)))
    assert [each.value for each in found] == [1.0, 2.0, 1.0]
    assert do.jobs == [(0, 0), (1, 0)]


async def test_a_search_that_goes_on_sees_the_numbers_that_it_saw(tmp_path):
    before = await opened(tmp_path, Counted())((0, 0))
    do = Counted()
    assert await opened(tmp_path, do)((0, 0)) == before
    assert do.jobs == []


@pytest.mark.parametrize(
    "changed", [{"batch": 2}, {"threads": 2}, {"device": "cuda"}, {"runtime": "onnx"}, {"measures": ("latency",)}]
)
async def test_what_was_measured_under_other_conditions_is_measured_again(tmp_path, changed):
    await opened(tmp_path, Counted())((0, 0))
    do = Counted()
    await opened(tmp_path, do, replace(COMMON, **changed))((0, 0))
    assert do.jobs == [(0, 0)]


async def test_a_version_of_torch_is_a_condition(tmp_path, monkeypatch):
    await opened(tmp_path, Counted())((0, 0))
    monkeypatch.setattr(meters, "version", lambda package: "99.0")
    do = Counted()
    await opened(tmp_path, do)((0, 0))
    assert do.jobs == [(0, 0)]


async def test_a_torn_line_is_cut_off_and_measured_again(tmp_path):
    meter = opened(tmp_path, Counted())
    await meter((0, 0))
    await meter((1, 0))
    file = tmp_path / READINGS_FILE
    file.write_bytes(file.read_bytes()[:-20])
    do = Counted()
    again = opened(tmp_path, do)
    assert (await again((0, 0))).value == 1.0
    await again((1, 0))
    assert do.jobs == [(1, 0)]
    assert len([json.loads(line) for line in file.read_text().splitlines()]) == 2


async def test_a_line_of_a_stranger_is_refused_by_its_place(tmp_path):
    (tmp_path / READINGS_FILE).write_text('{"architecture": [0], "conditions": 3}\n')
    with pytest.raises(BrokenRun, match="line 1, cannot be read"):
        await opened(tmp_path, Counted())((0, 0))


async def test_it_waits_for_the_evaluations_that_run(tmp_path):
    meter = opened(tmp_path, do := Counted())
    async with meter.quiet.evaluation():
        waiting = asyncio.create_task(meter((0, 0)))
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert do.jobs == []
    await waiting
    assert do.jobs == [(0, 0)]


async def test_a_folder_that_cannot_be_written_ends_the_search(tmp_path):
    async def do(job):
        raise PermissionError(13, "Permission denied", str(job.folder))

    with pytest.raises(RunFailed, match=r"cannot measure in .*: Permission denied"):
        await opened(tmp_path, do)((0, 0))


@pytest.fixture
async def workers(monkeypatch):
    """Yield what does jobs in worker processes that find `measured`."""
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    monkeypatch.syspath_prepend(str(HERE))
    async with LocalWorkers([Place("cpu", 1)], tries=1, ahead="network") as pool:
        yield in_workers(pool)


async def test_a_worker_measures_and_leaves_nothing_but_the_reading(tmp_path, workers):
    found = await opened(tmp_path, workers)((0, 0))
    assert found.value == pytest.approx(4e-6 * (26_000 + 16 + 2_000))
    assert [file.name for file in tmp_path.iterdir()] == [READINGS_FILE]


async def test_a_network_that_crashes_its_worker_is_a_failure_and_the_next_one_is_measured(tmp_path, workers):
    meter = opened(tmp_path, workers, replace(COMMON, space="measured:CRASHING"))
    crashed, found = await meter((0, 1)), await meter((0, 0))
    assert (crashed.failure, crashed.error) == (
        "crashed",
        "measurement failed: the worker ended with code 3 and no answer",
    )
    assert found.error is None


async def test_a_network_that_hangs_is_a_failure(tmp_path, workers, monkeypatch):
    monkeypatch.setattr(meters, "_STARTING", 3.0)
    found = await opened(tmp_path, workers, replace(COMMON, space="measured:HANGING"))((0, 1))
    assert found.failure == "timed out"
    assert "measurement took longer than" in found.error
