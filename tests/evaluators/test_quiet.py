"""Measurements of time run while no evaluation of the search does."""

import asyncio

from genius.evaluators.quiet import Quiet


class Log:
    """What runs, in the order in which it began and ended."""

    def __init__(self):
        self.quiet, self.lines = Quiet(), []

    async def evaluation(self, name, steps):
        async with self.quiet.evaluation():
            await self._run(name, steps)

    async def measurement(self, name, steps):
        async with self.quiet.measurement():
            await self._run(name, steps)

    async def _run(self, name, steps):
        self.lines.append(f"{name} begins")
        for _ in range(steps):
            await asyncio.sleep(0)
        self.lines.append(f"{name} ends")


async def test_evaluations_run_beside_each_other():
    log = Log()
    await asyncio.gather(log.evaluation("a", 9), log.evaluation("b", 9))
    assert log.lines[:2] == ["a begins", "b begins"]


async def test_a_measurement_waits_for_evaluations_and_holds_later_ones_off():
    log = Log()
    tasks = [asyncio.create_task(log.evaluation("a", 20))]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(log.measurement("m", 9)))
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(log.evaluation("b", 1)))
    await asyncio.gather(*tasks)
    assert log.lines == ["a begins", "a ends", "m begins", "m ends", "b begins", "b ends"]


async def test_measurements_run_one_after_the_other():
    log = Log()
    await asyncio.gather(*(log.measurement(name, 9) for name in "mn"))
    assert log.lines == ["m begins", "m ends", "n begins", "n ends"]


async def test_a_measurement_that_is_cancelled_while_it_waits_holds_nothing_off():
    log = Log()
    running = asyncio.create_task(log.evaluation("a", 50))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(log.measurement("m", 9))
    await asyncio.sleep(0)
    later = asyncio.create_task(log.evaluation("b", 1))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.wait_for(later, 5)
    assert log.lines == ["a begins", "b begins", "b ends"]
    await running


async def test_an_evaluation_that_fails_lets_the_measurement_go_on():
    quiet = Quiet()

    async def fails():
        async with quiet.evaluation():
            await asyncio.sleep(0)
            raise ValueError("it failed")

    failing = asyncio.create_task(fails())
    await asyncio.sleep(0)
    async with asyncio.timeout(5), quiet.measurement():
        pass
    assert isinstance((await asyncio.gather(failing, return_exceptions=True))[0], ValueError)
