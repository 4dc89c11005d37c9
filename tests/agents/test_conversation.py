"""The memory of a search as a conversation: what is said again, and what is left out where a context is full."""

from itertools import pairwise

import genius
import pytest
from genius import Candidate, Measurement
from genius.agents.conversation import Room, write_conversation
from genius.agents.provider import ProviderError
from genius.agents.reflector import Terms, write_prompt
from genius.record.candidate import Message, Refusal
from genius.record.goal import Goal
from genius.record.history import History, Index
from genius.spaces.objective import Objective
from genius.spaces.region import Region

SPACE = genius.get_space("nas-bench-macro")
REGION, TERMS = Region(SPACE), Terms(iterations=5)


def finished(iteration, value, **fields):
    architecture = (2,) * iteration + (0,) * (8 - iteration)
    measurement = None if value is None else Measurement(value, test_accuracy=12.3456, test_rank=777)
    known = {"reply": f"Reply {iteration}. {list(architecture)}", "architecture": architecture}
    return Candidate(1, iteration, **(known | {"measurement": measurement} | fields))


def told(history):
    return write_conversation(REGION, history, TERMS)


def test_the_first_message_is_the_first_prompt():
    assert told([]) == write_prompt(REGION, [], TERMS)


def test_each_reply_is_followed_by_its_result_and_the_next_request():
    history = [finished(1, 90.0), finished(2, 91.5, expected=92.0, expected_sd=0.5), finished(3, 91.0)]
    messages = told(history)
    assert [m["role"] for m in messages] == ["system", "user", *("assistant", "user") * 3]
    assert [m["content"] for m in messages[2::2]] == [candidate.reply for candidate in history]
    assert "90.00%" in messages[3]["content"]
    assert "the best so far" in messages[3]["content"]
    assert "you expected 92.00 ± 0.50" in messages[5]["content"]
    assert "from the best so far: layer 3: 0→2, -0.50." in messages[7]["content"]
    assert "This is iteration 4 of 5; evaluations used: 3, left with this one: 2." in messages[7]["content"]
    assert not any(secret in m["content"] for m in messages for secret in ("12.34", "777"))


def test_what_was_said_stays_as_it_was_said():
    history = [finished(1, 90.0), finished(2, 91.5), finished(3, 91.0), finished(4, None, error="out of memory")]
    for length in range(4):
        assert told(history[: length + 1])[: 2 * length + 2] == told(history[:length])


def test_failures_pending_and_refused_proposals():
    failed = finished(1, None, error="out of memory", measurement=Measurement(error="out of memory"))
    nothing = Candidate(1, 2, error="none of 3 replies", refusals=(Refusal("blue", "no architecture found"),))
    running = [finished(3, None)]
    messages = told(History(Index([failed, nothing]), 2, running))
    assert "failed: out of memory" in messages[3]["content"]
    assert messages[4]["content"] == "[no answer]"
    assert "no architecture (none of 3 replies)" in messages[5]["content"]
    assert "is in training now, without a result yet" in messages[7]["content"]
    assert not any("blue" in m["content"] for m in messages)


def test_results_that_come_in_another_order_stand_behind_their_replies():
    messages = told([finished(2, 91.0), finished(1, 90.0)])
    assert [m["content"][:8] for m in messages if m["role"] == "assistant"] == ["Reply 1.", "Reply 2."]


def test_of_a_loss_the_lower_one_is_the_best():
    goal = Goal((Objective("loss", better="lower"),))
    last = told(History.of([finished(1, 2.0), finished(2, 1.5), finished(3, 1.75)], goal))[-1]["content"]
    assert "from the best so far: layer 3: 0→2, +0.25" in last.replace("+0.250", "+0.25")
    assert "which choices go along with low loss, which with high?" in last


def test_the_proposals_of_other_arms_are_told_but_not_as_the_models_own():
    history = [finished(1, 90.0), finished(2, 91.5, arm="guided"), finished(3, 91.0, arm="model")]
    messages = told(history)
    assert [m["role"] for m in messages] == ["system", "user", *("assistant", "user") * 2]
    assert "90.00%" in messages[3]["content"]
    assert "91.50%" in messages[3]["content"]
    assert not any("Reply 2" in m["content"] for m in messages)


def test_the_notebook_stands_in_the_last_message_alone():
    history = History(Index([finished(1, 90.0), finished(2, 91.0)]), 2, notebook="depth helps\nS1: [1, 1]")
    messages = told(history)
    assert "> depth helps\n> S1: [1, 1]" in messages[-1]["content"]
    assert not any("depth helps" in m["content"] for m in messages[:-1])


def test_room_leaves_out_the_oldest_exchanges_and_keeps_the_first_prompt():
    messages = told([finished(at, 90.0 + at) for at in range(1, 6)])
    room = Room()
    assert room.fitting(messages) == messages
    assert room.shrink(messages)
    assert room.fitting(messages) == messages[:2] + messages[4:]
    while room.shrink(room.fitting(messages)):
        pass
    assert room.fitting(messages) == [*messages[:2], *messages[-2:]]


def test_a_reply_that_called_tools_goes_with_all_their_answers():
    tools = [{"role": "assistant", "content": ""}, *({"role": "tool", "content": str(at)} for at in range(3))]
    messages = [*told([]), *tools, {"role": "assistant", "content": "one"}, {"role": "user", "content": "two"}]
    room = Room()
    assert room.shrink(messages)
    assert [m["content"] for m in room.fitting(messages)[2:]] == ["one", "two"]


def full(most):
    """Make a proposer of a model with a small context, and the list of the conversations that it took."""
    taken: list[list[Message]] = []

    async def propose(prompt, history):
        if sum(len(message["content"]) for message in prompt) > most:
            raise ProviderError("maximum context length is 8", transient=False, status=400)
        taken.append([dict(message) for message in prompt])
        return f"Next. {[len(history) % 3] * 8 if len(history) < 3 else [2] * len(history) + [0] * (8 - len(history))}"

    return propose, taken


async def evaluate(architecture):
    return Measurement(accuracy=80.0 + sum(architecture))


async def test_a_search_by_conversation_goes_on_as_it_would_have(tmp_path):
    propose, taken = full(10**6)
    options = {"proposer": propose, "evaluator": evaluate, "memory": "conversation"}
    await genius.search(SPACE, iterations=5, run=tmp_path / "whole", **options)
    whole = list(taken)
    assert [len(prompt) for prompt in whole] == [2, 4, 6, 8, 10]
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(whole))
    taken.clear()
    await genius.search(SPACE, iterations=3, run=tmp_path / "parts", **options)
    await genius.resume(tmp_path / "parts", iterations=5, proposer=propose, evaluator=evaluate)
    assert taken[-1] == whole[-1]
    again = await genius.search(
        SPACE,
        llm=f"replay:{tmp_path / 'whole'}",
        evaluator=evaluate,
        iterations=5,
        memory="conversation",
        run=tmp_path / "again",
    )
    assert [c.architecture for c in again.trials[0].candidates] == [
        c.architecture for c in genius.read(tmp_path / "whole").trials[0].candidates
    ]


async def test_a_full_context_costs_the_oldest_exchanges_and_is_said_once(tmp_path):
    first = sum(len(message["content"]) for message in told([]))
    propose, taken = full(first + 2_500)
    notes = []

    def progress(step):
        if step.stage == "note":
            notes.append(step.note)

    options = {"proposer": propose, "evaluator": evaluate, "memory": "conversation", "progress": progress}
    found = await genius.search(SPACE, iterations=7, run=tmp_path / "run", **options)
    assert len(found.trials[0].candidates) == 7
    assert len([note for note in notes if "longer than the model's context" in note]) == 1
    assert taken[-1][:2] == taken[0]
    assert 4 <= len(taken[-1]) < 14
    assert taken[-1][-2]["content"].startswith("Next.")


async def test_a_first_prompt_that_is_too_long_ends_the_search(tmp_path):
    propose, _ = full(10)
    with pytest.raises(genius.RunFailed, match="maximum context length is 8"):
        await genius.search(SPACE, proposer=propose, evaluator=evaluate, iterations=1, run=tmp_path / "run")


@pytest.mark.parametrize(
    ("said", "code", "too_long"),
    [
        ("This model's maximum context length is 8192 tokens", "context_length_exceeded", True),
        ("the request exceeds the available context size (4096 tokens)", "", True),
        ("prompt is too long: 250000 tokens > 200000 maximum", "", True),
        ("temperature is too high", "", False),
    ],
)
def test_servers_words_for_a_full_context(said, code, too_long):
    assert ProviderError(said, transient=False, status=400, code=code).is_too_long is too_long
    assert not replace_transient(said, code).is_too_long


def replace_transient(said, code):
    return ProviderError(said, transient=True, status=429, code=code)
