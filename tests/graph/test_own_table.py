"""A search of a table of one's own: from Python and as a user types it, gone on with, and changed meanwhile."""

import json
import re
import shlex
from dataclasses import replace

import genius
import pytest
from genius.errors import GeniusWarning

DIGITS = genius.get_space("digits")
HELD = {f"{n:03}000000": 50.0 + n / 10 for n in (0, 1, 2, 10, 11, 12, 100, 102)} | {"111111111": 0.0}


@pytest.fixture
def table(tmp_path):
    """Write a table of nine networks of digits."""
    path = tmp_path / "own table.json"
    path.write_text(json.dumps({key: {"accuracy": value, "test_accuracy": 0} for key, value in HELD.items()}))
    return path


async def search(own, tmp_path, **options):
    asked = {"proposer": "random", "iterations": 5, "table": own, "run": tmp_path / "run"} | options
    return await genius.search(asked.pop("space", "digits"), **asked)


@pytest.mark.parametrize("space", ["digits", replace(DIGITS, name="mine")], ids=["named", "own"])
async def test_nothing_but_what_the_table_holds_is_tried(table, tmp_path, space):
    with pytest.warns(GeniusWarning, match="it lacks 19,674 of the 19,683 architectures"):
        result = await search(table, tmp_path, space=space, iterations=9)
    found = {DIGITS.key(c.architecture): c.accuracy for c in result.trials[0].candidates}
    assert found == HELD
    best = result.best.measurement
    assert (best.accuracy, best.test_accuracy, best.rank, best.test_rank) == (60.2, 0.0, 1, 1)


@pytest.mark.filterwarnings("ignore:the table")
async def test_it_is_gone_on_with_the_same_table_only(table, tmp_path):
    await search(table, tmp_path)
    settings = json.loads((tmp_path / "run" / "search.json").read_text())
    assert settings["training"]["table"] == str(table)
    assert len(settings["run"]["table_sha256"]) == 64
    resumed = await genius.resume(tmp_path / "run", iterations=6)
    assert len(resumed.trials[0].candidates) == 6
    table.write_text(table.read_text().replace("50.2", "50.3"))
    for go_on in (
        lambda **more: genius.fork(tmp_path / "run", 2, to=tmp_path / f"fork{len(more)}", **more),
        lambda **more: genius.resume(tmp_path / "run", iterations=8, **more),
    ):
        with pytest.raises(genius.GeniusError, match=r"own table\.json was changed since the run began"):
            await go_on()
        with pytest.warns(GeniusWarning, match="from now on accuracies are those of the table"):
            await go_on(table=table)
    table.unlink()
    with pytest.raises(genius.GeniusError, match=r"the table .* is not there"):
        await genius.resume(tmp_path / "run", iterations=9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": "digits"}, "a table and training exclude each other"),
        ({"evaluator": lambda architecture: 5.0}, "a table and an evaluator exclude each other"),
        ({"table": "nothing.json"}, r"the table nothing\.json is not there, or no file"),
        ({"batch": 0, "table": None}, "batch must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"worker_memory": "0"}, "memory must be more than 0, got 0"),
    ],
)
async def test_what_cannot_work_is_said_before_anything_is_written(table, tmp_path, options, words):
    with pytest.raises(genius.GeniusError, match=words):
        await search(table, tmp_path, **options)
    assert not (tmp_path / "run").exists()


def test_the_commands_that_are_printed_work(table, tmp_path, command_line):
    """From another folder than the search was started in, with spaces in every name."""
    here, there = tmp_path / "here is it", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    asked = ("search", "digits", "--proposer", "random", "--iterations", "3", "--table", table, "--run", "a run")
    done = command_line(*asked, folder=here)
    assert done.returncode == 0, done.stderr
    assert "it lacks 19,674 of the 19,683" in done.stderr
    assert "Accuracies are those of the table" in " ".join(done.stdout.split())
    settings = here / "a run" / "search.json"
    settings.write_text(settings.read_text().replace('"iterations": 3', '"iterations": 4'))
    shown = command_line("show", here / "a run", folder=there)
    command = " ".join(shown.stdout.split()).partition("go on with `")[2].partition("`")[0]
    assert shlex.split(command)[:2] == ["genius", "resume"]
    resumed = command_line(*shlex.split(command)[1:], folder=there)
    assert resumed.returncode == 0, resumed.stderr
    assert "Not finished" not in resumed.stdout


async def test_a_run_looks_for_downloads_where_it_was_told_to(tables, tmp_path):
    options = {"proposer": "random", "iterations": 1, "run": tmp_path / "run", "downloads": tables}
    await genius.search("nas-bench-macro", **options)
    assert len((await genius.resume(tmp_path / "run", iterations=2)).trials[0].candidates) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, r"A value is the mean of 3 trainings, of which each varies by about ±0\.\d\d: the same architecture"),
        (
            {"single_run": True},
            r"A value is that of one of an architecture's 3 trainings, which vary by about ±0\.\d\d:",
        ),
    ],
)
async def test_the_noise_of_a_published_table_is_told(tables, tmp_path, options, words):
    prompts = []

    def propose(prompt, history):
        prompts.append(prompt[-1]["content"])
        return "Architecture: [1, 1, 1, 1, 1, 1, 1, 1]"

    await genius.search(
        "nas-bench-macro", proposer=propose, downloads=tables, iterations=1, run=tmp_path / "run", **options
    )
    assert re.search(words, prompts[0])
