"""Files of a run that others hold, or that cannot be written: waited for, then named."""

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import genius
import pytest
from genius.graph.checkpoints import broken_checkpoints

SPACE = genius.get_space("nas-bench-macro")
OPTIONS = {"proposer": "random", "trace": False}


async def evaluate(architecture):
    return 50.0 + sum(architecture)


@pytest.fixture
def run(tmp_path):
    """Give a run of two iterations."""
    asyncio.run(genius.search(SPACE, evaluator=evaluate, iterations=2, run=tmp_path / "run", **OPTIONS))
    return tmp_path / "run"


class Holder:
    """Another program that holds the checkpoints locked, until it is told to let go."""

    def __init__(self, run):
        self._held, self._free = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(run / "checkpoints.sqlite",))
        self._thread.start()
        assert self._held.wait(60)

    def _hold(self, path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        connection.execute("BEGIN EXCLUSIVE")
        self._held.set()
        self._free.wait(60)
        connection.close()

    def let_go(self, after=0.0):
        threading.Timer(after, self._free.set).start()

    def join(self):
        self._free.set()
        self._thread.join()


@pytest.fixture
def hold():
    """Return what locks a run's checkpoints."""
    holders = []

    def lock(run):
        holders.append(Holder(run))
        return holders[-1]

    yield lock
    for holder in holders:
        holder.join()


def test_checkpoints_that_are_locked_for_a_while_are_waited_for(run, hold):
    hold(run).let_go(after=0.5)
    result = asyncio.run(genius.resume(run, evaluator=evaluate, iterations=4))
    assert len(result.trials[0].candidates) == 4


def test_checkpoints_that_stay_locked_are_named_and_the_run_goes_on_later(run, hold, monkeypatch):
    monkeypatch.setattr("genius.graph.checkpoints.LOCK_WAIT", 0.5)
    holder = hold(run)
    started = time.monotonic()
    with pytest.raises(genius.RunFailed) as ended:
        asyncio.run(genius.resume(run, evaluator=evaluate, iterations=4))
    assert time.monotonic() - started >= 0.5
    assert f"{run}/checkpoints.sqlite was locked by another process for 0.5 s" in str(ended.value)
    assert "close the program that uses it" in str(ended.value)
    assert f"`genius resume {run}`" in str(ended.value)
    assert "without that file" not in str(ended.value)
    holder.join()
    assert len(asyncio.run(genius.resume(run, evaluator=evaluate, iterations=4)).trials[0].candidates) == 4


def test_checkpoints_that_are_locked_in_the_middle_of_a_search_cost_nothing(tmp_path, hold, monkeypatch):
    monkeypatch.setattr("genius.graph.checkpoints.LOCK_WAIT", 0.5)
    run, evaluated, holders = tmp_path / "run", [], []

    async def lock_at_the_third(architecture):
        evaluated.append(architecture)
        if len(evaluated) == 3:
            holders.append(await asyncio.to_thread(hold, run))
        return await evaluate(architecture)

    with pytest.raises(genius.RunFailed, match="was locked by another process"):
        asyncio.run(genius.search(SPACE, evaluator=lock_at_the_third, iterations=6, run=run, **OPTIONS))
    holders[0].join()
    result = asyncio.run(genius.resume(run, evaluator=lock_at_the_third))
    assert len(result.trials[0].candidates) == len(evaluated) == 6


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("SQLITE_BUSY_SNAPSHOT", "was locked by another process for 20 s"),
        ("SQLITE_READONLY_DBMOVED", "cannot be written (moved): make its folder writable, then `genius resume r`"),
        ("SQLITE_IOERR_LOCK", "cannot be read or written (moved): look after its disk"),
        ("SQLITE_CORRUPT", "cannot be used: moved; without that file, a run goes on from its journal"),
    ],
)
def test_each_trouble_with_checkpoints_has_its_advice(kind, words):
    error = sqlite3.OperationalError("moved")
    error.sqlite_errorname = kind
    said = broken_checkpoints(Path("r"), error)
    assert words in str(said)
    assert isinstance(said, genius.RunFailed) == (kind != "SQLITE_CORRUPT")


READ_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="needs a tmpfs")


@pytest.fixture
def read_only(tmp_path):
    """Return what mounts a read-only disk over a folder, with what is in it."""
    mounted = []

    def mount(folder):
        for command in (
            ["mount", "--bind", folder, folder],
            ["mount", "-o", "remount,bind,ro", folder],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
            mounted.append(folder)

    yield mount
    for folder in set(mounted):
        subprocess.run(["umount", folder], check=True)


@READ_ONLY
def test_a_run_that_cannot_be_written_is_named_and_can_be_read(run, read_only):
    read_only(run)
    with pytest.raises(genius.GeniusError, match="and a search writes into its run folder: Read-only file"):
        asyncio.run(genius.resume(run, evaluator=evaluate, iterations=4))
    fork = asyncio.run(genius.fork(run, 1, evaluator=evaluate, to=run.parent / "fork"))
    assert len(fork.trials[0].candidates) == len(genius.read(run).trials[0].candidates) == 2


@READ_ONLY
def test_the_peers_of_a_run_that_cannot_be_written_are_made_and_not_kept(tables, read_only, tmp_path, monkeypatch):
    from genius.bench.worth import worth

    monkeypatch.setattr("genius.bench.worth.SEEDS", 2)
    monkeypatch.setattr("genius.bench.worth.PEERS", ("largest",))
    said = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "[1,1,1,1,1,1,1,1]"}]
    (tmp_path / "said.json").write_text(json.dumps(said))
    llm = f"replay:{tmp_path / 'said.json'}"
    options = {"llm": llm, "iterations": 1, "downloads": tables, "run": tmp_path / "run"}
    result = asyncio.run(genius.search("nas-bench-macro", **options))
    read_only(result.run)
    assert [standing.proposer for standing in asyncio.run(worth(result, tables)).standings] == ["largest"]


@READ_ONLY
def test_a_new_run_on_a_disk_that_cannot_be_written_is_named(read_only, tmp_path):
    (tmp_path / "disk").mkdir()
    read_only(tmp_path / "disk")
    with pytest.raises(genius.GeniusError, match=r"cannot write the run folder .*: Read-only file system"):
        asyncio.run(genius.search(SPACE, evaluator=evaluate, run=tmp_path / "disk" / "run", **OPTIONS))
