"""Kills of a hybrid search: of its starter, tools, proposer, chooser and reflector, before and after each write."""

import hashlib
import json
import multiprocessing
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

import genius
import pytest

from .programs import importable

PROGRAM = '''
"""A hybrid search with a model, which begins or goes on, and dies at a given moment."""

import asyncio

import genius
import langchain_openai
from dying import die_at
from genius.agents.backends import chat_model
from genius.guide.guide import suggest
from genius.record.settings.llm_settings import LLMSettings

chat_model("openai:m", LLMSettings(base_url="http://127.0.0.1:1/v1"))  # it imports much, which is done once here

SPACE = genius.SearchSpace(
    "tiny", tuple(genius.Decision(f"layer {n}", ("a", "b", "c", "d")) for n in (1, 2, 3)), objective=genius.ACCURACY
)


async def evaluate(architecture):
    return genius.Measurement(50.0 + hash(architecture) % 4000 / 100)


async def search(run, url):
    asked = {"llm": "openai:m", "base_url": url, "tries": 1, "proposer": "hybrid", "iterations": 6, "seed": 0}
    asked |= {"tools": True, "beliefs": True, "reflect_every": 2, "principles": True}
    if (run / "search.json").is_file():
        return await genius.resume(run, space=SPACE, evaluator=evaluate, trust=True)
    return await genius.search(SPACE, evaluator=evaluate, run=run, **asked)


def process(moment, run, url):
    die_at(moment)
    asyncio.run(search(run, url))
'''
TIMES = ("started", "seconds", "evaluation_seconds")
BELIEFS = "start: [1, 2, 3]\noption: layer 1 = b: +1 because it is wider"
CONTEXT = multiprocessing.get_context("forkserver") if hasattr(os, "fork") else None

pytestmark = pytest.mark.skipif(CONTEXT is None, reason="needs processes that are forked")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Iterator[ModuleType]:
    CONTEXT.set_forkserver_preload(["killed_hybrid"])
    with importable(tmp_path_factory.mktemp("program"), "killed_hybrid", PROGRAM) as module:
        yield module


class Model:
    """A model whose replies are functions of the messages; the tokens of its prompts number the calls."""

    def __init__(self, server):
        self.server, self.asked = server, []
        server.answer = self.answer

    def answer(self, call):
        messages = json.dumps([_said(message) for message in call["messages"]])
        self.asked.append(messages)
        number = int(hashlib.sha256(messages.encode()).hexdigest(), 16)
        return self.reply(call, number, {"tokens": (len(self.asked), 10)})

    def reply(self, call, number, counted):
        words = call["messages"][-1]["content"]
        answers = sum(message["role"] == "tool" for message in call["messages"])
        if "about to begin" in words:
            return self.server.says(BELIEFS, **counted)
        if "You keep the notebook" in words:
            return self.server.says(f"Hypotheses: number {number % 1000}.", **counted)
        if "design principles" in words:
            return self.server.says('{"principles": [{"principle": "Be bold.", "options": []}]}', **counted)
        if call.get("tools") and answers < 1 + number % 3:
            asked = [("predict", {"architectures": [_architecture(number)]}), ("suggest", {"kind": "explore", "n": 1})]
            made = [
                {"id": f"id-{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                for at, (name, given) in enumerate(asked)
            ]
            return self.server.says("Let me see.", finish="tool_calls", tool_calls=made, **counted)
        return self.server.says(f"Architecture: {_architecture(number // 64)}", **counted)

    def paid(self, run):
        """Return the messages of the calls whose replies are logged."""
        return {self.asked[line["reply"]["input_tokens"] - 1] for line in lines(run / "calls.jsonl")}


def _said(message):
    """Return what a message says: another process gives calls of tools other ids."""
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())]
    return message["role"], message["content"], calls


def _architecture(number):
    return [number // 16 % 4, number // 4 % 4, number % 4]


def lines(path):
    text = path.read_bytes() if path.is_file() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def content(result):
    found = [candidate.to_json() for trial in result.trials for candidate in trial.candidates]
    return [{name: value for name, value in line.items() if name not in TIMES} for line in found]


def run_until(program, moment, run, url):
    """Begin the run or go on with it in a process that dies at a moment; return how it ended."""
    process = CONTEXT.Process(target=program.process, args=(moment, run, url))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_hybrid_search_that_is_killed_ends_as_one_that_nobody_disturbed(program, openai_server, tmp_path, seed):
    model, run, rng, kills = Model(openai_server), tmp_path / "run", random.Random(seed), 0
    files, code = ("candidates.jsonl", "notebook.jsonl", "calls.jsonl"), -signal.SIGKILL
    while code:
        paid, spent = model.paid(run), len(model.asked)
        written = {file: lines(run / file) for file in files}
        code = run_until(program, rng.randint(2, 14), run, openai_server.url)
        kills += code != 0
        assert not set(model.asked[spent:]) & paid
        assert all(lines(run / file)[: len(before)] == before for file, before in written.items())
        assert kills < 60
    assert kills > 5
    logged = lines(run / "calls.jsonl")
    agents = Counter(line["agent"] for line in logged)
    assert {"proposer", "starter", "reflector"} <= set(agents)
    places = Counter((line["agent"], line["trial"], line["iteration"], line["attempt"]) for line in logged)
    assert set(places.values()) == {1}
    assert len(model.asked) <= len(logged) + kills  # a reply that was under way at a kill is asked for again
    result = genius.read(run)
    whole = await program.search(tmp_path / "whole", openai_server.url)
    assert result.finished
    assert any(candidate.tools for candidate in result.candidates)
    assert {"guided"} < {offer.arm for candidate in result.candidates for offer in candidate.offers}
    assert content(result) == content(whole)
    assert lines(run / "notebook.jsonl") == lines(tmp_path / "whole" / "notebook.jsonl")
    assert len(logged) == len(lines(tmp_path / "whole" / "calls.jsonl"))
