"""Kills of a search whose model starts, reflects and concludes: at each moment, and nothing is asked for twice."""

import asyncio
import json
import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from .programs import importable

PROGRAM = '''
"""Searches with a model that thinks, and notes in the file `asked` what it was asked, and where."""

import asyncio
import json
from pathlib import Path

import genius
import genius.graph.search
from dying import die_at
from genius.agents.proposer import Thinking
from genius.record.call import Reply

SPACE = genius.get_space("nas-bench-macro")


def answer(form, made):
    if form == "beliefs":
        option = {"decision": "layer 1", "option": 2, "score": 1, "why": "early"}
        return json.dumps({"starts": [[2] * 8], "options": [option], "pairs": [], "costs": []})
    if form == "notebook":
        return f"Hypotheses: after {made}"
    if form == "principles":
        return "principle: keep the first layer [layer 1 = 2]"
    return f"Architecture: {[made // 3**place % 3 for place in range(8)]}"


def model(asked):
    async def think(prompt, history, form):
        place = [form.name, len(history), sum(message["role"] == "assistant" for message in prompt)]
        with open(asked, "a") as file:
            file.write(json.dumps(place) + "\\n")
        unreadable = form.name in ("beliefs", "principles") and place[2] == 0
        return Reply("I cannot say." if unreadable else answer(form.name, len(history)), model="fake", output_tokens=1)

    return Thinking(think)


def evaluate(architecture):
    return 60.0 + sum(architecture)


async def search(run, asked):
    given = {"proposer": model(asked), "evaluator": evaluate}

    def tell(step):
        if step.stage == "finished" and step.candidate.iteration == 1 and not (run / "hints.jsonl").exists():
            genius.hint(run, "look at the third layer")

    if (run / "search.json").is_file():
        return await genius.resume(run, space=SPACE, progress=tell, **given)
    options = {"iterations": 2, "beliefs": True, "reflect_every": 1, "principles": True}
    return await genius.search(SPACE, run=run, progress=tell, **options, **given)


def process(moment, run, asked):
    die_at(moment)
    asyncio.run(search(run, asked))
'''
FORMS = {"starter": "beliefs", "reflector": "notebook", "concluder": "principles", "proposer": "proposal"}


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Iterator[ModuleType]:
    with importable(tmp_path_factory.mktemp("program"), "killed_notes", PROGRAM) as module:
        yield module


def whole_lines(path: Path) -> list[object]:
    text = path.read_bytes() if path.is_file() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def logged(run: Path) -> list[tuple[object, ...]]:
    """Return the logged calls as the model notes them."""
    calls = whole_lines(run / "calls.jsonl")
    return [(FORMS[call["agent"]], call["iteration"] - 1, call["attempt"] - 1) for call in calls]


def pages(run: Path) -> list[object]:
    return whole_lines(run / "notebook.jsonl")


def test_a_kill_at_any_moment_asks_for_nothing_twice(program, tmp_path):
    asyncio.run(program.search(tmp_path / "whole", tmp_path / "asked whole"))
    whole, expected = logged(tmp_path / "whole"), pages(tmp_path / "whole")
    assert [page["kind"] for page in expected] == ["beliefs", "hint", "notebook", "principles"]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["killed_notes"])
    moment, killed = 0, -signal.SIGKILL
    while killed == -signal.SIGKILL:
        moment += 1
        run, asked = tmp_path / f"run {moment}", tmp_path / f"asked {moment}"
        process = context.Process(target=program.process, args=(moment, run, asked))
        process.start()
        process.join(60)
        killed, paid, before = process.exitcode, logged(run), len(whole_lines(asked))
        result = asyncio.run(program.search(run, asked))
        assert result.finished
        after = [tuple(place) for place in whole_lines(asked)[before:]]
        assert not set(after) & set(paid), moment
        assert Counter(logged(run)) == Counter(whole), moment
        assert pages(run) == expected, moment
    assert killed == 0
    assert moment > 25
