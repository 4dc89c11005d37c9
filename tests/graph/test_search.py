"""Searches from Python, with parts of one's own and by hand through the graph."""

import json

import genius
import pytest
from genius.agents.baselines import random_search
from genius.record.search_picture import draw
from genius.spaces.cost import Cost, Part
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver

SPACE = genius.SearchSpace(
    name="tiny",
    decisions=tuple(genius.Decision(name, ("small", "middle", "large")) for name in ("a", "b", "c")),
    description="Three decisions. An architecture is a list of 3 numbers.",
    build=lambda architecture: None,
    input_shape=(1, 8, 8),
    parts=tuple(Part((d,), lambda option: Cost(100 * option + 1, option + 1)) for d in range(3)),
)


async def evaluate(architecture):
    return genius.Measurement(accuracy=70.0 + sum(architecture), test_accuracy=60.0 + sum(architecture))


def model_saying(*replies):
    usage = {"input_tokens": 50, "output_tokens": 7, "total_tokens": 57}
    return GenericFakeChatModel(messages=iter([AIMessage(reply, usage_metadata=usage) for reply in replies]))


async def test_a_search_with_a_space_an_evaluator_and_a_model_of_ones_own(tmp_path):
    replies = ("Start. [0, 0, 0]", "[0, 0, 0]", "again: [9, 9, 9]", "larger [2, 1, 0]", "{'architecture': [2, 2, 2]}")
    asked = {"proposer": "model", "evaluator": evaluate, "iterations": 3, "run": tmp_path / "run"}
    result = await genius.search(SPACE, llm=model_saying(*replies), **asked)
    assert [c.architecture for c in result.trials[0].candidates] == [(0, 0, 0), (2, 1, 0), (2, 2, 2)]
    reasons = [refusal.reason for refusal in result.trials[0].candidates[1].refusals]
    assert "was tried in iteration 1" in reasons[0]
    assert "takes a number from 0 to 2, got 9" in reasons[1]
    assert result.best.architecture == (2, 2, 2)
    assert result.to_json()["usage"] == {"llm_calls": 5, "input_tokens": 250, "output_tokens": 35}
    assert genius.read(tmp_path / "run").to_json() == result.to_json()


async def test_replies_that_cannot_be_used_end_an_iteration_not_the_search(tmp_path):
    replies = ("?", "no idea", "[0, 0]", "[1, 1, 1]")
    options = {"proposer": "model", "evaluator": evaluate, "max_replies": 3, "run": tmp_path / "run"}
    result = await genius.search(SPACE, llm=model_saying(*replies), iterations=2, **options)
    failed, fine = result.trials[0].candidates
    assert (
        failed.error
        == "none of 3 replies gave a new architecture of this space; the last: expected 3 numbers, got 2: [0, 0]"
    )
    assert fine.architecture == (1, 1, 1)


async def test_a_proposer_is_a_function(tmp_path):
    async def propose(prompt, history):
        return f"[0, 0, {len(history)}]"

    result = await genius.search(SPACE, proposer=propose, evaluator=evaluate, iterations=3, run=tmp_path / "run")
    assert [c.architecture[2] for c in result.trials[0].candidates] == [0, 1, 2]
    assert result.settings.run.custom == ["evaluator", "proposer", "space"]


async def test_failed_measurements_are_recorded_and_the_search_goes_on(tmp_path):
    async def fails_at_first(architecture):
        if sum(architecture) % 2:
            return genius.Measurement(error="out of memory: 99 M parameters")
        return genius.Measurement(accuracy=50.0)

    options = {"evaluator": fails_at_first, "iterations": 12, "run": tmp_path / "run"}
    result = await genius.search(SPACE, proposer="random", **options)
    errors = {candidate.error for candidate in result.trials[0].candidates}
    assert errors == {None, "out of memory: 99 M parameters"}
    assert result.best.accuracy == 50.0


async def test_going_on_needs_the_same_objects(tmp_path):
    await genius.search(SPACE, proposer="random", evaluator=evaluate, iterations=2, run=tmp_path / "run")
    with pytest.raises(genius.GeniusError, match="its own evaluator and space: pass the same again from Python"):
        await genius.resume(tmp_path / "run", iterations=3)
    longer = await genius.resume(tmp_path / "run", iterations=3, space=SPACE, evaluator=evaluate)
    assert len(longer.trials[0].candidates) == 3


async def test_a_space_of_ones_own_needs_an_evaluator(tmp_path):
    with pytest.raises(genius.GeniusError, match="the space 'tiny' is your own: pass an evaluator or a table for it"):
        await genius.search(SPACE, proposer="random", run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


async def test_progress_tells_each_step(tmp_path):
    steps = []
    options = {"evaluator": evaluate, "iterations": 2, "run": tmp_path / "run", "progress": steps.append}
    await genius.search(SPACE, proposer="random", **options)
    assert [step.stage for step in steps] == ["begun", *["proposing", "training", "finished"] * 2]
    assert steps[-1].run == tmp_path / "run"


@pytest.mark.parametrize("proposer", ["model", "hybrid"])
async def test_no_prompt_and_no_checkpoint_holds_test_accuracy(tmp_path, proposer):
    replies = [f"[{at % 3},{at // 3},0]" for at in range(9)]
    options = {"llm": model_saying(*replies), "proposer": proposer, "iterations": 3, "principles": False}
    await genius.search(SPACE, **options, evaluator=evaluate, run=tmp_path / "run")
    calls = [json.loads(line) for line in (tmp_path / "run" / "calls.jsonl").read_text().splitlines()]
    prompts = "".join(message["content"] for call in calls for message in call["prompt"])
    assert "], 7" in prompts
    assert "], 6" not in prompts


async def test_the_graph_runs_by_hand_one_iteration_an_invocation():
    graph = genius.build_graph(InMemorySaver())
    context = genius.Context(genius.Region(SPACE), random_search(genius.Region(SPACE), (0,)), evaluate)
    config = {"configurable": {"thread_id": "by hand"}, "recursion_limit": 25}
    for iteration in range(1, 4):
        state = await graph.ainvoke({}, config, context=context)
        assert state["done"] == len(context.journal.finished(1)) == len(state["history"]) == iteration
        assert state["candidate"] is None
    assert {"proposer", "validator", "trainer", "reflector"} <= set(graph.get_graph().nodes)


async def test_state_is_plain_json():
    graph = genius.build_graph()
    context = genius.Context(genius.Region(SPACE), random_search(genius.Region(SPACE), (0,)), evaluate)
    state = await graph.ainvoke({}, context=context)
    assert json.loads(json.dumps(state)) == state


async def test_trials_are_independent_and_repeatable(tmp_path):
    async def ranks(run):
        result = await genius.search(
            SPACE, proposer="random", evaluator=evaluate, trials=3, iterations=4, run=tmp_path / run
        )
        return [[c.architecture for c in trial.candidates] for trial in result.trials]

    first, second = await ranks("a"), await ranks("b")
    assert first == second
    assert len({tuple(trial) for trial in first}) > 1


async def test_pictures_are_drawn_for_one_trial_and_for_several(tmp_path):
    for trials in (1, 3):
        run = tmp_path / str(trials)
        result = await genius.search(SPACE, proposer="random", evaluator=evaluate, trials=trials, iterations=4, run=run)
        assert genius.draw(result) == run / "search.png"
        assert (run / "search.png").read_bytes().startswith(b"\x89PNG")


async def test_nothing_measured_draws_nothing(tmp_path):
    async def fails(architecture):
        return genius.Measurement(error="crashed")

    result = await genius.search(SPACE, proposer="random", evaluator=fails, iterations=2, run=tmp_path / "run")
    assert result.best is None
    assert result.to_json()["best"] is None
    assert draw(result, tmp_path) is None


async def test_a_recording_without_a_trial_is_refused_before_anything_is_written(tmp_path):
    options = {"evaluator": evaluate, "iterations": 2}
    await genius.search(SPACE, proposer="random", **options, run=tmp_path / "one")
    with pytest.raises(genius.GeniusError, match="holds no reply for trial 2"):
        await genius.search(SPACE, llm=f"replay:{tmp_path / 'one'}", trials=2, **options, run=tmp_path / "two")
    assert not (tmp_path / "two").exists()
