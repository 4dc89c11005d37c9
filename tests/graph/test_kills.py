"""What a run survives: kills at any moment, torn and spoilt files, a full disk, Ctrl-C; its forks and checkpoints."""

import asyncio
import hashlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import genius
import pytest
from genius.cli import main

from .programs import importable

PROGRAM = '''
"""Searches a space of 64 architectures; every evaluation that is finished is noted in the file `notes`."""

import asyncio
import os
import sys

import anyio._backends._asyncio
import genius
import genius.cli
import genius.graph.search
import langchain_openai
import matplotlib.figure
from genius.agents.backends import chat_model
from genius.record.settings.llm_settings import LLMSettings
from genius.spaces.cost import Cost, Part
from dying import die_at

chat_model("openai:m", LLMSettings(base_url="http://127.0.0.1:1/v1"))  # it imports much, which is done once here


def cost(a, b, c):
    return Cost(1000 * (a + b + c), 10 * (a + b + c))


SPACE = genius.SearchSpace(
    name="tiny",
    decisions=tuple(genius.Decision(f"layer {n}", ("a", "b", "c", "d")) for n in (1, 2, 3)),
    description="Three layers of four kinds.",
    build=print,
    input_shape=(1, 4, 4),
    parts=(Part((0, 1, 2), cost),),
)


def evaluator(notes, seconds=0.03):
    async def evaluate(architecture):
        await asyncio.sleep(seconds)
        if architecture == (0, 3, 1):
            measurement = genius.Measurement(error="out of memory")
        else:
            measurement = genius.Measurement(50.0 + hash(architecture) % 4000 / 100, test_accuracy=40.0)
        with open(notes, "ab", buffering=0) as file:
            file.write(f"{list(architecture)}\\n".encode())
        return measurement

    return evaluate


async def search(notes, run, url, seconds=0.03, **options):
    asked = {"llm": "openai:m", "proposer": "model", "base_url": url, "tries": 1, "iterations": 10, "seed": 0}
    return await genius.search(SPACE, evaluator=evaluator(notes, seconds), run=run, **{**asked, **options})


async def resume(notes, run, seconds=0.03, **options):
    return await genius.resume(run, space=SPACE, evaluator=evaluator(notes, seconds), trust=True, **options)


def process(begun, moment, notes, run, url, options):
    """Begin the run, or go on with it where it was begun before; says when its first iteration begins."""
    die_at(moment)
    options["progress"] = lambda step: begun.set()
    if (run / "search.json").is_file():
        asyncio.run(resume(notes, run, progress=options["progress"]))
    else:
        asyncio.run(search(notes, run, url, **options))


if __name__ == "__main__":
    notes = sys.argv.pop()
    plain = {name: getattr(genius.graph.search, name) for name in ("search", "resume")}
    given = {"evaluator": evaluator(notes)}
    genius.graph.search.search = lambda space, **options: plain["search"](SPACE, **{**options, **given})
    genius.graph.search.resume = lambda run, **options: plain["resume"](
        run, **{**options, **given, "space": SPACE, "trust": True}
    )
    genius.cli.main()
'''
TIMES = ("started", "seconds", "evaluation_seconds")
REPLIES = 14  # that ten iterations take


def architecture(number: int) -> list[int]:
    place = 7 * number % 64
    return [place // 16, place // 4 % 4, place % 4]


def listed(prompt: str) -> int:
    """Return how many experiments a prompt tells of, those it only counts included."""
    return max(map(int, re.findall(r"iteration (\d+):", prompt)), default=0)


def text_for(call: dict[str, Any]) -> str:
    """Answer as a model whose reply depends on the prompt alone; at times its first one cannot be used."""
    number, asked_again = listed(call["messages"][1]["content"]), len(call["messages"]) > 2
    if not asked_again and number % 4 == 2:
        return "I cannot decide."
    if not asked_again and number % 4 == 3:
        return f"Once more.\nArchitecture: {architecture(number - 1)}"
    return f"Number {number}.\nArchitecture: {architecture(number)}"


def with_answers(server: Any) -> Any:
    server.answer = lambda call: server.says(text_for(call), tokens=(100, 10), delay=0.02)
    return server


@pytest.fixture
def server(openai_server):
    return with_answers(openai_server)


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Iterator[ModuleType]:
    with importable(tmp_path_factory.mktemp("program"), "killed_search", PROGRAM) as module:
        yield module


@pytest.fixture
def notes(tmp_path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def start(program, server, notes, tmp_path) -> Iterator[Callable[..., ForkServerProcess]]:
    """Give what starts a process that begins the run or goes on with it; the others of its kind load nothing twice."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["killed_search"])
    processes: list[ForkServerProcess] = []
    events = []  # an event that nobody holds is gone before the process has found it

    def begin(*, die_at: int = 0, **options: Any) -> ForkServerProcess:
        events.append(begun := context.Event())
        arguments = (begun, die_at, notes, tmp_path / "run", server.url, options)
        processes.append(context.Process(target=program.process, args=arguments))
        processes[-1].start()
        assert die_at or begun.wait(60)
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.join()


def content(result: genius.SearchResult) -> list[dict[str, object]]:
    """Return what a search found, without the times."""
    found = [candidate.to_json() for trial in result.trials for candidate in trial.candidates]
    return [{name: value for name, value in candidate.items() if name not in TIMES} for candidate in found]


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file that may be torn."""
    text = path.read_bytes() if path.is_file() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def evaluated(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.is_file() else []


class Books:
    """Holds what is spent against what was written down before, from one process to the next."""

    def __init__(self, run: Path, notes: Path, server: Any) -> None:
        self.run, self.notes, self.server = run, notes, server
        self.close()

    def close(self) -> None:
        """Note the lines that are written, and the calls and evaluations until now."""
        calls = whole_lines(self.run / "calls.jsonl")
        self.paid = {(line["trial"], json.dumps(line["prompt"])) for line in calls}
        self.journal = whole_lines(self.run / "candidates.jsonl")
        self.spent = len(self.server.calls), len(evaluated(self.notes))

    def check(self) -> None:
        """Hold that no call and no evaluation since then was of a line that was written by then."""
        calls, evaluations = self.spent
        for call in self.server.calls[calls:]:
            assert (call["seed"] + 1, json.dumps(call["messages"])) not in self.paid
        for measured in evaluated(self.notes)[evaluations:]:
            assert measured not in [str(line["architecture"]) for line in self.journal]
        now = whole_lines(self.run / "candidates.jsonl")
        assert now[: len(self.journal)] == self.journal
        for file, place in (
            ("candidates.jsonl", ("trial", "iteration")),
            ("calls.jsonl", ("agent", "trial", "iteration", "attempt")),
        ):
            times = Counter(tuple(line[name] for name in place) for line in whole_lines(self.run / file))
            assert set(times.values()) <= {1}
        self.close()


def hashes(folder: Path) -> dict[str, str]:
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


# --- kills


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_kills_at_random_moments_lose_and_repeat_nothing(seed, start, program, server, notes, tmp_path):
    rng, run, kills, iterations = random.Random(seed), tmp_path / "run", 4, 14
    books = Books(run, notes, server)
    for _ in range(kills):
        process = start(iterations=iterations)
        await asyncio.sleep(rng.uniform(0.0, 0.4))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        books.check()
    result = await program.resume(notes, run, seconds=0.0)
    books.check()
    replies = len(whole_lines(run / "calls.jsonl"))
    assert replies <= len(server.calls) <= replies + kills
    assert iterations <= len(evaluated(notes)) <= iterations + kills
    options = {"seconds": 0.0, "iterations": iterations}
    whole = await program.search(tmp_path / "other notes", tmp_path / "whole", server.url, **options)
    assert result.finished
    assert content(result) == content(whole)
    assert [trial.usage for trial in result.trials] == [trial.usage for trial in whole.trials]


async def test_a_kill_before_or_after_any_write_loses_and_repeats_nothing(start, program, server, notes, tmp_path):
    run, moments = tmp_path / "run", range(1, 15)
    books = Books(run, notes, server)
    done = []
    for moment in moments:
        process = start(die_at=moment, iterations=20)
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        books.check()
        done.append(len(books.journal))
    assert done[-1] > 2  # each process came further than the one before it, or paid for what the next one used
    result = await program.resume(notes, run, seconds=0.0)
    books.check()
    assert len(server.calls) <= len(whole_lines(run / "calls.jsonl")) + len(moments)
    whole = await program.search(tmp_path / "other notes", tmp_path / "whole", server.url, seconds=0.0, iterations=20)
    assert content(result) == content(whole)
    assert [trial.usage for trial in result.trials] == [trial.usage for trial in whole.trials]


async def test_kills_of_several_trials_lose_and_repeat_nothing(start, program, server, notes, tmp_path):
    run, rng = tmp_path / "run", random.Random(4)
    trials = {"trials": 3, "iterations": 5}
    paid: set[tuple[int, str]] = set()
    for _ in range(4):
        spent = len(server.calls)
        process = start(**trials)
        await asyncio.sleep(rng.uniform(0.0, 0.3))
        process.kill()
        process.join()
        assert not [c for c in server.calls[spent:] if (c["seed"] + 1, json.dumps(c["messages"])) in paid]
        paid = {(line["trial"], json.dumps(line["prompt"])) for line in whole_lines(run / "calls.jsonl")}
    result = await program.resume(notes, run)
    whole = await program.search(tmp_path / "other notes", tmp_path / "whole", server.url, **trials)
    assert content(result) == content(whole)
    assert len(whole_lines(run / "candidates.jsonl")) == 15
    assert 15 <= len(evaluated(notes)) <= 15 + 3 * 4


async def test_a_kill_after_the_last_line_costs_nothing(start, program, server, notes, tmp_path):
    run = tmp_path / "run"
    moments_of_one_iteration = 20
    for moment in range(1, moments_of_one_iteration):
        process = start(die_at=moment, iterations=1)
        process.join(60)
        if whole_lines(run / "candidates.jsonl"):
            break
    assert process.exitcode == -signal.SIGKILL
    result = await program.resume(notes, run)
    assert result.finished
    assert len(server.calls) == len(evaluated(notes)) == 1
    longer = await program.resume(notes, run, iterations=2)
    assert [candidate.iteration for candidate in longer.trials[0].candidates] == [1, 2]
    assert len(evaluated(notes)) == 2


def test_ctrl_c_ends_with_one_line_and_the_run_can_go_on(program, server, notes, tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, program.__file__]
    arguments = ["search", "tiny", "--llm", "openai:m", "--proposer", "model", "--base-url", server.url]
    arguments += ["--iterations", "8", "--run", run]
    process = subprocess.Popen([*command, *arguments, notes], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while len(whole_lines(run / "candidates.jsonl")) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"stopped: go on with `genius resume {run}`" in err
    assert "Traceback" not in err
    assert out == ""
    paid = {json.dumps(line["prompt"]) for line in whole_lines(run / "calls.jsonl")}
    spent = len(server.calls)
    result = asyncio.run(program.resume(notes, run, seconds=0.0))
    assert len(result.trials[0].candidates) == 8
    assert not [call for call in server.calls[spent:] if json.dumps(call["messages"]) in paid]
    assert len(evaluated(notes)) <= 9


async def test_two_processes_cannot_share_a_run(start, program, server, notes, tmp_path):
    run = tmp_path / "run"
    process = start(iterations=30)
    assert process.is_alive()
    with pytest.raises(genius.GeniusError, match="in use by another process"):
        await program.resume(notes, run)
    with pytest.raises(genius.GeniusError, match="in use by another process"):
        await genius.fork(
            run, 1, to=tmp_path / "fork", trust=True, space=program.SPACE, evaluator=program.evaluator(notes)
        )
    with pytest.raises(genius.GeniusError, match="exists and is not empty"):
        await program.search(notes, run, server.url)
    assert not genius.read(run).finished  # reading is free
    assert process.is_alive()
    process.kill()
    process.join()
    assert (await program.resume(notes, run, seconds=0.0, iterations=12)).finished


# --- spoilt files


@pytest.fixture(scope="module")
def runs(program, openai_server_of_module, tmp_path_factory) -> Path:
    """Give three runs: `whole` made its ten iterations, `finished` its six, and the server of `half` failed after five.

    What `half` and `finished` evaluated stands in files beside them.
    """
    server, folder = with_answers(openai_server_of_module), tmp_path_factory.mktemp("runs")

    def search(name: str, **options: Any) -> None:
        asyncio.run(program.search(folder / f"{name} notes", folder / name, server.url, seconds=0.0, **options))

    search("whole")
    search("finished", iterations=6)
    healthy = iter(range(7))  # replies: the third and the fourth iteration take two each
    server.answer = lambda call: (
        server.fails(500, "out of order")
        if next(healthy, None) is None
        else server.says(text_for(call), tokens=(100, 10))
    )
    with pytest.raises(genius.RunFailed):
        search("half")
    return folder


def copy(runs: Path, name: str, notes: Path, to: Path, url: str) -> Path:
    """Copy a run and its notes, and have it ask another server."""
    shutil.copy(runs / f"{name} notes", notes)
    shutil.copytree(runs / name, to)
    settings = json.loads((to / "search.json").read_text())
    (to / "search.json").write_text(json.dumps(settings | {"llm": settings["llm"] | {"base_url": url}}))
    return to


@pytest.fixture
def half(runs, server, notes, tmp_path) -> Path:
    """Give a run whose server failed after five of ten iterations."""
    return copy(runs, "half", notes, tmp_path / "run", server.url)


@pytest.fixture
def whole(runs) -> list[dict[str, object]]:
    """Give what an uninterrupted search finds in ten iterations."""
    return content(genius.read(runs / "whole"))


@pytest.mark.parametrize("file", ["candidates.jsonl", "calls.jsonl", "trace.jsonl"])
@pytest.mark.parametrize("torn", ["half a line", "half a character"])
async def test_a_torn_last_line_is_cut_off(half, whole, program, server, notes, file, torn):
    path = half / file
    lines = path.read_bytes()
    last = lines.splitlines(keepends=True)[-1]
    path.write_bytes(lines + (last[: len(last) // 2] if torn == "half a line" else '{"reply": "ü'.encode()[:-1]))
    assert len(genius.read(half).trials[0].candidates) == 5
    spent = len(server.calls)
    result = await program.resume(notes, half, seconds=0.0)
    assert path.read_bytes().startswith(lines)
    assert content(result) == whole
    assert len(evaluated(notes)) == 10
    assert len(server.calls) - spent == REPLIES - 7
    for line in path.read_text(encoding="utf-8").splitlines():
        json.loads(line)


@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("candidates.jsonl", "cut"),
        ("calls.jsonl", "cut"),
        ("candidates.jsonl", "list"),
        ("calls.jsonl", "list"),
        ("candidates.jsonl", "zeros"),
        ("candidates.jsonl", "field"),
    ],
)
async def test_a_spoilt_line_is_named(half, program, notes, file, how):
    path = half / file
    lines = path.read_bytes().splitlines(keepends=True)
    spoilt = {"cut": lines[1][:20] + b"\n", "list": b"[1, 2]\n", "zeros": bytes(40) + b"\n", "field": b'{"trial": 1}\n'}
    lines[1] = spoilt[how]
    path.write_bytes(b"".join(lines))
    before = hashes(half)
    with pytest.raises(genius.GeniusError, match=re.escape(f"{path}, line 2, cannot be read")):
        await program.resume(notes, half)
    with pytest.raises(genius.GeniusError, match=re.escape(f"{path}, line 2, cannot be read")):
        genius.read(half)
    assert hashes(half) == before


@pytest.mark.parametrize(
    "settings", [None, b"", b"{", b"[]", b"7", b'{"space": "tiny"}', b'{"of": "another version"}', b"\xff\xfe", "type"]
)
async def test_spoilt_settings_are_named(half, program, notes, settings):
    path = half / "search.json"
    if settings is None:
        path.unlink()
    elif settings == "type":
        path.write_text(path.read_text().replace('"iterations": 10', '"iterations": "ten"'))
    else:
        path.write_bytes(settings)
    with pytest.raises(genius.GeniusError) as failure:
        await program.resume(notes, half)
    assert "search.json" in str(failure.value)
    assert "\n" not in str(failure.value)


SPOILT = {
    "no database": lambda old: b"This is no database." * 100,
    "zeros": lambda old: bytes(len(old)),
    "cut": lambda old: old[: len(old) // 2],
    "spoilt in the middle": lambda old: old[:4096] + os.urandom(len(old) - 4096),
    "spoilt here and there": lambda old: b"".join(
        old[at : at + 4096] if at % 12288 else old[at : at + 100] + b"spoilt" * 500 + old[at + 3100 : at + 4096]
        for at in range(0, len(old), 4096)
    ),
}


@pytest.mark.parametrize("how", SPOILT)
async def test_spoilt_checkpoints_are_named_and_can_be_left_out(half, whole, program, server, notes, how):
    path = half / "checkpoints.sqlite"
    path.write_bytes(SPOILT[how](path.read_bytes()))
    spent, journal = len(server.calls), (half / "candidates.jsonl").read_bytes()
    with pytest.raises(genius.GeniusError) as failure:
        await program.resume(notes, half)
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)
    assert len(server.calls) == spent
    assert (half / "candidates.jsonl").read_bytes() == journal
    for file in half.glob("checkpoints.sqlite*"):
        file.unlink()
    assert content(await program.resume(notes, half, seconds=0.0)) == whole
    assert len(evaluated(notes)) == 10


def test_spoilt_checkpoints_end_the_command_with_code_2(program, server, notes, tmp_path, monkeypatch, capsys):
    run = tmp_path / "run"
    asyncio.run(program.search(notes, run, server.url, seconds=0.0, iterations=2))
    (run / "checkpoints.sqlite").write_bytes(b"This is no database." * 100)
    resume = genius.resume
    given = {"space": program.SPACE, "evaluator": program.evaluator(notes), "trust": True}
    monkeypatch.setattr("genius.graph.search.resume", lambda run, **options: resume(run, **{**options, **given}))
    monkeypatch.setattr(sys, "argv", ["genius", "resume", str(run), "--iterations", "3"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("genius: ")
    assert "checkpoints.sqlite" in err


async def test_lost_checkpoints_cost_nothing(half, whole, program, server, notes):
    (half / "checkpoints.sqlite").unlink()
    spent = len(server.calls)
    result = await program.resume(notes, half, seconds=0.0)
    assert content(result) == whole
    assert len(evaluated(notes)) == 10
    assert len(server.calls) - spent == REPLIES - 7
    assert len(whole_lines(half / "candidates.jsonl")) == 10


async def test_a_lost_journal_is_named(half, program, notes):
    (half / "candidates.jsonl").unlink()
    with pytest.raises(genius.GeniusError, match="the journal of trial 1 holds 0 lines, its checkpoint stands on 5"):
        await program.resume(notes, half)


# --- a full disk


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Give what makes a disk of so many KiB, or changes its size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = False

    def resize(size: int) -> Path:
        nonlocal mounted
        options = f"{'remount,' if mounted else ''}size={size}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted = True
        return disk

    yield resize
    if mounted:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a tmpfs")
@pytest.mark.parametrize("size", [4, 16, 40, 100, 200])
async def test_a_full_disk_is_said_and_the_run_goes_on_when_it_is_not(size, whole, small_disk, program, server, notes):
    run = small_disk(size) / "run"
    with pytest.raises(genius.GeniusError) as failure:
        await program.search(notes, run, server.url, seconds=0.0)
    assert f"the disk of {run} is full" in str(failure.value) or not (run / "search.json").is_file()
    assert "\n" not in str(failure.value)
    if not (run / "search.json").is_file():
        return
    assert f"genius resume {run}" in str(failure.value)
    with pytest.raises(genius.RunFailed, match=f"the disk of {run} is full"):
        await program.resume(notes, run, seconds=0.0)
    small_disk(8000)
    paid, spent = len(whole_lines(run / "calls.jsonl")), len(server.calls)
    result = await program.resume(notes, run, seconds=0.0)
    assert content(result) == whole
    assert len(server.calls) - spent == REPLIES - paid
    assert len(whole_lines(run / "candidates.jsonl")) == 10


# --- forks and longer runs


@pytest.fixture
def finished(runs, server, notes, tmp_path) -> genius.SearchResult:
    """Give a run that made its six iterations."""
    return genius.read(copy(runs, "finished", notes, tmp_path / "run", server.url))


@pytest.mark.parametrize("at", [0, 1, 3, 5])
async def test_a_fork_shares_the_beginning_and_leaves_the_old_run_alone(at, finished, program, server, notes, tmp_path):
    before, spent = hashes(finished.run), len(server.calls)
    answer = server.answer

    def other(call):
        number = listed(call["messages"][1]["content"])
        return server.says(f"Architecture: {architecture(63 - number)}")

    server.answer = other
    given = {"space": program.SPACE, "evaluator": program.evaluator(notes, 0.0), "trust": True}
    fork = await genius.fork(finished.run, at, to=tmp_path / "fork", iterations=8, **given)
    assert hashes(finished.run) == before
    assert content(fork)[:at] == content(finished)[:at]
    assert [candidate.iteration for candidate in fork.trials[0].candidates] == list(range(1, 9))
    assert [list(c.architecture) for c in fork.trials[0].candidates[at:]] == [
        architecture(63 - number) for number in range(at, 8)
    ]
    assert len(server.calls) - spent == 8 - at
    assert len(evaluated(notes)) == 6 + 8 - at
    assert fork.settings.run.id != finished.settings.run.id
    assert fork.settings.run.forked_from == f"{finished.run}, iteration {at}"
    assert genius.read(fork.run).finished
    server.answer = answer
    again = await genius.fork(fork.run, 7, to=tmp_path / "fork of the fork", **given)
    assert content(again)[:7] == content(fork)[:7]


async def test_a_fork_that_is_killed_can_go_on(finished, whole, program, server, notes, tmp_path):
    given = {"space": program.SPACE, "evaluator": program.evaluator(notes, 0.0), "trust": True}
    answer, server.answer = server.answer, lambda call: server.fails(500, "out of order")
    with pytest.raises(genius.RunFailed):
        await genius.fork(finished.run, 4, to=tmp_path / "fork", iterations=10, **given)
    server.answer = answer
    assert len(genius.read(tmp_path / "fork").trials[0].candidates) == 4
    assert content(await genius.resume(tmp_path / "fork", **given)) == whole


async def test_a_fork_that_was_cut_off_while_it_took_over_is_no_run(finished, program, notes, tmp_path, monkeypatch):
    given = {"space": program.SPACE, "evaluator": program.evaluator(notes, 0.0), "trust": True}

    async def die(*values: Any) -> None:
        raise SystemError

    with monkeypatch.context() as patch:
        patch.setattr("genius.record.journal.Journal.log_reply", die)
        with pytest.raises(SystemError):
            await genius.fork(finished.run, 4, to=tmp_path / "fork", **given)
    with pytest.raises(genius.GeniusError, match="not a run folder"):
        await genius.resume(tmp_path / "fork", **given)


@pytest.mark.parametrize(("at", "iterations"), [(-1, None), (6, None), (7, 12)])
async def test_a_fork_from_where_the_run_never_was_is_refused(at, iterations, finished, program, notes, tmp_path):
    given = {"space": program.SPACE, "evaluator": program.evaluator(notes), "trust": True}
    with pytest.raises(genius.GeniusError, match=str(at)):
        await genius.fork(finished.run, at, to=tmp_path / "fork", iterations=iterations, **given)
    assert not (tmp_path / "fork").exists()


async def test_a_fork_from_the_last_iteration_makes_more(finished, whole, program, notes, tmp_path):
    given = {"space": program.SPACE, "evaluator": program.evaluator(notes, 0.0), "trust": True}
    fork = await genius.fork(finished.run, 6, to=tmp_path / "fork", iterations=10, **given)
    assert content(fork) == whole


async def test_a_fork_of_several_trials(program, server, notes, tmp_path):
    trials = {"trials": 3, "iterations": 4}
    source = await program.search(notes, tmp_path / "run", server.url, seconds=0.0, **trials)
    before, spent = hashes(source.run), len(server.calls)
    given = {"space": program.SPACE, "evaluator": program.evaluator(notes, 0.0), "trust": True}
    fork = await genius.fork(source.run, 2, to=tmp_path / "fork", **given)
    assert hashes(source.run) == before
    assert content(fork) == content(source)
    assert len(server.calls) - spent == 3 * 4  # the third and the fourth iteration take two replies each


async def test_a_finished_run_is_only_read_and_can_be_made_longer(finished, whole, program, server, notes):
    before, spent = hashes(finished.run), len(server.calls)
    assert content(await program.resume(notes, finished.run)) == content(finished)
    assert hashes(finished.run) == before
    assert len(server.calls) == spent
    longer = await program.resume(notes, finished.run, seconds=0.0, iterations=10)
    assert content(longer) == whole
    assert genius.read(finished.run).settings.loop.iterations == 10


# --- checkpoints


async def test_one_checkpoint_of_bounded_size_an_iteration(program, notes, tmp_path):
    async def propose(prompt, history):
        return f"Number {len(history):2}.\nArchitecture: {architecture(len(history))}"

    given = {"proposer": propose, "evaluator": program.evaluator(notes, 0.0)}
    result = await genius.search(program.SPACE, iterations=60, run=tmp_path / "run", **given)
    with sqlite3.connect(tmp_path / "run" / "checkpoints.sqlite") as database:
        rows = database.execute(
            "SELECT thread_id, length(checkpoint) + length(metadata) FROM checkpoints ORDER BY checkpoint_id"
        ).fetchall()
        writes = database.execute("SELECT coalesce(sum(length(value)), 0) FROM writes").fetchone()[0]
    database.close()
    assert len(rows) == len(result.trials[0].candidates) == 60
    assert {thread for thread, _ in rows} == {result.settings.thread(1)}
    sizes = [size for _, size in rows]
    assert max(sizes[30:]) < 1.1 * sizes[30]
    assert sum(sizes[50:]) < 1.05 * sum(sizes[30:40])
    assert writes < sum(sizes)
    trace = (tmp_path / "run" / "trace.jsonl").read_bytes().splitlines()
    assert len(trace) < 60 * 10
