"""With `approve` a person decides before each training: yes, no with a reason, or another architecture."""

import asyncio
import json

import genius
import pytest
from genius.agents.approver import BadAnswer, decide
from genius.record.candidate import Candidate
from genius.record.history import History
from genius.spaces.region import Limits, Region
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from ..conftest import says

SPACE = genius.get_space("nas-bench-macro")
YES, NO = {"answer": "yes"}, {"answer": "no", "reason": "too deep"}
EDIT = {"answer": "edit", "architecture": [2, 2, 2, 2, 2, 2, 2, 2]}


async def evaluate(architecture):
    return 50.0 + sum(architecture)


async def search(run, **options):
    asked = {"proposer": "random", "evaluator": evaluate, "iterations": 3, "approve": True, "run": run}
    return await genius.search(SPACE, **asked | options)


class Person:
    """Answers as told, and yes from then on; keeps what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, question):
        self.asked.append(question.value)
        return self.answers.pop(0) if self.answers else YES


async def test_nothing_is_trained_without_a_yes(tmp_path):
    trained, person = [], Person()

    async def evaluate(architecture):
        assert list(architecture) == person.asked[-1]["architecture"]
        trained.append(architecture)
        return 1.0

    result = await search(tmp_path / "run", evaluator=evaluate, ask=person)
    assert [c.architecture for c in result.trials[0].candidates] == trained
    assert [asked["iteration"] for asked in person.asked] == [1, 2, 3]
    cost = SPACE.cost_of(trained[0])
    assert (person.asked[0]["flops"], person.asked[0]["params"]) == (cost.flops, cost.params)
    assert list(person.asked[0]["options"]) == [decision.name for decision in SPACE.decisions]


@pytest.mark.parametrize("proposer", ["random", "largest", "guided", "local-search", "evolution"])
async def test_what_a_person_refuses_is_not_proposed_again(tmp_path, proposer):
    person = Person(NO, NO, YES, NO)
    result = await search(tmp_path / "run", proposer=proposer, ask=person)
    candidates = result.trials[0].candidates
    assert [len(c.refusals) for c in candidates] == [2, 1, 0]
    asked = [tuple(each["architecture"]) for each in person.asked]
    assert len(set(asked)) == len(asked) == 6
    assert candidates[0].refusals[0].reason == f"a person refuses to train {list(asked[0])}: too deep"


async def test_a_model_is_told_why_and_proposes_again(tmp_path, openai_server):
    openai_server.script = [says(f"Architecture: {[at] + [0] * 7}") for at in (0, 1)]
    options = {"proposer": "model", "llm": "openai:m", "base_url": openai_server.url, "iterations": 1}
    result = await search(tmp_path / "run", ask=Person(NO), **options)
    last = openai_server.calls[1]["messages"]
    assert last[-2]["content"].endswith("Architecture: [0, 0, 0, 0, 0, 0, 0, 0]")
    assert "a person refuses to train [0, 0, 0, 0, 0, 0, 0, 0]: too deep" in last[-1]["content"]
    assert result.best.architecture[0] == 1


async def test_noes_use_up_the_replies_of_an_iteration(tmp_path):
    result = await search(tmp_path / "run", iterations=1, max_replies=2, ask=Person(NO, NO))
    assert "none of 2 replies gave a new architecture" in result.trials[0].candidates[0].error


async def test_an_edited_architecture_is_trained_and_told_as_such(tmp_path):
    result = await search(tmp_path / "run", iterations=2, ask=Person(EDIT))
    first = result.trials[0].candidates[0]
    assert (first.architecture, first.accuracy, first.repair.by) == ((2,) * 8, 66.0, "person")
    assert first.cost == SPACE.cost_of((2,) * 8)
    assert first.repair.reason.startswith("was changed by a person: ")
    line = json.loads((tmp_path / "run" / "candidates.jsonl").read_text().splitlines()[0])
    assert line["repair"]["by"] == "person"
    assert Candidate.from_json(line).repair == first.repair
    told = result.to_json()["iterations"][0]
    assert (told["changed_by"], told["proposed"]) == ("person", list(first.repair.proposed))


BAD = [
    ("maybe", "an answer is"),
    ({"answer": "yes", "why": "x"}, "an answer is"),
    ({"answer": "no", "reason": 7}, "the reason for a no is a text"),
    ({"answer": "edit"}, "an answer is"),
    ({"answer": "edit", "architecture": "[0]"}, "an architecture is a list of 8 numbers"),
    ({"answer": "edit", "architecture": [True] * 8}, "an architecture is a list of 8 numbers"),
    ({"answer": "edit", "architecture": [0] * 7}, "8"),
    ({"answer": "edit", "architecture": [9] * 8}, "9"),
    ({"answer": "edit", "architecture": [1] * 8}, "was tried in iteration 1"),
    (None, "an answer is"),
    ({}, "an answer is"),
    (["yes"], "an answer is"),
]


@pytest.mark.parametrize(("answer", "words"), BAD)
def test_what_is_no_answer_is_said_in_a_sentence(answer, words):
    tried = History.of([Candidate(1, 1, architecture=(1,) * 8, error="x")])
    candidate = Candidate(1, 2, reply="Architecture: [0, …]", architecture=(0,) * 8, cost=SPACE.cost_of((0,) * 8))
    with pytest.raises(BadAnswer, match=words) as bad:
        decide(answer, candidate, Region(SPACE), tried, 10)
    assert "\n" not in str(bad.value)


def test_an_edited_architecture_keeps_the_limits():
    candidate = Candidate(1, 1, architecture=(0,) * 8, cost=SPACE.cost_of((0,) * 8))
    with pytest.raises(BadAnswer, match="FLOPs"):
        decide(EDIT, candidate, Region(SPACE, Limits((0, SPACE.cost_of((0,) * 8).flops))), History.of([]), 10)


async def test_it_is_asked_again_after_what_is_no_answer(tmp_path):
    person = Person("maybe", {"answer": "edit", "architecture": [7]}, YES)
    await search(tmp_path / "run", iterations=1, ask=person)
    assert [bool(asked.get("error")) for asked in person.asked] == [False, True, True]
    assert "got the str 'maybe'" in person.asked[1]["error"]


async def test_without_anybody_the_run_pauses_and_goes_on_with_an_answer(tmp_path):
    run, parts = tmp_path / "run", {"evaluator": evaluate}
    with pytest.raises(genius.Paused, match=r"the run waits for an answer: Train \[.*\? Answer with .*genius resume"):
        await search(run, iterations=2)
    with pytest.raises(genius.Paused, match="the last answer is none"):
        await genius.resume(run, answers="maybe", **parts)
    with pytest.raises(genius.Paused) as pause:
        await genius.resume(run, answers=NO, **parts)
    assert pause.value.interrupts[0].value["iteration"] == 1
    with pytest.raises(genius.Paused) as pause:
        await genius.resume(run, answers=EDIT, **parts)
    assert pause.value.interrupts[0].value["iteration"] == 2
    result = await genius.resume(run, answers={pause.value.interrupts[0].id: YES}, **parts)
    assert result.trials[0].candidates[0].architecture == (2,) * 8
    assert len(result.trials[0].candidates[0].refusals) == 1


async def test_a_run_can_be_let_go_on_without_a_person(tmp_path):
    with pytest.raises(genius.Paused):
        await search(tmp_path / "run")
    with pytest.raises(genius.Paused) as pause:
        await genius.resume(tmp_path / "run", evaluator=evaluate)
    result = await genius.resume(tmp_path / "run", approve=False, evaluator=evaluate)
    assert list(result.trials[0].candidates[0].architecture) == pause.value.interrupts[0].value["architecture"]
    assert result.finished


async def test_with_several_slots_each_training_is_approved_while_others_go_on(tmp_path):
    started, all_slots = 0, asyncio.Event()

    async def evaluate(architecture):
        nonlocal started
        started += 1
        if started == 3:
            all_slots.set()
        await all_slots.wait()  # the first ones go on until the third was approved
        return float(sum(architecture))

    person = Person(YES, YES, NO)
    result = await search(tmp_path / "run", evaluator=evaluate, iterations=6, workers=3, ask=person)
    assert len(person.asked) == 7
    assert sorted(c.iteration for c in result.trials[0].candidates) == [1, 2, 3, 4, 5, 6]


async def test_the_question_is_asked_again_after_an_end_at_any_moment(tmp_path):
    class Killed(BaseException):
        pass

    def kill(question):
        raise Killed

    with pytest.raises(BaseException):  # noqa: B017, PT011 - as hard as it can be from within
        await search(tmp_path / "run", ask=kill)
    person = Person()
    result = await genius.resume(tmp_path / "run", evaluator=evaluate, ask=person)
    assert len(person.asked) == len(result.trials[0].candidates) == 3


async def test_the_bare_graph_asks_with_langgraphs_own_interrupt():
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "t"}}

    def context():
        async def propose(prompt, history):
            return f"Architecture: {[0] * 7 + [len(history) % 3]}"

        return genius.Context(Region(SPACE), propose, evaluate, approve=True)

    state = await genius.build_graph(saver).ainvoke({}, config, context=context())
    assert state["__interrupt__"][0].value["architecture"] == [0] * 8
    state = await genius.build_graph(saver).ainvoke(Command(resume=EDIT), config, context=context())
    assert state["history"][0]["architecture"] == [2] * 8
    state = await genius.build_graph(saver).ainvoke({}, config, context=context())
    assert (state["done"], state["__interrupt__"][0].value["iteration"]) == (1, 2)
    state = await genius.build_graph(saver).ainvoke({}, config, context=context())  # anew, without an answer
    assert state["__interrupt__"][0].value["iteration"] == 2
    state = await genius.build_graph(saver).ainvoke(Command(resume=YES), config, context=context())
    assert state["done"] == 2


def test_the_picture_of_the_graph_shows_the_approver():
    nodes = {node.name for node in genius.build_graph().get_graph().nodes.values()}
    assert {"reflector", "proposer", "validator", "approver", "trainer", "asker"} <= nodes
    drawn = genius.build_graph().get_graph().draw_mermaid()
    assert "validator -.-> approver" in drawn
    assert "approver -.-> trainer" in drawn
