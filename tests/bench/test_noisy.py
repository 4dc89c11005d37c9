"""A bench whose evaluations are single trainings of a table: draws, ranks by the mean, and the best confirmed."""

import json

import genius
import numpy as np
import pytest
from genius.bench.bench import bench
from genius.bench.plan import Plan, read_trials
from genius.bench.scores import score
from genius.bench.task import Task
from genius.bench.trial import BenchTrial
from genius.record.confirmation import Confirming
from genius.tables.published import BadTable, _table, load_table, table_path

MACRO = "nas-bench-macro"
pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def table(tables):
    return load_table(genius.get_space(MACRO), tables)


@pytest.mark.parametrize("name", ["nas-bench-macro", "channel-bench-resnet", "channel-bench-mobilenet"])
def test_a_published_table_keeps_its_trainings_whose_means_it_holds(name, tables):
    table = load_table(genius.get_space(name), tables)
    assert (table.trainings, table.runs.shape) == (3, (len(table), 3))
    assert table.runs.mean(axis=1) == pytest.approx(table.test_values)
    part = table.part(table.ranks <= 10)
    assert part.runs.mean(axis=1) == pytest.approx(part.values)


def test_a_seed_draws_the_order_of_an_architecture_s_trainings(table):
    architecture = table.architectures[4_000]
    for seed in range(5):
        drawn = [table.measure_run(architecture, seed, repeat) for repeat in range(3)]
        assert sorted(each.value for each in drawn) == sorted(table.runs[4_000].tolist())
        mean = table.measure(architecture)
        assert {(each.test_value, each.rank, each.test_rank) for each in drawn} == {
            (mean.test_value, mean.rank, mean.test_rank)
        }
        assert drawn[0] == table.measure_run(architecture, seed)
        assert drawn[0].sd is None  # the search is not told what it could not know
    firsts = {tuple(table.run_at(at, seed) for at in range(30)) for seed in range(20)}
    assert len(firsts) == 20
    with pytest.raises(BadTable, match="holds 3 single trainings of an architecture, not 4"):
        table.run_at(0, 0, 3)


def test_a_table_of_means_alone_has_none(tables):
    table = load_table(genius.get_space("nas-bench-201-cifar10"), tables)
    assert table.trainings == 0
    with pytest.raises(BadTable, match="holds 0 single trainings"):
        table.measure_run(table.architectures[0], 0)


async def test_what_is_seen_is_noisy_and_ranks_are_by_the_mean(tables, table, tmp_path):
    asked = {"proposers": ["guided", "random"], "seeds": 4, "downloads": tables, "out": tmp_path}
    noisy = await bench([MACRO, "nas-bench-201-cifar10"], **asked, noisy=True)
    for row in noisy.rows:
        trials = [t for t in read_trials(tmp_path) if (t.space, t.proposer) == (row.task.space, row.proposer)]
        assert {trial.noisy for trial in trials} == {row.task.noisy} == {row.task.space == MACRO}
        if row.task.noisy:
            places = [[table.place(a) for a in trial.architectures] for trial in trials]
            best = [max(p, key=lambda at, s=t.seed: table.run_at(at, s)) for t, p in zip(trials, places, strict=True)]
            assert row.rank.mean == np.mean(table.test_ranks[best])
            told = [table.run_at(at, trial.seed) for at, trial in zip(best, trials, strict=True)]
            assert row.overstatement.mean == pytest.approx(np.mean(told - table.test_values[best]))
    assert "nas-bench-macro, one run each: an evaluation is one of 3 trainings" in noisy.to_markdown()
    assert "nas-bench-201-cifar10: the table holds no single trainings" in noisy.to_markdown()
    assert "--noisy" in noisy.command
    plain = await bench([MACRO], **asked)  # in the same folder, whose noisy trials are others
    assert "the mean of 3 trainings, and the search itself sees it" in plain.to_markdown()
    assert "overstatement" not in plain.to_markdown() + json.dumps(plain.to_json())
    assert len(read_trials(tmp_path)) == 24


async def test_the_best_are_confirmed_as_a_search_confirms_them(tables, tmp_path):
    asked = {"proposers": ["guided"], "seeds": 3, "iterations": [6, 10], "downloads": tables, "out": tmp_path / "b"}
    found = await bench([MACRO], **asked, noisy=True, confirm=3, confirm_seeds=1)
    assert [(row.evaluations, row.confirming) for row in found.rows] == [(6, 3), (10, 3)]
    assert "| 10 + 3 |" in found.to_markdown()
    assert "The 3 best are evaluated 1 times more: 3 further evaluations." in found.to_markdown()
    for seed in range(3):
        result = await genius.search(
            MACRO,
            proposer="guided",
            seed=seed,
            single_run=True,
            confirm=3,
            confirm_seeds=1,
            downloads=tables,
            trace=False,
            run=tmp_path / str(seed),
        )
        measurement = result.best.measurement
        assert measurement.test_rank == found.scores[0].rank_of_all[seed, 9]
        overstated = measurement.value - measurement.test_value
        assert overstated == pytest.approx(found.scores[0].overstatement[seed, 9])


async def test_further_evaluations_make_no_further_trials(tables, tmp_path):
    asked = {"proposers": ["random"], "seeds": 3, "downloads": tables, "out": tmp_path, "noisy": True}
    once = await bench([MACRO], **asked)
    trials = read_trials(tmp_path)
    again = await bench([MACRO], **asked, confirm=3)
    assert read_trials(tmp_path) == trials
    assert again.rows[0].rank.mean <= once.rows[0].rank.mean
    assert again.rows[0].overstatement.mean == 0.0 < once.rows[0].overstatement.mean
    assert "Their means are then the table's own, and overstate nothing." in again.to_markdown()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"confirm": 3}, "--confirm needs noisy evaluations"),
        ({"noisy": True, "confirm": 3, "confirm_seeds": 3}, "holds 3 trainings .* --confirm-seeds is at most 2, got 3"),
    ],
)
async def test_what_a_table_cannot_confirm_is_refused(tables, tmp_path, asked, words):
    with pytest.raises(genius.GeniusError, match=words):
        await bench([MACRO], proposers=["random"], downloads=tables, out=tmp_path / "b", **asked)
    assert not (tmp_path / "b").exists()


async def test_a_search_draws_one_training_and_says_so(tables, table, tmp_path):
    asked = {"proposer": "random", "iterations": 3, "downloads": tables, "seed": 5}
    result = await genius.search(MACRO, single_run=True, run=tmp_path / "run", **asked)
    for candidate in result.candidates:
        assert candidate.value == table.run_at(table.place(candidate.architecture), 5)
    for changes, words in (
        ({"confirm": 1}, "a table's means are the same each time, .*: add --single-run"),
        ({"single_run": True, "confirm": 1, "confirm_seeds": 3}, "--confirm-seeds is at most 2, got 3"),
        ({"single_run": True, "data": "digits"}, "--single-run draws one of a table's trainings"),
    ):
        with pytest.raises(genius.GeniusError, match=words):
            await genius.search(MACRO, run=tmp_path / "no", **asked | changes)
    for changes in ({"single_run": True}, {"confirm": 2}):
        with pytest.raises(genius.GeniusError, match=r"no single trainings .* leave|leave --confirm out"):
            await genius.search("nas-bench-201-cifar10", run=tmp_path / "no", **asked | changes)
    assert not (tmp_path / "no").exists()


def test_a_table_whose_trainings_are_no_numbers_is_refused(tables):
    space = genius.get_space(MACRO)
    rows = json.loads(table_path(space.table, tables).read_text())
    for wrong in ([1.0], "abc", [[1.0, 2.0]]):
        rows[next(iter(rows))]["test_acc"] = wrong
        with pytest.raises(BadTable, match="is no list of as many numbers for each architecture"):
            _table(space, space.table, rows)


def test_more_trainings_of_the_best_few_rank_better_on_average(tables):
    """Draws the noise anew for the same forty random histories: a mean over them, not one case."""
    table = load_table(genius.get_space(MACRO), tables)
    rng, trials = np.random.default_rng(0), []

    for seed in range(40):
        places = rng.choice(np.flatnonzero(table.ranks <= 200), 10, replace=False)
        chosen = tuple(table.architectures[at] for at in places)
        trials.append(BenchTrial(MACRO, "all", "p", seed, 10, chosen, noisy=True))
    task = Task(MACRO, noisy=True)
    ranks = [
        score(Plan([task], ["p"], 40, 10, Confirming(k)), trials, tables)[0].rank[:, -1].mean() for k in (0, 3, 10)
    ]
    assert ranks[0] > ranks[1] > ranks[2]
