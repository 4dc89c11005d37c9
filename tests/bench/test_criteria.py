"""How good a model has to be: hybrids and simulated models side by side, the criteria, and the picture."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import genius
import numpy as np
import pytest
from genius.bench.across import overall
from genius.bench.bench import bench
from genius.bench.criteria import criteria
from genius.bench.entrants import check_proposer, models_at, read_entrant, series_of
from genius.bench.pictures import draw_pictures
from genius.bench.plan import TRIALS_FILE, Plan
from genius.bench.scores import Scores
from genius.bench.task import Task
from genius.bench.trial import run_trial

from .conftest import NAME

TASKS = [Task("one"), Task("two")]
pytestmark = pytest.mark.usefixtures("in_this_process")


def scores_of(ranks):
    """Make the scores of proposers whose final ranks on both tasks are given, a number a seed."""
    found = []
    for name, by_task in ranks.items():
        for task, finals in zip(TASKS, by_task, strict=True):
            rank = np.array(finals, dtype=float)[:, None]
            found.append(Scores(task, name, rank, rank, rank, rank, rank, deterministic=len(set(finals)) == 1))
    return Plan(TASKS, list(ranks), 2, 1), found


def judged(ranks):
    return {each.words[:25]: each for each in criteria(*scores_of(ranks))}


GOOD = {
    "guided": ([10, 14], [40, 60]),
    "random": ([100, 140], [400, 600]),
    "hybrid:simulated:0": ([12, 14], [30, 60]),
    "hybrid:simulated:-0.5": ([90, 100], [100, 600]),
    "hybrid:simulated:0.6": ([4, 6], [20, 26]),
}


def test_criteria_that_are_met_say_so_with_their_numbers():
    found = criteria(*scores_of(GOOD))
    assert [each.met for each in found] == [True] * 3
    assert str(found[0]).startswith("met: with a model at TAU 0 the hybrid is within the guide's confidence interval")
    assert "2 of 2 tasks" in found[1].numbers
    # the roots of 12 times 50 and of 5 times 23
    assert "10.7 against 24.5, over 2 tasks" in str(found[2])


@pytest.mark.parametrize(
    ("place", "worse", "said"),
    [
        (0, {"hybrid:simulated:0": ([12, 14], [400, 700])}, "not on two (550 ± 1,906 against 50.0 ± 127)"),
        (1, {"hybrid:simulated:-0.5": ([120, 120], [100, 600])}, "not on one (120 against 120 ± 254)"),
        (2, {"hybrid:simulated:0.6": ([10, 10], [40, 40])}, "20.0 against 24.5"),
    ],
)
def test_a_criterion_that_is_not_met_names_the_tasks(place, worse, said):
    found = criteria(*scores_of(GOOD | worse))
    assert [each.met for each in found] == [at != place for at in range(3)]
    assert str(found[place]).startswith("not met: ")
    assert said in str(found[place])


def test_where_every_seed_of_the_guide_gave_the_same_the_hybrid_is_no_worse():
    found = criteria(*scores_of(GOOD | {"guided": ([1, 1], [40, 60]), "hybrid:simulated:0": ([1, 2], [40, 60])}))
    assert found[0].missed == ["one (1.50 ± 6.35 against 1.00)"]


def test_only_criteria_whose_proposers_are_there_are_judged():
    assert criteria(*scores_of({"guided": GOOD["guided"], "random": GOOD["random"]})) == []
    some = {name: GOOD[name] for name in ("random", "hybrid:simulated:-0.5", "hybrid:simulated:0.6")}
    assert len(criteria(*scores_of(some))) == 1


def test_geometric_means_are_those_of_mean_ranks_and_seeds_are_paired():
    plan, scores = scores_of({"guided": ([10, 20], [30, 50]), "random": ([20, 40], [60, 100])})
    first, other = overall(plan, scores, [1])
    assert first.rank.mean == pytest.approx((15 * 40) ** 0.5)
    assert first.rank.low < first.rank.mean < first.rank.high
    assert other.rank.mean == pytest.approx(2 * first.rank.mean)
    # each seed has twice the rank: the ratio has no spread
    assert (other.ratio.low, other.ratio.high) in [(None, None), (pytest.approx(2), pytest.approx(2))]


def test_the_picture_has_a_panel_for_each_task_and_one_for_all(tmp_path):
    ranks = GOOD | {"simulated:0": GOOD["random"], "simulated:0.6": GOOD["guided"], "simulated:-0.5": GOOD["random"]}
    names = [path.name for path in draw_pictures(scores_of(ranks)[1], tmp_path)]
    assert names == ["regret.png", "rank.png", "tau.png"]
    assert (tmp_path / "tau.png").read_bytes().startswith(b"\x89PNG")
    few = {name: GOOD[name] for name in ("guided", "hybrid:simulated:0")}
    assert len(draw_pictures(scores_of(few)[1], tmp_path)) == 2


def test_names_are_taken_apart():
    assert read_entrant("hybrid:llm:openai:gpt-4o+advice").llm == "openai:gpt-4o"
    entrant = read_entrant("hybrid:simulated:0.6:obeys+advice+starts:a/b+c.json")
    assert (entrant.hybrid, entrant.simulated, entrant.advice, str(entrant.starts)) == (
        True,
        "simulated:0.6:obeys",
        True,
        "a/b+c.json",
    )
    assert series_of("hybrid:simulated:0.6:obeys+advice") == ("hybrid:simulated:obeys+advice", 0.6)
    assert series_of("simulated:-.5") == ("simulated", -0.5)
    assert series_of("guided") is None
    assert models_at(-0.5) == ("simulated:-0.5", "hybrid:simulated:-0.5")
    for name in ("hybrid", "hybrid:simulated:0.6", "hybrid:llm:openai:m@http://127.0.0.1:1/v1", *models_at(1)):
        check_proposer(name)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("hybrid:guided", r"a hybrid search is hybrid:llm:SPEC, hybrid:simulated:TAU or, without a model, hybrid"),
        ("hybrid:", "without a model, hybrid, got 'hybrid:'"),
        ("hybrid:simulated:2", "TAU is a number from -1 to 1"),
        ("hybrid+advice", "only a language model can be given advice"),
        ("hybrid:llm:nobody", "'nobody' names no language model"),
    ],
)
def test_a_wrong_name_of_a_hybrid_gets_a_sentence(name, error):
    with pytest.raises(genius.GeniusError, match=error):
        check_proposer(name)


async def test_taus_name_simulated_models_beside_the_proposers(toy, tmp_path):
    found = await bench(
        [NAME],
        proposers=["guided", "random"],
        taus=[-0.5, 0, 0.6],
        seeds=2,
        iterations=[2, 4],
        tables={NAME: toy},
        out=tmp_path / "b",
        flops_caps=[0.7],
    )
    plain = ["simulated:-0.5", "simulated:0", "simulated:0.6"]
    assert set(found.plan.proposers) == {"guided", "random", *plain, *(f"hybrid:{name}" for name in plain)}
    words = (tmp_path / "b" / "bench.md").read_text()
    assert "## Geometric mean of the ranks over 2 tasks" in words
    assert "## How good a model has to be" in words
    assert len(found.judged) == 3
    told = json.loads((tmp_path / "b" / "bench.json").read_text())
    assert [set(each) for each in told["criteria"]] == [{"words", "met", "numbers", "missed"}] * 3
    assert len(told["geometric_means"]) == 2 * 8
    assert (tmp_path / "b" / "tau.png").is_file()
    again = await bench(
        [NAME], proposers=list(found.plan.proposers), seeds=2, iterations=[2, 4], tables={NAME: toy}, flops_caps=[0.7],
        out=tmp_path / "b",
    )  # fmt: skip
    assert again.judged == found.judged


async def test_a_hybrid_of_the_bench_is_that_of_a_search(toy, tmp_path, openai_server):
    def answer(call):
        beliefs = "starts" in json.dumps(call)
        said = (
            {"starts": [[1, 2]], "options": [], "pairs": []} if beliefs else {"architecture": [2, 0], "rationale": ""}
        )
        return openai_server.says(json.dumps(said))

    openai_server.answer = answer
    trial = await run_trial(Task(NAME, table=toy), f"hybrid:llm:openai:m@{openai_server.url}", 0, 4, tmp_path)
    assert trial.architectures[1] == (1, 2)  # the first is the own pick of the guide
    assert len(set(trial.architectures)) == 4
    assert trial.llm_calls > 0


async def test_a_hybrid_trial_is_a_function_of_its_seed(toy, tmp_path):
    task = Task(NAME, table=toy)
    trials = [await run_trial(task, "hybrid:simulated:0.3", seed, 5, tmp_path) for seed in (1, 1)]
    assert trials[0].architectures == trials[1].architectures
    assert trials[0].llm_calls == 0


def test_a_bench_with_models_that_is_killed_goes_on(toy, tmp_path):
    proposers = "guided,simulated:0.3,hybrid:simulated:0.3"
    asked = ["bench", NAME, "--table", f"{NAME}={toy}", "--proposers", proposers, "--seeds", "4", "--out", "b"]
    asked += ["--iterations", "3"]
    command = [sys.executable, "-c", "from genius.cli import main; main()", *asked, "--processes", "1"]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    trials = Path(tmp_path / "b" / TRIALS_FILE)
    deadline = time.monotonic() + 120
    while not (trials.is_file() and trials.read_text().count("\n") >= 4) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    made = trials.read_text().splitlines()
    assert made
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in trials.read_text().splitlines()]
    assert trials.read_text().splitlines()[: len(made) - 1] == made[:-1]
    assert sorted((line["proposer"], line["seed"]) for line in lines) == sorted(
        (name, seed) for name in proposers.split(",") for seed in range(4)
    )
