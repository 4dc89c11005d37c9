"""Kills of processes that ask and tell, from Python and in shells: at random, and before and after each write."""

import asyncio
import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import genius
import pytest

from .programs import importable

PROGRAM = '''
"""Asks and tells, with what a user would write, and dies at a given moment."""

import asyncio
import os
import sys

import genius
import genius.cli
import genius.cli.commands
import genius.graph.ask_tell
import langchain_openai
from dying import die_at

SPACE = genius.SearchSpace(
    "tiny", tuple(genius.Decision(f"layer {n}", ("a", "b", "c", "d")) for n in (1, 2, 3)), objective=genius.ACCURACY
)


def value(architecture):
    return 50.0 + hash(tuple(architecture)) % 4000 / 100


async def search(run, workers=1, **options):
    search = genius.open(SPACE, run=run, workers=workers, **{"iterations": 12, **options})

    async def worker():
        while asked := await search.ask():
            await asyncio.sleep(0.01)
            await search.tell(asked, value(asked.architecture))

    await asyncio.gather(*(worker() for _ in range(workers)))
    result = await search.result()
    await search.close()
    return result


def ask_and_tell(begun, moment, run, options):
    die_at(moment)
    begun.set()
    asyncio.run(search(run, **options))


def command(moment, output, words):
    die_at(moment)
    sys.argv = ["genius", *words]
    with open(output, "w") as file:
        sys.stdout = file
        genius.cli.main()
'''
TIMES = ("started", "seconds", "evaluation_seconds")
CONTEXT = multiprocessing.get_context("forkserver") if hasattr(os, "fork") else None

pytestmark = pytest.mark.skipif(CONTEXT is None, reason="needs processes that are forked")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Iterator[ModuleType]:
    CONTEXT.set_forkserver_preload(["killed_asking"])
    with importable(tmp_path_factory.mktemp("program"), "killed_asking", PROGRAM) as module:
        yield module


def content(result):
    lines = [candidate.to_json() for trial in result.trials for candidate in trial.candidates]
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def finished(process):
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


def lines_of(path: Path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def killed_until_it_ends(program, run, options, *, at_moments=None, kills=20, seed=1):
    """Start the program again and again; kill it at random, or at its first, second, … moment; then let it end."""
    rng = random.Random(seed)
    codes = []
    for kill in range(kills):
        begun = CONTEXT.Event()
        process = CONTEXT.Process(target=program.ask_and_tell, args=(begun, at_moments and kill + 1, run, options))
        process.start()
        assert begun.wait(60)
        if not at_moments:
            time.sleep(rng.uniform(0.0, 0.25))
            process.kill()
        codes.append(finished(process))
    return codes


@pytest.mark.parametrize("at_moments", [False, True])
async def test_what_is_killed_twenty_times_ends_as_what_nobody_disturbed(program, tmp_path, at_moments):
    options = {"proposer": "guided"}
    codes = killed_until_it_ends(program, tmp_path / "run", options, at_moments=at_moments)
    assert codes.count(-signal.SIGKILL) > 5
    result = await program.search(tmp_path / "run", **options)
    whole = await program.search(tmp_path / "whole", **options)
    assert content(result) == content(whole)
    assert result.finished
    assert result.trials[0].usage == whole.trials[0].usage


async def test_kills_of_parallel_asks_lose_and_repeat_nothing(program, tmp_path):
    options = {"proposer": "random", "workers": 4, "iterations": 30}
    killed_until_it_ends(program, tmp_path / "run", options, seed=2)
    result = await program.search(tmp_path / "run", **options)
    assert [candidate.iteration for candidate in result.candidates] == list(range(1, 31))
    assert all(candidate.value == program.value(candidate.architecture) for candidate in result.candidates)
    whole = await program.search(tmp_path / "whole", **options)
    assert [c.architecture for c in result.candidates] == [c.architecture for c in whole.candidates]


async def test_a_reply_that_was_paid_for_is_not_asked_for_again(program, tmp_path, openai_server):
    server = openai_server

    def answer(call):
        known = call["messages"][1]["content"].count("- iteration ")
        return server.says(
            f"Architecture: [{known // 16}, {known // 4 % 4}, {known % 4}]", tokens=(100, 10), delay=0.01
        )

    server.answer = answer
    options = {"llm": "openai:m", "proposer": "model", "base_url": server.url, "tries": 1, "iterations": 8}
    killed_until_it_ends(program, tmp_path / "run", options, at_moments=True, kills=14)
    result = await program.search(tmp_path / "run", **options)
    logged = lines_of(tmp_path / "run" / "calls.jsonl")
    assert result.trials[0].usage.llm_calls == len(logged)
    assert (
        len(logged) <= len(server.calls) <= len(logged) + 14
    )  # a reply that was under way at a kill is asked for again
    assert len({json.dumps(line["prompt"]) for line in logged}) == len(logged)
    whole = await program.search(tmp_path / "whole", **options)
    assert content(result) == content(whole)


class Shell:
    """Runs commands in processes that may die at a moment."""

    def __init__(self, program, folder):
        self.program, self.output = program, folder / "output"

    def __call__(self, moment, *words):
        process = CONTEXT.Process(target=self.program.command, args=(moment, self.output, words))
        process.start()
        return finished(process), self.output.read_text() if self.output.exists() else ""


@pytest.mark.parametrize("seed", [1, 2])
async def test_shells_that_are_killed_lose_and_repeat_nothing(program, tmp_path, seed, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text("decisions:\n  a: {range: [0.0, 1.0]}\n  b: [u, v, w]\n")
    rng, shell, killed = random.Random(seed), Shell(program, tmp_path), 0
    opening = ("open", "space.yaml", "--proposer", "guided", "--iterations", "8")

    def until_it_ends(*words):
        nonlocal killed
        while True:
            code, output = shell(rng.choice((0, 1, 2, 3, 4, 5, 6)), *words)
            if code != -signal.SIGKILL:
                return code, output
            killed += 1

    assert until_it_ends(*opening, "--run", "run")[0] == 0
    while (found := until_it_ends("ask", "run"))[0] == 0:
        asked = json.loads(found[1])
        code, _ = until_it_ends("tell", "run", asked["id"], str(asked["config"]["a"]))
        assert code in (0, 2)  # it was told already where the kill came right behind it
    assert found[0] == 3
    assert killed > 3
    result = genius.read("run")
    assert [candidate.value for candidate in result.candidates] == [c.values["a"] for c in result.candidates]
    async with genius.open("space.yaml", proposer="guided", iterations=8, run="whole") as search:
        while asked := await search.ask():
            await search.tell(asked, asked.config["a"])
    assert content(result) == content(genius.read("whole"))


async def test_shells_that_ask_at_once_get_different_candidates(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text("decisions:\n  a: {range: [0.0, 1.0]}\n  b: [u, v, w]\n")
    shells = [Shell(program, tmp_path) for _ in range(5)]
    for at, shell in enumerate(shells):
        shell.output = tmp_path / f"output-{at}"
    assert shells[0](0, "open", "space.yaml", "--proposer", "random", "--workers", "4", "--run", "run")[0] == 0
    found = await asyncio.gather(*(asyncio.to_thread(shell, 0, "ask", "run") for shell in shells))
    assert sorted(code for code, _ in found) == [0, 0, 0, 0, 4]
    asked = [json.loads(output) for code, output in found if code == 0]
    assert sorted(each["id"] for each in asked) == ["1", "2", "3", "4"]
    assert len({tuple(each["architecture"]) for each in asked}) == 4
    told = [
        asyncio.to_thread(shell, 0, "tell", "run", each["id"], "0.5")
        for shell, each in zip(shells[1:], asked, strict=True)
    ]
    assert [code for code, _ in await asyncio.gather(*told)] == [0, 0, 0, 0]
    assert len(lines_of(tmp_path / "run" / "candidates.jsonl")) == 4
