"""The graph without a run folder: its checkpoints alone hold a trial, also for another process."""

import asyncio

import genius
import pytest
from genius.agents.baselines import random_search
from genius.graph.slots import Slots
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

REGION = genius.Region(genius.get_space("nas-bench-macro"))


class Evaluator:
    """Notes what it was asked; may hang once, until it is cut off."""

    def __init__(self, hangs_at=0):
        self.asked = []
        self.hangs_at = hangs_at

    async def __call__(self, architecture):
        self.asked.append(architecture)
        await asyncio.sleep(60 if len(self.asked) == self.hangs_at else 0.002 * architecture[-1])
        return float(sum(architecture))


async def go_on(path, evaluator, count, *, slots=1, trial=1, durability="async", iterations=None):
    """Do what a process of one's own does: open the checkpoints, and make so many iterations."""
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver, Slots(slots) as places:
        graph = genius.build_graph(saver)
        proposer = random_search(REGION, (0, trial))
        context = genius.Context(REGION, proposer, evaluator, slots=places, iterations=iterations)
        config = {"configurable": {"thread_id": f"mine {trial}"}}
        for _ in range(count):
            state = await graph.ainvoke({"trial": trial}, config, context=context, durability=durability)
    return state


@pytest.mark.parametrize("durability", ["async", "sync", "exit"])
async def test_another_process_goes_on_and_trains_nothing_twice(tmp_path, durability):
    evaluator, alone = Evaluator(), Evaluator()
    for count, done in ((3, 3), (2, 5), (1, 6)):
        state = await go_on(tmp_path / "db", evaluator, count, durability=durability)
        assert state["done"] == len(state["history"]) == done
    assert len(set(evaluator.asked)) == len(evaluator.asked) == 6
    await go_on(tmp_path / "alone", alone, 6)
    assert evaluator.asked == alone.asked


async def test_with_several_slots_only_what_was_in_flight_is_trained_again(tmp_path):
    evaluator = Evaluator()
    for count in (3, 2, 1):
        state = await go_on(tmp_path / "db", evaluator, count, slots=3, iterations=6)
    finished = [tuple(candidate["architecture"]) for candidate in state["history"]]
    assert (state["done"], state["running"]) == (6, [])
    assert set(finished) == set(evaluator.asked)
    assert len(set(finished)) == 6
    assert len(evaluator.asked) <= 6 + 2 + 2  # two besides the one that was waited for, at each of two ends


async def test_trials_have_threads_of_their_own(tmp_path):
    evaluator = Evaluator()
    for _ in range(2):
        states = [await go_on(tmp_path / "db", evaluator, 2, trial=trial) for trial in (1, 2)]
    assert [(state["trial"], state["done"], len(state["history"])) for state in states] == [(1, 4, 4), (2, 4, 4)]


@pytest.mark.parametrize("durability", ["async", "exit"])
async def test_an_iteration_that_was_cut_off_is_made_again_and_no_other(tmp_path, durability):
    evaluator = Evaluator(hangs_at=3)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(go_on(tmp_path / "db", evaluator, 5, durability=durability), 1)
    state = await go_on(tmp_path / "db", evaluator, 3, durability=durability)
    assert state["done"] == 5
    assert len(evaluator.asked) == 6
    assert evaluator.asked[2] == evaluator.asked[3]
    assert len(set(evaluator.asked)) == 5


async def test_what_an_invocation_returned_may_be_passed_in_again():
    evaluator, graph = Evaluator(), genius.build_graph()
    context, state = genius.Context(REGION, random_search(REGION, (0,)), evaluator), {}
    for done in range(1, 4):
        state = await graph.ainvoke(state, context=context)
        assert state["done"] == len(state["history"]) == done
        context = genius.Context(REGION, random_search(REGION, (0,)), evaluator)  # which knows nothing
    assert len(set(evaluator.asked)) == 3


async def test_a_state_without_its_history_is_refused():
    context = genius.Context(REGION, random_search(REGION, (0,)), Evaluator())
    with pytest.raises(genius.GeniusError, match="the journal of trial 1 holds 0 lines, its checkpoint stands on 4"):
        await genius.build_graph().ainvoke({"done": 4}, context=context)
