"""Prompts and verdicts: what the model is told, and what it never sees."""

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from genius import Candidate, Measurement, get_space
from genius.agents.experiments import BEST, LATEST
from genius.agents.prompting import Prompts
from genius.agents.provider import ProviderError, provider_error
from genius.agents.reflector import Terms, conversation, write_prompt
from genius.record.candidate import SAYS_NOTHING_LEFT, Refusal
from genius.record.secrets import redact
from genius.spaces import SPACES
from genius.spaces.region import Region
from genius.tools.validator import validate

SPACE = get_space("nas-bench-macro")
RULES = {"max_replies": 3, "when_done": "stop"}


def finished(iteration, accuracy, **fields):
    architecture = tuple(int(d) for d in f"{iteration:08b}")
    measurement = Measurement(accuracy, test_accuracy=12.3456, rank=777, test_rank=888)
    known = {"architecture": architecture, "cost": SPACE.cost_of(architecture), "measurement": measurement}
    return Candidate(1, iteration, **(known | fields))


def text(history, order="best"):
    return write_prompt(Region(SPACE), history, Terms(order))[-1]["content"]


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_first_prompt_describes_the_space_and_the_answer(space):
    system, user = write_prompt(Region(space))
    assert system["role"] == "system"
    assert space.description in user["content"]
    assert "Architecture: [<" in user["content"]
    assert "answer with -" not in user["content"]


def test_later_prompts_list_experiments_best_first_or_in_order():
    history = [finished(iteration, accuracy) for iteration, accuracy in ((1, 90.0), (2, 92.5), (3, 91.0))]
    found = [line.split(":")[0] for line in text(history).splitlines() if line.startswith("- iteration")]
    assert found == ["- iteration 2", "- iteration 3", "- iteration 1"]
    found = [line.split(":")[0] for line in text(history, "time").splitlines() if line.startswith("- iteration")]
    assert found == ["- iteration 1", "- iteration 2", "- iteration 3"]
    assert "], 92.50%, " in text(history)
    assert "answer with - alone" not in text(history)
    assert "answer with - alone" in write_prompt(Region(SPACE), history, Terms(may_stop=True))[-1]["content"]
    assert "answer with - alone" not in write_prompt(Region(SPACE), (), Terms(may_stop=True))[-1]["content"]


def test_no_prompt_tells_test_accuracy_or_rank():
    assert not any(secret in text([finished(1, 90.0)]) for secret in ("12.34", "777", "888"))


def test_failures_and_refusals_are_told_with_their_reasons():
    refused = (Refusal("[9]", "expected 8 numbers, got 1: [9]"),)
    failed = finished(1, None, error="out of memory", refusals=refused)
    nothing = Candidate(1, 2, error="none of 3 replies gave a new architecture", refusals=refused)
    said = text([failed, nothing])
    assert "failed: out of memory" in said
    assert "- iteration 2: no architecture (none of 3 replies" in said
    assert "- expected 8 numbers, got 1: [9]" in said


def test_the_prompt_stays_bounded():
    accuracies = [50 + iteration % 37 + iteration / 1000 for iteration in range(1, 201)]
    history = [finished(iteration, accuracy) for iteration, accuracy in enumerate(accuracies, start=1)]
    sizes = [len(text(history[:length])) for length in range(1, 201)]
    assert max(sizes[100:]) < 1.1 * max(sizes[30:60])
    said = text(history)
    told = [float(line.split("], ")[1].split("%")[0]) for line in said.splitlines() if line.startswith("- iteration")]
    assert BEST <= len(told) <= BEST + LATEST
    assert told[:BEST] == [round(accuracy, 2) for accuracy in sorted(accuracies, reverse=True)[:BEST]]
    shown = sorted(accuracies, reverse=True)[:BEST] + accuracies[-LATEST:]
    rest = sorted(set(accuracies) - set(shown))
    count, mean = len(rest), sum(rest) / len(rest)
    assert f"and {count} earlier ones that were not among the best: {rest[0]:.2f}% to {rest[-1]:.2f}%" in said
    assert f"mean {mean:.2f}%" in said


def test_refused_replies_are_part_of_the_conversation():
    prompt = write_prompt(Region(SPACE))
    messages = conversation(prompt, Candidate(1, 1, refusals=(Refusal("blue", "no architecture found"),)), Prompts())
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[2]["content"] == "blue"
    assert "no architecture found" in messages[3]["content"]


def test_a_valid_reply_gets_architecture_cost_and_reason():
    judged = validate(Candidate(1, 1, reply="Wide late. [0,1,2,0,1,2,0,1]"), Region(SPACE), [], **RULES)
    assert judged.architecture == (0, 1, 2, 0, 1, 2, 0, 1)
    assert judged.cost == SPACE.cost_of(judged.architecture)
    assert "Wide late" in judged.rationale


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        ("[0, 0, 0]", r"expected 8 numbers, got 3: \[0, 0, 0\]"),
        ("[0,1,2,0,1,2,0,5]", "layer 8 takes a number from 0 to 2, got 5"),
        ("I do not know.", "no architecture"),
        ("[0,0,0,0,0,0,0,1]", r"\[0, 0, 0, 0, 0, 0, 0, 1\] was tried in iteration 1"),
    ],
)
def test_refusals_state_the_rule_and_end_the_iteration_in_the_end(reply, rule):
    candidate = Candidate(1, 2)
    for number in range(1, 4):
        candidate = validate(replace(candidate, reply=reply), Region(SPACE), [finished(1, 90.0)], **RULES)
        assert len(candidate.refusals) == number
        assert candidate.architecture is None
        assert candidate.reply == ""
    assert candidate.refusals[0].reply == reply
    assert re.search(rule, candidate.refusals[0].reason)
    assert "none of 3 replies gave a new architecture" in candidate.error


def test_a_functional_repeat_is_refused_by_name():
    space = get_space("nas-bench-201")
    earlier = Candidate(1, 4, architecture=(1, 0, 0, 3, 0, 0), measurement=Measurement(50.0))
    judged = validate(Candidate(1, 5, reply="[1, 0, 0, 0, 3, 0]"), Region(space), [earlier], **RULES)
    assert (
        "computes the same function as [1, 0, 0, 3, 0, 0], which was tried in iteration 4" in judged.refusals[0].reason
    )


def test_nothing_left_stops_or_is_asked_again():
    assert validate(Candidate(1, 3, reply="-"), Region(SPACE), [], **RULES).error == SAYS_NOTHING_LEFT
    again = validate(Candidate(1, 3, reply="-", llm="openai:m"), Region(SPACE), [], max_replies=3, when_done="ask")
    assert again.error is None
    assert "the search goes on" in again.refusals[0].reason
    # a proposer without a model knows that everything was tried
    assert (
        validate(Candidate(1, 3, reply="-"), Region(SPACE), [], max_replies=3, when_done="ask").error
        == SAYS_NOTHING_LEFT
    )


def test_provider_errors_are_told_apart():
    class Status(Exception):
        def __init__(self, status, code=None):
            super().__init__(f"Error code: {status}")
            self.status_code, self.code = status, code

    assert all(provider_error(Status(s)).transient for s in (408, 429, 500, 503, 529))
    assert not any(provider_error(Status(s)).transient for s in (400, 401, 404))
    assert not provider_error(Status(429, "insufficient_quota")).transient
    assert provider_error(ConnectionRefusedError("refused")).transient
    assert not provider_error(KeyError("of the caller's own code")).transient
    assert isinstance(provider_error(TimeoutError()), ProviderError)


@pytest.mark.parametrize(("header", "wait"), [("3", 3.0), ("900", 60.0), ("-1", 0.0), ("nan", 0.0), ("Fri", 0.0)])
def test_a_server_may_ask_to_be_left_alone_for_a_while(header, wait):
    class RateLimited(Exception):
        status_code = 429
        response = SimpleNamespace(headers={"retry-after": header})

    assert provider_error(RateLimited("slow down")).wait == wait


def test_secrets_are_replaced_by_their_names():
    environment = {
        "OPENAI_API_KEY": "sk-secret-1234",
        "HF_TOKEN": "hf_abcdefgh",
        "HOME": "/home/me",
        "MONKEY": "monkeys",
    }
    said = redact("bad key sk-secret-1234, hf_abcdefgh in /home/me with monkeys", environment)
    assert said == "bad key <OPENAI_API_KEY>, <HF_TOKEN> in /home/me with monkeys"
