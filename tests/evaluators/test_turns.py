"""Places are shared fairly."""

import asyncio

import pytest
from genius.evaluators.turns import Turns


async def _takes(turns: Turns[str], queue: int, name: str, log: list[str], work: asyncio.Event) -> None:
    async with turns.take(queue):
        log.append(name)
        await work.wait()


async def _order(turns: Turns[str], wishes: list[tuple[int, str]]) -> list[str]:
    log: list[str] = []
    done = asyncio.Event()
    done.set()
    async with turns.take():
        takers = []
        for queue, name in wishes:
            takers.append(asyncio.create_task(_takes(turns, queue, name, log, done)))
            await asyncio.sleep(0)
    await asyncio.gather(*takers)
    return log


async def test_queues_take_turns_and_each_is_served_in_order() -> None:
    wishes = [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (2, "b2")]
    assert await _order(Turns(["place"]), wishes) == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_no_more_are_served_at_once_than_there_are_places() -> None:
    turns, log, work = Turns(["one", "two"]), list[str](), asyncio.Event()
    takers = [asyncio.create_task(_takes(turns, 0, str(n), log, work)) for n in range(5)]
    await asyncio.sleep(0.01)
    assert log == ["0", "1"]
    work.set()
    await asyncio.gather(*takers)
    assert log == ["0", "1", "2", "3", "4"]


async def test_one_that_leaves_its_queue_holds_nobody_up() -> None:
    turns, log, work = Turns(["place"]), list[str](), asyncio.Event()
    takers = [asyncio.create_task(_takes(turns, queue, f"{queue}", log, work)) for queue in (0, 1, 2)]
    await asyncio.sleep(0.01)
    takers[1].cancel()
    work.set()
    await asyncio.gather(*takers, return_exceptions=True)
    assert log == ["0", "2"]


@pytest.mark.parametrize("served", [True, False], ids=["after it was served", "before it was served"])
async def test_one_that_leaves_in_the_moment_it_is_served_passes_the_place_on(served: bool) -> None:
    turns, log, work = Turns(["place"]), list[str](), asyncio.Event()
    work.set()
    async with turns.take():
        leaves = asyncio.create_task(_takes(turns, 1, "leaves", log, work))
        stays = asyncio.create_task(_takes(turns, 2, "stays", log, work))
        await asyncio.sleep(0)
        if not served:
            leaves.cancel()
    if served:
        leaves.cancel()  # the place is its own by now, but it does not know yet
    with pytest.raises(asyncio.CancelledError):
        await leaves
    await asyncio.wait_for(stays, 1)
    assert log == ["stays"]
    async with asyncio.timeout(1), turns.take():
        pass
