"""`interrupt` in a proposer or an evaluator pauses a search; the answer goes to what asked, with several slots too."""

import asyncio
from itertools import count

import genius
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

SPACE = "nas-bench-macro"


def ordered():
    """Make a proposer of the architectures in their order."""

    async def propose(prompt, history):
        return f"Architecture: {[len(history) // 3**digit % 3 for digit in range(8)]}"

    return propose


async def evaluate(architecture):
    return 50.0 + sum(architecture)


async def search(run, **options):
    return await genius.search(SPACE, run=run, **{"proposer": ordered(), "evaluator": evaluate} | options)


async def answered(run, ask, **options):
    """Search and resume until nothing is asked any more; returns the result, and what was asked."""
    asked, start = [], search(run, **options)
    parts = {name: options.pop(name, default) for name, default in (("proposer", ordered()), ("evaluator", evaluate))}
    while True:
        try:
            return await start, asked
        except genius.Paused as pause:
            (question,) = pause.interrupts
            asked.append(question.value)
            start = genius.resume(run, answers=ask(question.value), **parts)


def accuracies(result):
    return [candidate.accuracy for candidate in result.trials[0].candidates]


async def test_a_proposer_that_asks_pauses_the_search(tmp_path):
    async def propose(prompt, history):
        return interrupt({"tried": len(history)})

    result, asked = await answered(
        tmp_path / "run", lambda value: f"Architecture: {[value['tried']] + [0] * 7}", proposer=propose, iterations=3
    )
    assert asked == [{"tried": 0}, {"tried": 1}, {"tried": 2}]
    assert accuracies(result) == [50.0, 51.0, 52.0]


async def test_a_pause_says_what_is_asked_and_how_to_go_on(tmp_path):
    async def propose(prompt, history):
        return interrupt("which\none?")

    with pytest.raises(genius.Paused) as pause:
        await search(tmp_path / "run", proposer=propose, iterations=1)
    assert "\n" not in str(pause.value)
    assert "the run waits for an answer: which" in str(pause.value)
    assert f"genius resume {tmp_path / 'run'}" in str(pause.value)
    assert pause.value.run == tmp_path / "run"
    with pytest.raises(genius.Paused, match="the run waits"):
        await genius.resume(tmp_path / "run", proposer=propose, evaluator=evaluate)
    assert not genius.read(tmp_path / "run").trials[0].candidates


@pytest.mark.parametrize("workers", [1, 3])
async def test_an_evaluators_question_gets_its_own_answer(tmp_path, workers):
    """Each asks twice, after different times; its answers add up to what it is."""

    async def evaluate(architecture):
        await asyncio.sleep(0.02 * (3 - architecture[0]))
        first = interrupt({"of": list(architecture), "number": 1})
        second = interrupt({"of": list(architecture), "number": 2})
        return float(first + second)

    result, asked = await answered(
        tmp_path / "run",
        lambda value: 10 * sum(value["of"]) + value["number"],
        evaluator=evaluate,
        iterations=6,
        workers=workers,
    )
    found = {c.architecture: c.accuracy for c in result.trials[0].candidates}
    assert found == {architecture: 20.0 * sum(architecture) + 3 for architecture in found}
    assert len(found) == 6
    assert len(asked) == 12


async def test_a_question_is_answered_without_a_pause_where_somebody_is_asked(tmp_path):
    starts = count()

    async def evaluate(architecture):
        next(starts)
        return float(interrupt("how good?"))

    asked = []

    async def ask(question):
        asked.append(question.value)
        return 7

    result = await search(tmp_path / "run", evaluator=evaluate, iterations=3, workers=2, ask=ask)
    assert accuracies(result) == [7.0] * 3
    assert asked == ["how good?"] * 3
    assert next(starts) == 6  # as LangGraph has it: what asked starts again with its answer


async def test_what_raises_after_an_answer_is_a_failed_candidate(tmp_path):
    async def evaluate(architecture):
        interrupt("go on?")
        raise ValueError("no such thing")

    result, asked = await answered(tmp_path / "run", lambda value: "yes", evaluator=evaluate, iterations=2)
    assert asked == ["go on?"] * 2
    assert all(c.error.startswith("ValueError: no such thing") for c in result.trials[0].candidates)


async def test_several_trials_are_answered_by_the_ids_of_their_questions(tmp_path):
    async def evaluate(architecture):
        return float(interrupt("how good?"))

    run, parts = tmp_path / "run", {"proposer": ordered(), "evaluator": evaluate}
    with pytest.raises(genius.Paused):
        await search(run, evaluator=evaluate, iterations=1, trials=2)
    answers, result = None, None
    while result is None:
        try:
            result = await genius.resume(run, answers=answers, **parts)
        except genius.Paused as pause:
            answers = {each.id: 60 for each in pause.interrupts}
    assert [trial.candidates[0].accuracy for trial in result.trials] == [60.0, 60.0]


async def test_answers_that_nobody_waits_for_are_refused(tmp_path):
    await search(tmp_path / "run", iterations=1)
    for more in ({}, {"iterations": 2}):
        with pytest.raises(genius.GeniusError, match="this run waits for no answer"):
            await genius.resume(tmp_path / "run", answers="yes", proposer=ordered(), evaluator=evaluate, **more)


async def test_the_bare_graph_pauses_as_every_graph_of_langgraph_does():
    async def evaluate(architecture):
        return float(interrupt({"of": list(architecture)}))

    space, saver = genius.get_space(SPACE), InMemorySaver()
    config = {"configurable": {"thread_id": "t"}}
    for number in range(1, 4):  # each time as in another process: with a new graph and a new context
        context = genius.Context(genius.Region(space), ordered(), evaluate)
        state = await genius.build_graph(saver).ainvoke({}, config, context=context)
        assert state["__interrupt__"][0].value == {"of": [(number - 1) % 3] + [0] * 7 if number < 4 else None}
        context = genius.Context(genius.Region(space), ordered(), evaluate)
        state = await genius.build_graph(saver).ainvoke(Command(resume=60 + number), config, context=context)
        assert "__interrupt__" not in state
        assert (state["done"], state["history"][-1]["measurement"]["value"]) == (number, 60.0 + number)
