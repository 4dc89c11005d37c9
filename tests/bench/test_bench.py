"""A bench: every pair is run, what is reported is what was found, and what was made is not made again."""

import asyncio
import csv
import json
import shlex
from dataclasses import replace
from math import inf
from pathlib import Path

import genius
import numpy as np
import pytest
from genius.bench.bench import bench
from genius.bench.plan import TRIALS_FILE, Plan, make_trials, read_trials
from genius.bench.scores import remarks, rows, score
from genius.bench.task import Task, capped, load_task
from genius.bench.trial import BenchTrial, run_trial
from genius.errors import GeniusWarning
from genius.spaces.region import Limits
from genius.tables.published import Table

from .conftest import NAME

BASELINES = ("random", "guided", "largest")
EVERYTHING = [(a, b) for a in range(3) for b in range(3)]


def toy_task(toy, **changes):
    return Task(NAME, table=toy, **changes)


async def run_toy(toy, out, proposers=BASELINES, seeds=3, **options):
    return await bench(
        [NAME], proposers=proposers, seeds=seeds, iterations=[2, 4], tables={NAME: toy}, out=out, **options
    )


async def test_it_reports_every_pair_and_writes_everything(toy, tmp_path):
    told = []
    found = await run_toy(toy, tmp_path / "b", flops_caps=[0.7], tell=lambda made, of: told.append((made, of)))
    assert told[0] == (0, 18)
    assert told[-1] == (18, 18)
    assert len(found.rows) == 2 * 3 * 2
    assert {row.task.pool for row in found.rows} == {"all", "≤70% FLOPs"}
    names = {path.name for path in (tmp_path / "b").iterdir()}
    assert names == {"trials.jsonl", "bench.md", "bench.csv", "bench.json", "regret.png", "rank.png"}
    words = (tmp_path / "b" / "bench.md").read_text()
    command = f"genius bench {NAME} --proposers random,guided,largest --seeds 3 --iterations 2,4 --flops-cap 70%"
    command += f" --table {NAME}={toy}"
    assert words.startswith(f"# {command}\n")
    assert "largest: every seed gave the same" in words
    assert "the best by the values that the search sees has rank 3 by test accuracy" in words
    lines = list(csv.DictReader((tmp_path / "b" / "bench.csv").open()))
    assert [(line["proposer"], line["evaluations"]) for line in lines[:2]] == [("random", "2"), ("random", "4")]
    assert json.loads((tmp_path / "b" / "bench.json").read_text())["command"] == command


@pytest.mark.usefixtures("in_this_process")
async def test_the_numbers_are_those_of_the_trials(toy, tmp_path):
    found = await run_toy(toy, tmp_path / "b", proposers=["own_space:in_order", "random"])
    first, after = found.rows[:2]
    # in order of the numbers: [0, 0] and [0, 1] are seen first, then [0, 2] and [1, 0]; test accuracy falls with b
    assert (first.rank.mean, first.value.mean, first.regret.mean) == (8.0, 59.0, 21.0)
    assert (after.rank.mean, after.value.mean, after.regret.mean) == (4.0, 70.0, 10.0)
    assert first.deterministic
    assert first.rank.low is None
    random = found.rows[2]
    trials = [t for t in read_trials(tmp_path / "b") if t.proposer == "random"]
    best = [max(t.architectures[:2], key=lambda a: 10 * a[0] + a[1]) for t in trials]
    ranks = [1 + sum(10 * x - y > 10 * a - b for x, y in EVERYTHING) for a, b in best]
    assert random.rank.mean == pytest.approx(np.mean(ranks))
    assert random.difference.mean == pytest.approx(np.mean(ranks) - 8)


@pytest.mark.usefixtures("in_this_process")
async def test_what_is_there_is_not_made_again_and_a_torn_line_is(toy, tmp_path):
    out = tmp_path / "b"
    await run_toy(toy, out, seeds=2)
    path = out / TRIALS_FILE
    whole = path.read_text().splitlines()
    path.write_text("\n".join([*whole[:-1], whole[-1][:20]]))
    made = []
    again = await run_toy(toy, out, seeds=3, tell=lambda done, of: made.append(done))
    assert made[0] == 5  # of 6; the torn one and the third seed are to be made
    assert len(path.read_text().splitlines()) == 9
    assert path.read_text().splitlines()[:5] == whole[:-1]
    fresh = await run_toy(toy, tmp_path / "fresh", seeds=3)
    assert [row.rank for row in again.rows] == [row.rank for row in fresh.rows]


@pytest.mark.usefixtures("in_this_process")
async def test_longer_trials_serve_for_fewer_evaluations(toy, tmp_path):
    plan = Plan([toy_task(toy)], ["random"], 2, 4)
    await make_trials(plan, tmp_path, tmp_path / "b")
    made = []
    shorter = Plan(plan.tasks, plan.proposers, 2, 3)
    trials = await make_trials(shorter, tmp_path, tmp_path / "b", tell=lambda done, of: made.append(done))
    assert made == [2]
    assert score(shorter, trials, tmp_path)[0].rank.shape == (2, 3)


async def test_a_process_that_ends_stops_the_bench_and_keeps_what_was_made(toy, tmp_path):
    with pytest.raises(genius.RunFailed, match="finished trials are kept"):
        await run_toy(toy, tmp_path / "b", proposers=["random", "own_space:kills_its_process"], processes=1)
    assert {trial.proposer for trial in read_trials(tmp_path / "b")} <= {"random"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_space:raises", r"Unsendable: no answer \x1b[31m[/bold] (own_space.py:"),
        ("own_space:leaves", "SystemExit: enough (own_space.py:"),
    ],
)
async def test_a_proposer_that_raises_is_named_with_its_reason(toy, tmp_path, name, said):
    with pytest.raises(genius.RunFailed) as failed:
        await run_toy(toy, tmp_path / "b", [name], seeds=1)
    assert str(failed.value).startswith(f"{name} failed on {NAME}: ")
    assert said in str(failed.value)
    assert "finished trials are kept" in str(failed.value)


async def test_in_a_pool_ranks_are_of_the_pool_and_nothing_else_is_proposed(tables):
    task = capped(Task("nas-bench-macro"), 0.3)
    space, table = load_task(task, tables)
    largest = space.cost_of((2,) * 8).flops
    assert all(space.cost_of(a).flops <= 0.3 * largest for a in table.architectures)
    assert table.ranks.min() == 1
    for proposer in ("guided", "largest", "evolution"):
        trial = await run_trial(task, proposer, 0, 4, tables)
        assert all(table.place(a) is not None for a in trial.architectures)


async def test_a_trial_is_the_search_of_the_same_name(tables, tmp_path):
    for proposer in ("guided", "local-search"):
        result = await genius.search(
            "nas-bench-macro", proposer=proposer, seed=3, iterations=5, downloads=tables, run=tmp_path / proposer
        )
        trial = await run_trial(Task("nas-bench-macro"), proposer, 3, 5, tables)
        assert list(trial.architectures) == [c.architecture for c in result.trials[0].candidates]


@pytest.mark.usefixtures("in_this_process")
async def test_a_proposer_that_stops_keeps_its_best(toy, tmp_path):
    found = await bench(
        [NAME], proposers=["own_space:in_order"], seeds=1, iterations=[20], tables={NAME: toy}, out=tmp_path / "b"
    )
    assert found.rows[0].value.mean == 78.0  # of [2, 2], the best by what the search sees
    assert len(read_trials(tmp_path / "b")[0].architectures) == 10  # the last one says that nothing is left


def test_scores_before_anything_was_measured_are_the_worst(toy):
    task = toy_task(toy)
    plan = Plan([task], ["p"], 1, 3)
    trial = BenchTrial(task.space, "all", "p", 0, 3, (None, (2, 0), (0, 0)))
    found = score(plan, [trial], Path())[0]
    assert found.rank.tolist() == [[7.0, 1.0, 1.0]]
    assert rows([found], [1, 3])[1].regret.mean == 0.0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"proposers": ["nobody"]}, "there is no proposer 'nobody'; the proposers are: random, "),
        ({"proposers": ["own_space:NOTHING"]}, "there is no proposer 'own_space:NOTHING': module 'own_space' has no"),
        ({"proposers": ["random+advice"]}, r"write llm:random\+advice"),
        ({"proposers": []}, "name at least one proposer"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"iterations": [0, 5]}, "iterations must be at least 1, got 0"),
        ({"flops_caps": [1.5]}, "between 0% and 100%, got 150%"),
        ({"flops_caps": [0.01]}, "no architecture of toy keeps the limits"),
        ({"tables": {}}, "toy has no table"),
        ({"tables": {NAME: "x.json", "own_space:RULED": "x.json"}}, r"the table x\.json is not there, or no file"),
        ({"processes": -1}, "processes must be at least 1, or 0 for one a core, got -1"),
    ],
)
async def test_what_cannot_work_is_said_before_anything_is_made(toy, tmp_path, options, error):
    asked = {"proposers": ["random"], "tables": {NAME: toy}, "out": tmp_path / "b"} | options
    with pytest.raises(genius.GeniusError, match=error):
        await bench([NAME], **asked)
    assert not (tmp_path / "b").exists()


async def test_a_folder_that_cannot_be_written_is_named(toy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(genius.RunFailed, match=r"cannot write .*file/b: Not a directory; everything until then"):
        await run_toy(toy, tmp_path / "file" / "b", proposers=["random"])


@pytest.mark.usefixtures("in_this_process")
async def test_a_full_disk_ends_the_bench_in_a_sentence(toy, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(genius.RunFailed, match="No space left on device; everything until then is kept"):
        await run_toy(toy, tmp_path / "b", proposers=["random"])
    assert (tmp_path / "b" / TRIALS_FILE).read_bytes() == b""  # no trial of some that were made together


@pytest.mark.usefixtures("in_this_process")
async def test_a_broken_trial_is_named_by_its_line(toy, tmp_path):
    await run_toy(toy, tmp_path / "b", proposers=["random"], seeds=1)
    with (tmp_path / "b" / TRIALS_FILE).open("ab") as file:
        file.write(b"{}\n")
    line = (tmp_path / "b" / TRIALS_FILE).read_bytes().count(b"\n")
    with pytest.raises(genius.GeniusError, match=rf"jsonl, line {line}, cannot be read: .*; name another folder with"):
        read_trials(tmp_path / "b")


async def test_cancelling_leaves_no_process(toy, tmp_path):
    import multiprocessing

    running = asyncio.create_task(run_toy(toy, tmp_path / "b", seeds=40))
    for _ in range(1_000):
        if read_trials(tmp_path / "b"):
            break
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(100):
        if not multiprocessing.active_children():
            break
        await asyncio.sleep(0.1)
    assert not multiprocessing.active_children()


def test_limits_of_a_pool_are_multiply_adds(toy):
    assert capped(toy_task(toy), 0.7).limits == Limits(flops=(-inf, 22.0))
    assert capped(toy_task(toy), 0.625).name == f"{NAME} ≤62.5% FLOPs"


@pytest.mark.usefixtures("in_this_process")
async def test_what_a_rule_forbids_is_in_no_pool_and_has_no_rank(toy, tmp_path):
    name = "own_space:RULED"
    asked = {"proposers": BASELINES, "seeds": 2, "iterations": [9], "flops_caps": [0.8], "out": tmp_path / "b"}
    found = await bench([name], tables={name: toy}, **asked)
    trials = read_trials(tmp_path / "b")
    whole = {a for trial in trials if trial.pool == "all" for a in trial.architectures if a}
    assert whole == {(a, b) for a, b in EVERYTHING if a != 2}
    assert {row.rank.mean for row in found.rows} == {3.0}  # all were tried: that of the best by what the search sees
    space, table = load_task(Task(name, table=toy), tmp_path)
    assert len(table) == space.count == 6
    assert capped(Task(name, table=toy), 0.8).limits.flops[1] == 17.0  # of 22, the largest that is allowed


async def test_a_table_for_no_space_is_named(toy, tmp_path):
    with pytest.raises(genius.GeniusError, match="there is a table for own_space:RULED, which is not among the spaces"):
        await bench([NAME], tables={NAME: toy, "own_space:RULED": toy}, out=tmp_path / "b")


@pytest.mark.usefixtures("in_this_process")
async def test_trials_of_another_table_are_not_gone_on_with(toy, tmp_path):
    await run_toy(toy, tmp_path / "b", ["random"])
    toy.write_text(toy.read_text().replace("60", "61"))
    with pytest.raises(
        genius.GeniusError, match=f"3 trials there were made with another table of {NAME}: name another"
    ):
        await run_toy(toy, tmp_path / "b", ["random"])
    assert (await run_toy(toy, tmp_path / "c", ["random"])).rows  # and the same process reads the new one


async def test_a_part_of_a_table_is_searched_alone_and_that_is_said_once(toy, tmp_path, capfd):
    rows = {key: row for key, row in json.loads(toy.read_text()).items() if key != "22"}
    toy.write_text(json.dumps(rows))
    with pytest.warns(GeniusWarning, match="it lacks 1 of the 9 architectures of toy") as told:
        found = await run_toy(toy, tmp_path / "b", ["random", "largest"], flops_caps=[0.9])
    assert len(told) == 1
    tried = {a for trial in read_trials(tmp_path / "b") for a in trial.architectures}
    assert (2, 2) not in tried
    assert found.plan.tasks[1].limits.flops == (-inf, 27.0)  # of 31, the largest that the table holds, not of 32
    assert "GeniusWarning" not in capfd.readouterr().err


def test_a_function_counts_once_in_a_rank(monkeypatch):
    """[0, 1] and [1, 0] are the same function, and so are [0, 2] and [2, 0], and [1, 2] and [2, 1]."""
    space = replace(genius.get_space("digits"), name="toy", identity=lambda a: tuple(sorted(a)))
    accuracy = np.array([50.0, 60, 90, 60, 70, 80, 85, 75, 80])  # of [0, 0], [0, 1], [0, 2], [1, 0], …, [2, 2]
    table = Table(EVERYTHING, accuracy, accuracy, space.identity)
    assert table.functions == 6
    assert table.test_ranks.tolist() == [9, 7, 1, 7, 6, 3, 2, 5, 3]
    # no function but its own is better than the 85 of [2, 0]; of [1, 2] and [2, 1] the better one counts for others
    assert table.function_ranks.tolist() == [6, 5, 1, 5, 4, 2, 1, 3, 2]
    monkeypatch.setattr("genius.bench.scores.load_task", lambda task, data: (space, table))
    trial = BenchTrial("toy", "all", "p", 0, 3, ((1, 1), (2, 1), (2, 0)))
    plan = Plan([Task("toy")], ["p"], 1, 3)
    found = score(plan, [trial], Path())[0]
    assert found.rank.tolist() == [[4, 3, 1]]
    assert found.rank_of_all.tolist() == [[6, 5, 2]]
    row = rows([found], [3])[0]
    assert (row.rank.mean, row.rank_of_all.mean) == (1, 2)
    assert remarks(plan, [found], Path())[-1] == "toy: its 9 architectures are 6 different functions."


@pytest.mark.usefixtures("in_this_process")
def test_the_command_of_a_report_makes_the_report_again(toy, tmp_path, command_line):
    place = tmp_path / "a folder"
    place.mkdir()
    own = toy.rename(place / "own=table 1.json")
    asked = {"proposers": ["random"], "seeds": 2, "flops_caps": [0.625], "tables": {NAME: own}, "downloads": place}
    found = asyncio.run(bench([NAME], **asked, out=tmp_path / "a"))
    words = shlex.split(found.command)
    assert words[0] == "genius"
    done = command_line(*words[1:], "--out", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "b" / "bench.md").read_text() == (tmp_path / "a" / "bench.md").read_text()
