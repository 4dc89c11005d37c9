"""Published tables: loaded whole or refused, and ranked as the paper does."""

import json
from dataclasses import replace

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.spaces import SPACES, get_space
from genius.tables.published import TABLES, BadTable, Table, load_table
from genius.tables.random_baseline import random_baseline


@pytest.mark.parametrize("name", TABLES)
def test_a_table_covers_its_space(name, tables):
    table = load_table(SPACES[name], tables)
    assert len(table) == SPACES[name].size
    assert (table.values > 0).all()
    assert table.ranks.min() == table.test_ranks.min() == 1


@pytest.mark.parametrize("name", [name for name in TABLES if name.startswith("nas-bench-201")])
def test_ranks_by_test_accuracy_are_the_published_ones_but_for_ties(name, tables):
    space = SPACES[name]
    table = load_table(space, tables)
    published = json.loads((tables / TABLES[name].file).read_text())
    for at, architecture in enumerate(table.architectures):
        ties = int((table.test_values == table.test_values[at]).sum())
        rank = published[space.key(architecture)]["rank"]
        assert table.test_ranks[at] <= rank < table.test_ranks[at] + ties


def test_equals_share_the_better_rank():
    table = Table([(0,), (1,), (2,), (3,)], np.array([90.0, 92.0, 90.0, 80.0]), np.array([1.0, 2.0, 3.0, 3.0]))
    assert [table.measure((a,)).rank for a in range(4)] == [2, 1, 2, 4]
    assert [table.measure((a,)).test_rank for a in range(4)] == [4, 3, 1, 1]


def test_the_search_sees_validation_accuracy_on_nas_bench_201_only(tables):
    table = load_table(get_space("nas-bench-201"), tables)
    assert not np.array_equal(table.values, table.test_values)
    assert not TABLES["nas-bench-201-cifar10"].sees_test_accuracy
    assert TABLES["nas-bench-macro"].sees_test_accuracy


@pytest.mark.parametrize("name", ["nas-bench-macro", "channel-bench-resnet", "channel-bench-mobilenet"])
def test_a_table_knows_how_much_a_training_varies_over_the_whole_of_it(name, tables):
    table = load_table(get_space(name), tables)
    assert 0.05 < table.training_sd < 0.5
    told = table.procedure_in_words(single=False)
    assert told.startswith(f"the mean of {table.trainings} trainings, of which each varies by about ±0.")
    assert table.procedure_in_words(single=True).startswith("that of one of an architecture's ")
    shuffled = replace(table, runs=table.runs[::-1])
    assert shuffled.training_sd == table.training_sd


def test_of_a_table_with_one_run_or_none_nothing_is_said_of_noise(tables):
    assert load_table(get_space("nas-bench-201"), tables).procedure_in_words(single=False) == ""
    once = Table([(0,), (1,)], np.array([90.0, 92.0]), np.array([90.0, 92.0]), runs=np.array([[90.0], [92.0]]))
    same = replace(once, runs=np.array([[90.0, 90.0], [92.0, 92.0]]))
    assert once.procedure_in_words(single=False) == same.procedure_in_words(single=False) == ""


def test_a_missing_table_names_the_command_that_gets_it(tmp_path):
    with pytest.raises(
        BadTable, match=r"nas-bench-macro_cifar10\.json is not in .*`genius fetch nas-bench-macro --downloads "
    ):
        load_table(get_space("nas-bench-macro"), tmp_path)


@pytest.mark.parametrize("change", [lambda c: c[: len(c) // 2], lambda c: c.replace(b"9", b"8", 1), lambda c: b""])
def test_a_truncated_or_changed_table_is_refused_by_name(change, tables, tmp_path):
    file = TABLES["nas-bench-macro"].file
    (tmp_path / file).write_bytes(change((tables / file).read_bytes()))
    with pytest.raises(BadTable, match=rf"{file} is truncated or changed.*expected 686dee"):
        load_table(get_space("nas-bench-macro"), tmp_path)


def test_the_random_baseline_matches_its_closed_form():
    """The best of k of n ranks, drawn without repeats, has the mean (n + 1) / (k + 1)."""
    n, k = 200, 10
    accuracy = np.random.default_rng(0).permutation(n).astype(float)
    table = Table([(a,) for a in range(n)], accuracy, accuracy)
    found = random_baseline(table, k, 20_000, seed=0)
    assert found["rank"]["mean"] == pytest.approx((n + 1) / (k + 1), rel=0.02)
    assert found == random_baseline(table, k, 20_000, seed=0)
    assert random_baseline(table, n, 3, seed=0)["rank"] == {"mean": 1.0, "std": 0.0, "median": 1.0}
    with pytest.raises(GeniusError, match="samples must lie between 1 and 200, got 201"):
        random_baseline(table, 201, 10, seed=0)


def test_the_random_baseline_of_the_papers_table(tables):
    """The paper's own numbers for random search, mean of 10,000 repetitions (its Tables 3 to 5)."""
    table = load_table(get_space("nas-bench-201"), tables)
    found = random_baseline(table, 10, 10_000, seed=0)
    assert found["test_rank"]["mean"] == pytest.approx(1_610, rel=0.05)
