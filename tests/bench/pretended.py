"""A pool that trains nothing."""

import json
from collections.abc import Callable
from dataclasses import asdict

from genius.evaluators.pools import read_measurement
from genius.record.measurement import Measurement
from genius.training.job import TrainingJob


class Pretended:
    """A pool whose trainings take no time; `measured` says what comes of one. It leaves answers as workers do."""

    def __init__(self, measured: Callable[[TrainingJob], Measurement]) -> None:
        self.capacity, self.measured = 1, measured
        self.jobs: list[TrainingJob] = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_): ...

    async def train(self, job, **_):
        if (answer := read_measurement(job.files.answer)) is not None:
            return answer
        self.jobs.append(job)
        measurement = self.measured(job)
        job.save()
        job.files.answer.write_text(json.dumps(asdict(measurement)))
        return measurement
