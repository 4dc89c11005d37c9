"""The evaluator that has architectures trained."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from genius.evaluators import process
from genius.evaluators.from_training import folder_name, training_evaluator
from genius.evaluators.pools import read_measurement
from genius.evaluators.workers import LocalWorkers, Place
from genius.spaces.digits import DIGITS
from genius.spaces.space import Architecture, BadArchitecture
from genius.training.job import Epoch, JobFiles, TrainingJob
from genius.training.recipes import RECIPES

from ..jobs import digits_job
from .stubs import command

Script = Callable[[str], None]


@pytest.fixture
def worker_is(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put a script, which has `job` and `folder`, in the worker's place."""
    return lambda script: monkeypatch.setattr(process, "worker_command", lambda: command(script))


def _common(folder: Path, seed: int = 0) -> TrainingJob:
    recipe = replace(RECIPES.find("digits"), epochs=2)
    return digits_job(folder, architecture=(), seed=seed, recipe=recipe)


async def test_each_training_has_a_folder_of_its_own_and_its_epochs_are_told(tmp_path: Path, worker_is: Script) -> None:
    worker_is("epoch(1, of=1); answer(sum(job['architecture']) + job['seed'])")
    told: list[tuple[Architecture, int]] = []

    def hear(architecture: Architecture, epoch: Epoch) -> None:
        told.append((architecture, epoch.epoch))

    async with LocalWorkers([Place(), Place()]) as workers:
        evaluate = training_evaluator(DIGITS, _common(tmp_path / "new", seed=7), workers, on_epoch=hear)
        small, large = await asyncio.gather(evaluate((0,) * 9), evaluate((2,) * 9))
        assert (small.accuracy, large.accuracy) == (7, 25)
        worker_is("raise SystemExit('trained again')")
        assert await evaluate((0,) * 9) == small
    assert sorted(told) == [((0,) * 9, 1), ((2,) * 9, 1)]
    assert sorted(folder.name for folder in (tmp_path / "new").iterdir()) == ["000000000-seed7", "222222222-seed7"]
    assert read_measurement(JobFiles(tmp_path / "new" / "222222222-seed7").answer) == large


async def test_limits_reach_the_training(tmp_path: Path, worker_is: Script) -> None:
    worker_is("time.sleep(300)")
    async with LocalWorkers([Place(), Place()]) as workers:
        late = training_evaluator(DIGITS, _common(tmp_path, 0), workers, deadline=0.3)
        silent = training_evaluator(DIGITS, _common(tmp_path, 1), workers, silence=0.3)
        measurements = await asyncio.gather(late((0,) * 9), silent((0,) * 9))
    assert [measurement.failure for measurement in measurements] == ["timed out", "timed out"]
    errors = [measurement.error for measurement in measurements]
    assert errors == [
        "training took longer than 0.3 s (no epoch ended)",
        "training showed no life for 0.3 s (no epoch ended)",
    ]


async def test_an_architecture_of_another_space_is_refused(tmp_path: Path) -> None:
    async with LocalWorkers([Place()], ahead=None) as workers:
        with pytest.raises(BadArchitecture, match="expected 9 numbers, got 2"):
            await training_evaluator(DIGITS, _common(tmp_path), workers)((0, 0))
    assert not list(tmp_path.iterdir())


def test_folders_have_short_names_that_differ() -> None:
    assert folder_name((0, 1, 2), 3) == "012-seed3"
    assert folder_name((1, 12), 0) == "1-12-seed0"
    assert folder_name((11, 2), 0) == "11-2-seed0"
    assert len(folder_name((15,) * 30, 10**9)) < 120
