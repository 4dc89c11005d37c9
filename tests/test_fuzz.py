"""Thousands of damaged files: each is read, or refused in one printable sentence, and nothing hangs."""

import asyncio
import copy
import io
import json
import os
import random
import shutil
import sqlite3
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import genius
import ormsgpack
import pytest
from genius.bench.plan import TRIALS_FILE, read_trials
from genius.bench.trial import TRIAL, BenchTrial
from genius.evaluators.pools import read_measurement
from genius.record.measurement import MEASUREMENT
from genius.report.show import print_tables
from genius.training.job import EPOCH, Epoch, TrainingJob, read_epochs
from rich.console import Console

from .jobs import digits_job

REPLIES = [f"Architecture: {[at // 3, at % 3, 0, 1, 2, 0, 1, 2]}" for at in range(9)]
HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1.5, -0.0, 1e30, 1e308, float("nan"), float("inf")),
    *("", "x", "1", "\ud800", "\x00", "\x1b[2J", "\u202e", "x" * 100_000, "../../etc/passwd", "payload:SPACE", "llm"),
    *("ray:127.0.0.1:9", "http://127.0.0.1:9/v1", "cuda:7", "space", "raised", "local", "human", "random", "NaN"),
    *([], {}, [None], [[]], [1, 2], [[0] * 8] * 8, {"": None}, {"x": "y"}, [1e30] * 3, ["x"] * 2_000),
]
RUN = ("search.json", "candidates.jsonl", "calls.jsonl", "trace.jsonl")


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(50.0 + sum(architecture))


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Make a run of three iterations, with a refusal, a repair's neighbour and all that a run folder holds."""
    folder = tmp_path_factory.mktemp("original")
    messages = [{"role": "assistant", "content": text} for text in ["I wonder", *REPLIES]]
    (folder / "recording.json").write_text(json.dumps(messages))
    options: dict[str, Any] = {"llm": f"replay:{folder / 'recording.json'}", "evaluator": evaluate}
    asyncio.run(genius.search("nas-bench-macro", iterations=3, run=folder / "run", **options))
    return folder / "run"


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> Path:
    """Make the files of a training and of a bench, without training or searching."""
    folder = tmp_path_factory.mktemp("training")
    job = digits_job(folder, architecture=(1,) * 9, downloads=folder / "downloads")
    job.save()
    measured = genius.Measurement(81.5, 80.5, seconds=3.0, device="cpu", sd=1.0)
    job.files.answer.write_text(json.dumps(MEASUREMENT.plain(measured)))
    epochs = [
        Epoch(
            epoch=at,
            epochs=4,
            loss=1.0 / at,
            value=50.0 if at == 4 else None,
            images_per_second=100.0,
            seconds=at * 1.0,
        )
        for at in range(1, 5)
    ]
    job.files.epochs.write_text("".join(json.dumps(EPOCH.plain(epoch)) + "\n" for epoch in epochs))
    trials = [BenchTrial("nas-bench-macro", "all", "random", seed, 2, ((0,) * 8, None)) for seed in range(3)]
    (folder / TRIALS_FILE).write_text("".join(json.dumps(TRIAL.plain(trial)) + "\n" for trial in trials))
    return folder


# --- damage


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the places in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, one in inner for place in places(one, (*at, key)))]


def damaged(value: Any, rng: random.Random) -> Any:
    """Put something else in one place of a value, leave that place out, or add to it."""
    value = copy.deepcopy(value)
    *way, last = rng.choice(places(value)[1:] or [("",)])
    holder = value
    for key in way:
        holder = holder[key]
    kind = rng.randrange(5)
    if not isinstance(holder, dict | list) or kind == 0:
        return rng.choice(HOSTILE)
    if kind == 1:
        del holder[last]
    elif kind == 2 and isinstance(holder, dict):
        holder[rng.choice(["more", "", "\x00", "__class__", "lc"])] = rng.choice(HOSTILE)
    else:
        holder[last] = rng.choice(HOSTILE)
    return value


def damage_text(content: bytes, rng: random.Random) -> bytes:
    """Change a record of a file, or its bytes."""
    lines = content.splitlines(keepends=True)
    at, kind = rng.randrange(len(lines)), rng.randrange(16)
    whole = content.startswith(b"{\n")
    with suppress(ValueError, RecursionError):  # it may be damaged already
        if kind >= 8:
            raise ValueError
        record = json.loads(content if whole else lines[at])
        text = json.dumps(damaged(record, rng)).encode() + b"\n"
        return text if whole else b"".join([*lines[:at], text, *lines[at + 1 :]])
    place, kind = rng.randrange(len(content)), max(8, kind)
    junk = rng.choice([b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"[" * 50_000])
    changes = {
        8: lambda: content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :],
        9: lambda: content[:place],
        10: lambda: content[:place] + junk + content[place:],
        11: lambda: b"".join([*lines, lines[at]]),
        12: lambda: b"".join(rng.sample(lines, len(lines))),
        13: lambda: rng.choice([b"", b"\n", b"null\n", b"[]\n", b"\x00" * 5_000, b"\xef\xbb\xbf" + content]),
        14: lambda: b"[" * 100_000 + b"\n" + content,
        15: lambda: b"".join(lines[:at] + lines[at + 1 :]),
    }
    return changes[kind]()


def damage_checkpoints(path: Path, rng: random.Random) -> None:
    """Change a value in the file, or its bytes."""
    if rng.randrange(4) == 0:
        content = path.read_bytes()
        place = rng.randrange(len(content))
        path.write_bytes(rng.choice([content[:place], content[:place] + os.urandom(200) + content[place + 200 :]]))
        return
    with suppress(sqlite3.DatabaseError), sqlite3.connect(path) as connection:  # it may be damaged already
        column = rng.choice(["checkpoint", "checkpoint", "metadata", "type", "checkpoint_id", "parent_checkpoint_id"])
        for key, old in connection.execute(f"SELECT rowid, {column} FROM checkpoints").fetchall():
            new: Any = rng.choice([None, 5, b"\xff", "json", "pickle", "msgpack", "", "x"])
            with suppress(ValueError, TypeError):  # it may be damaged already
                if column == "checkpoint":
                    new = _packed(damaged(ormsgpack.unpackb(old), rng))
                elif column == "metadata":
                    new = json.dumps(damaged(json.loads(old), rng))
            with suppress(sqlite3.Error, OverflowError, UnicodeEncodeError):
                connection.execute(f"UPDATE checkpoints SET {column} = ? WHERE rowid = ?", (new, key))
    connection.close()


def _packed(value: Any) -> bytes:
    try:
        return ormsgpack.packb(value, option=ormsgpack.OPT_NON_STR_KEYS)
    except Exception:  # what msgpack cannot hold is no damage that a file can have
        return b"\xc1"


def replace(path: Path, rng: random.Random) -> None:
    """Put something that is no file in a file's place, or nothing."""
    path.unlink()
    kind = rng.randrange(4)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.symlink_to("/dev/zero")


def spoil(folder: Path, files: tuple[str, ...], rng: random.Random) -> None:
    """Damage one file of a folder, or two."""
    for _ in range(rng.choice([1, 1, 1, 2])):
        path = folder / rng.choice(files)
        if not path.is_file():
            continue
        if rng.randrange(20) == 0:
            replace(path, rng)
        elif path.suffix == ".sqlite":
            damage_checkpoints(path, rng)
        elif path.stat().st_size:
            path.write_bytes(damage_text(path.read_bytes(), rng))


# --- what is held


def held(action: Any, *given: Any) -> str:
    """Do something with damaged files: it works, or is refused in one printable sentence."""
    try:
        action(*given)
    except genius.GeniusError as error:
        said = str(error)
        assert said.isprintable(), ascii(said)
        assert len(said) < 3_000
        return "refused"
    return "worked"


def show(run: Path) -> None:
    result = genius.read(run)
    json.dumps(result.to_json())
    print_tables(result, Console(file=io.StringIO(), width=100))


def variants(original: Path, tmp_path: Path, files: tuple[str, ...], seeds: range):
    for seed in seeds:
        rng, folder = random.Random(seed), tmp_path / "folder"
        shutil.copytree(original, folder)
        spoil(folder, files, rng)
        yield folder
        shutil.rmtree(folder)


def test_every_damaged_run_is_shown_or_refused(original, tmp_path):
    ends = [held(show, run) for run in variants(original, tmp_path, RUN, range(1_200))]
    assert {"worked", "refused"} == set(ends)


@pytest.mark.filterwarnings("ignore::genius.errors.GeniusWarning")
@pytest.mark.parametrize("command", ["resume", "fork"])
def test_every_damaged_run_goes_on_or_is_refused(original, tmp_path, monkeypatch, command):
    monkeypatch.setenv("GENIUS_DATA", str(tmp_path / "data"))
    options: dict[str, Any] = {
        "evaluator": evaluate,
        "iterations": 4,
        "llm": f"replay:{original.parent / 'recording.json'}",
    }

    goes: dict[str, Any] = {"resume": genius.resume, "fork": partial(genius.fork, at=2, to=tmp_path / "fork")}

    def go_on(run: Path) -> None:
        shutil.rmtree(tmp_path / "fork", ignore_errors=True)
        asyncio.run(goes[command](run, **options))

    files = (*RUN, "checkpoints.sqlite", "checkpoints.sqlite")
    ends = [held(go_on, run) for run in variants(original, tmp_path, files, range(200))]
    assert {"worked", "refused"} == set(ends)


def test_every_damaged_training_and_bench_is_read_or_refused(training, tmp_path):
    readers = {
        "job.json": lambda folder: TrainingJob.load(folder / "job.json"),
        "answer.json": lambda folder: read_measurement(folder / "answer.json"),
        "epochs.jsonl": lambda folder: read_epochs(folder / "epochs.jsonl"),
        TRIALS_FILE: read_trials,
    }
    for file, read in readers.items():
        ends = []
        for folder in variants(training, tmp_path, (file,), range(200)):
            with suppress(FileNotFoundError):
                ends.append(held(read, folder))
        assert {"worked", "refused"} >= set(ends)
        assert "worked" in ends
