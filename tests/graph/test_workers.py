"""Several evaluations in flight: no barrier, nothing twice, and nothing lost when a run is cut off."""

import asyncio
import json
import time

import genius
import pytest
from genius.record.journal import Journal
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver

SPACE = genius.get_space("nas-bench-macro")


class Bench:
    """An evaluator that takes 1 to 4 units, longer for larger numbers, and notes when each one ran."""

    def __init__(self, unit=0.1):
        self.unit, self.running, self.most = unit, 0, 0
        self.evaluated, self.times = [], []

    async def __call__(self, architecture):
        self.running += 1
        self.most = max(self.most, self.running)
        started = time.perf_counter()
        try:
            await asyncio.sleep(self.unit * (1 + 3 * sum(architecture) / 16))
        finally:
            self.running -= 1
            self.times.append((started, time.perf_counter()))
        self.evaluated.append(architecture)
        return genius.Measurement(accuracy=50.0 + sum(architecture))

    def busy(self, workers):
        """Return the share of the workers' time that was used, from the first start to the last one."""
        first, last = min(start for start, _ in self.times), max(start for start, _ in self.times)
        used = sum(min(end, last) - start for start, end in self.times)
        return used / (workers * (last - first))


def candidates(result, trial=1):
    return result.trials[trial - 1].candidates


async def test_workers_are_kept_busy(tmp_path):
    bench = Bench(unit=0.4)
    result = await genius.search(
        SPACE, proposer="random", evaluator=bench, iterations=16, workers=4, run=tmp_path / "run", trace=False
    )
    assert bench.most == 4
    assert [c.iteration for c in candidates(result)] == list(range(1, 17))
    assert len({c.architecture for c in candidates(result)}) == len(bench.evaluated) == 16
    assert bench.busy(workers=4) > 0.8  # 97% where the machine is free; a barrier after every four leaves 60 to 70%


async def test_the_prompt_tells_what_is_in_training_and_a_repeat_of_it_is_refused(tmp_path):
    replies = ("[0,0,0,0,0,0,0,0]", "[0,0,0,0,0,0,0,0]", "[2,2,2,2,2,2,2,2]", "[1,1,1,1,1,1,1,1]")
    model = GenericFakeChatModel(messages=iter([AIMessage(reply) for reply in replies]))
    result = await genius.search(
        SPACE, llm=model, proposer="model", evaluator=Bench(), iterations=3, workers=2, run=tmp_path / "run"
    )
    assert [c.architecture[0] for c in candidates(result)] == [0, 2, 1]
    assert candidates(result)[1].refusals[0].reason == "[0, 0, 0, 0, 0, 0, 0, 0] is being trained in iteration 1"
    calls = [json.loads(line) for line in (tmp_path / "run" / "calls.jsonl").read_text().splitlines()]
    prompts = [call["prompt"][1]["content"] for call in calls]
    assert "In training now" not in prompts[0]
    assert "do not propose these again:\n- [0, 0, 0, 0, 0, 0, 0, 0]\n" in prompts[1]
    # the shorter training ended first: the third proposal knows its result, and that the longer one goes on
    assert "- iteration 1: [0, 0, 0, 0, 0, 0, 0, 0], 50.00%" in prompts[3]
    assert "do not propose these again:\n- [2, 2, 2, 2, 2, 2, 2, 2]\n" in prompts[3]


@pytest.mark.parametrize("proposer", ["random", "evolution"])
async def test_what_was_in_flight_is_taken_up_again(tmp_path, proposer):
    options = {"proposer": proposer, "iterations": 12, "workers": 3, "trace": False}
    bench = Bench()
    for attempt in range(3):  # cut off at three moments, then left alone
        start = genius.resume(tmp_path / "run", evaluator=bench) if attempt else None
        start = start or genius.search(SPACE, evaluator=bench, run=tmp_path / "run", **options)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(start, 0.35)
        assert bench.running == 0
    result = await genius.resume(tmp_path / "run", evaluator=bench)
    assert [c.iteration for c in candidates(result)] == list(range(1, 13))
    assert len({c.architecture for c in candidates(result)}) == 12
    finished = [c.architecture for c in Journal.load(tmp_path / "run").finished(1)]
    assert len(finished) == 12
    assert all(bench.evaluated.count(architecture) == 1 for architecture in finished)


async def test_random_proposals_do_not_depend_on_how_many_workers_there_are(tmp_path):
    found = []
    for workers in (1, 3):
        options = {"iterations": 8, "workers": workers, "trace": False, "run": tmp_path / f"run-{workers}"}
        result = await genius.search(SPACE, proposer="random", evaluator=Bench(0.02), **options)
        found.append([c.architecture for c in candidates(result)])
    assert found[0] == found[1]


async def test_the_last_ones_finish_after_the_model_has_nothing_left(tmp_path):
    replies = ("[2,2,2,2,2,2,2,2]", "[1,1,1,1,1,1,1,1]", "-")
    model = GenericFakeChatModel(messages=iter([AIMessage(reply) for reply in replies]))
    result = await genius.search(
        SPACE,
        llm=model,
        evaluator=Bench(),
        iterations=9,
        workers=3,
        run=tmp_path / "run",
        trace=False,
        when_done="stop",
    )
    assert result.stopped == "the proposer says that nothing better is left; 6 of 9 evaluations were not made"
    assert [c.accuracy for c in candidates(result)] == [66.0, 58.0, None]
    assert "nothing better is left" in candidates(result)[2].error
    assert result.finished


async def test_trials_share_the_workers(tmp_path):
    bench = Bench()
    result = await genius.search(
        SPACE, proposer="random", evaluator=bench, iterations=6, trials=2, workers=4, run=tmp_path / "run", trace=False
    )
    assert bench.most == 4
    assert [len(candidates(result, trial)) for trial in (1, 2)] == [6, 6]


async def test_the_graph_by_itself_fills_its_slots():
    bench = Bench()
    from genius.agents.baselines import random_search
    from genius.graph.slots import Slots

    async with Slots(3) as slots:
        context = genius.Context(
            genius.Region(SPACE), random_search(genius.Region(SPACE), seed=(0,)), bench, iterations=5, slots=slots
        )
        graph = genius.build_graph(InMemorySaver())
        config = {"configurable": {"thread_id": "mine"}}
        state = await graph.ainvoke({}, config, context=context)
        assert (state["done"], len(state["running"]), bench.most) == (1, 2, 3)
        for _ in range(4):
            state = await graph.ainvoke({}, config, context=context)
        assert (state["done"], state["running"]) == (5, [])
