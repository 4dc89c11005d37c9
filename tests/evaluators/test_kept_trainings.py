"""Trainings that are kept: known by all that decides their outcome, and done once."""

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from genius.evaluators.kept_trainings import KeptTrainings
from genius.evaluators.pools import read_measurement
from genius.record.measurement import Measurement
from genius.training.job import DataSummary, TrainingJob
from genius.training.recipes import RECIPES, override


class Counting:
    """A pool that counts the jobs that it really does, each of which takes a moment."""

    capacity = 2

    def __init__(self):
        self.done = []

    async def train(self, job, **_):
        if (answer := read_measurement(job.files.answer)) is not None:
            return answer
        await asyncio.sleep(0.01)
        self.done.append(job)
        measurement = Measurement(50.0, seconds=2.0, device="CPU")
        job.save()
        job.files.answer.write_text(json.dumps(asdict(measurement)))
        return measurement


def job_of(tmp_path, *changes, **fields):
    recipe = override(RECIPES.find("digits"), changes)
    job = TrainingJob(
        space="digits",
        architecture=(0,) * 9,
        data="digits",
        recipe=recipe,
        folder=tmp_path / "own",
        downloads=Path("downloads"),
    )
    return replace(job, **fields)


@pytest.fixture
def kept(tmp_path):
    """Give a pool that keeps trainings, and the one behind it that counts."""
    counting = Counting()
    return KeptTrainings(counting, tmp_path / "trainings"), counting


async def test_two_who_ask_at_once_get_one_training(kept, tmp_path):
    pool, counting = kept
    one, other = await asyncio.gather(
        pool.train(job_of(tmp_path)), pool.train(job_of(tmp_path, folder=tmp_path / "other", device="cuda", threads=4))
    )
    assert one == other
    assert len(counting.done) == 1
    assert not (tmp_path / "own").exists()
    again = KeptTrainings(Counting(), tmp_path / "trainings")
    assert await again.train(job_of(tmp_path)) == one
    assert again.seconds() == {"CPU": 2.0}


@pytest.mark.parametrize(
    "other",
    [
        {"architecture": (1,) + (0,) * 8},
        {"seed": 1},
        {"data": "cifar10"},
        {"space": "nas-bench-macro"},
        {"recipe": override(RECIPES.find("digits"), ("epochs=3",))},
        {"recipe": override(RECIPES.find("digits"), ("size=16",))},
        {"found": DataSummary(("a", "b"), 1, 1, 1, (), "another split")},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_a_training_of_another_outcome_is_another_one(kept, tmp_path, other):
    pool, counting = kept
    await pool.train(job_of(tmp_path))
    await pool.train(job_of(tmp_path, **other))
    assert len(counting.done) == 2
    assert pool.seconds() == {"CPU": 4.0}
