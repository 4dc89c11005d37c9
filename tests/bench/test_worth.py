"""Was the model worth it: where a run stands among proposers without a model."""

import json

import genius
import pytest
from genius.bench.plan import read_trials
from genius.bench.worth import PEERS, PEERS_FOLDER, worth
from genius.record.result import read

SEEDS = 12  # in place of the 50 that make an answer steady
BEST, WORST = [2, 2, 1, 2, 1, 2, 2, 2], [0] * 8
pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture(autouse=True)
def _few_seeds(monkeypatch):
    monkeypatch.setattr("genius.bench.worth.SEEDS", SEEDS)


def recorded(folder, architectures):
    """Write the conversation of a model that proposes these architectures."""
    messages = [{"role": "user", "content": "?"}]
    for architecture in architectures:
        messages += [{"role": "assistant", "content": str(architecture)}, {"role": "user", "content": "and?"}]
    path = folder / "conversation.json"
    path.write_text(json.dumps(messages))
    return f"replay:{path}"


async def run(tables, tmp_path, architectures, **options):
    llm = recorded(tmp_path, architectures)
    folder = tmp_path / "run"
    return await genius.search(
        "nas-bench-macro", llm=llm, iterations=len(architectures), downloads=tables, run=folder, **options
    )


async def test_a_run_stands_among_as_many_evaluations_of_each_peer(tables, tmp_path):
    result = await run(tables, tmp_path, [WORST, BEST, [1] * 8])
    told = []
    found = await worth(result, tables, lambda made, of: told.append(made))
    rank = result.best.measurement.rank
    assert found.rank == rank
    assert [s.proposer for s in found.standings] == list(PEERS)
    by_name = {s.proposer: s for s in found.standings}
    assert by_name["largest"].trials == 1
    trials = [t for t in read_trials(result.run / PEERS_FOLDER) if t.proposer == "random"]
    assert len(trials) == by_name["random"].trials == SEEDS
    from genius.bench.task import Task, load_task

    _, table = load_task(Task("nas-bench-macro"), tables)
    ranks = [min(table.measure(a).rank for a in t.architectures[:3]) for t in trials]
    assert by_name["random"].rank == pytest.approx(sum(ranks) / SEEDS)
    beaten = sum((other > rank) + (other == rank) / 2 for other in ranks) / SEEDS
    assert by_name["random"].beaten == pytest.approx(beaten)
    assert by_name["random"].low < beaten <= by_name["random"].high
    assert f"after 3 evaluations its best has test rank {rank:,} among the 6,561" in found.words[0]
    told.clear()
    again = await worth(read(result.run), tables, lambda made, of: told.append(made))
    assert again == found
    assert told == [SEEDS * len(PEERS)]  # nothing was made again


async def test_the_worst_run_beats_nobody(tables, tmp_path):
    found = await worth(await run(tables, tmp_path, [WORST]), tables)
    assert all(standing.beaten <= 0.05 for standing in found.standings)


async def test_a_tie_with_a_deterministic_proposer_is_no_share(tables, tmp_path):
    found = await worth(await run(tables, tmp_path, [[2] * 8]), tables)
    by_name = {standing.proposer: standing for standing in found.standings}
    assert (by_name["largest"].words, by_name["largest"].low) == ("the same", None)
    assert found.verdict.startswith("undecided: it ties with ")
    assert "which is the same in every trial (test rank 21)" in found.verdict


@pytest.mark.parametrize(
    ("beaten", "trials", "expected"),
    [
        (1.0, 12, "worth it: of 12 trials of random, the strongest proposer without one, 100% do worse (95% interval"),
        (0.0, 12, "not worth it: of 12 trials of random"),
        (0.5, 12, "undecided: of 12 trials of random"),
    ],
)
def test_the_verdict_has_its_uncertainty(beaten, trials, expected):
    from genius.bench.worth import Standing, _verdict
    from genius.record.statistics import share_interval

    weaker = Standing("largest", 1, 4_000.0, 1.0)
    one = Standing("random", trials, 40.0, beaten, *share_interval(beaten, trials))
    assert _verdict([weaker, one]).startswith(expected)


async def test_a_stopped_run_is_compared_after_the_evaluations_that_it_made(tables, tmp_path):
    result = await run(tables, tmp_path, [WORST, BEST, "-"], when_done="stop")
    assert len(result.trials[0].candidates) == 3  # the last one says that nothing is left
    found = await worth(result, tables)
    assert found.words[0].startswith("after 2 evaluations ")


async def test_ranks_are_of_one_kind_where_architectures_are_the_same_function(tables, tmp_path):
    llm = recorded(tmp_path, [[3, 3, 3, 1, 3, 3]])
    options = {"llm": llm, "iterations": 1, "downloads": tables, "run": tmp_path / "run"}
    result = await genius.search("nas-bench-201-cifar10", **options)
    found = await worth(result, tables)
    assert found.rank == result.best.measurement.test_rank
    assert "among the 15,625 architectures of the table" in found.words[0]


async def test_within_limits_ranks_are_within_limits(tables, tmp_path):
    result = await run(tables, tmp_path, [[0, 0, 1, 0, 1, 0, 1, 0]], flops=(None, "30M"))
    found = await worth(result, tables)
    assert "within the limits" in found.words[0]
    assert found.rank == result.best.measurement.rank  # one kind of rank in one report


async def test_a_run_without_a_model_has_no_such_question(tables, tmp_path):
    result = await genius.search(
        "nas-bench-macro", proposer="random", iterations=1, downloads=tables, run=tmp_path / "r"
    )
    assert await worth(result, tables) is None


async def test_without_a_table_it_says_what_the_journal_allows(tmp_path):
    proposals = [[a, b, 1, 1, 1, 1, 1, 1, 1] for a in range(3) for b in range(2)]

    async def evaluate(architecture):
        return genius.Measurement(70.0 + 5 * architecture[0] + architecture[1])

    llm = recorded(tmp_path, proposals)
    result = await genius.search("digits", llm=llm, evaluator=evaluate, iterations=6, run=tmp_path / "run")
    found = await worth(result, tmp_path)
    assert found.standings == ()
    words = "; ".join(found.words)
    assert "there is no table of every architecture" in words
    assert "fitted to the run's 6 measurements" in words
    assert "the best of 6 would measure" in words
    few = await genius.search("digits", llm=llm, evaluator=evaluate, iterations=2, run=tmp_path / "few")
    assert (await worth(few, tmp_path)).words == [
        "there is no table of every architecture to compare with, and 2 measurements say too little"
    ]


async def test_a_table_that_is_not_here_is_named(tables, tmp_path):
    result = await run(tables, tmp_path, [WORST, BEST, [1] * 8])
    found = await worth(result, tmp_path)
    assert "get it with `genius fetch nas-bench-macro --downloads" in found.words[-1]


async def test_of_a_hybrid_search_it_says_what_the_models_own_picks_added(tables, tmp_path):
    llm = recorded(tmp_path, [BEST])
    options = {"llm": llm, "proposer": "hybrid", "arms": ["model", "random"], "beliefs": False, "principles": False}
    result = await genius.search(
        "nas-bench-macro", **options, iterations=2, downloads=tables, reflect_every=0, run=tmp_path / "run"
    )
    assert [candidate.arm for candidate in result.candidates] == ["model", "random"]
    found = await worth(result, tables)
    own, other = (candidate.measurement.rank for candidate in result.candidates)
    assert f"the model's own picks, 1 of 2, have test rank {own:,} at best" in found.words[1]
    assert found.words[1].endswith(f"which learnt from them, {other:,}")
