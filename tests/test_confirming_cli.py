"""Further evaluations of the best as a user types them: `--confirm`, `--single-run`, `genius bench --noisy`."""

import io
import json

import pytest
from genius.graph.progress import Progress
from genius.record.candidate import Candidate
from genius.record.goal import GOAL
from genius.record.measurement import Measurement
from genius.report.display import Display
from rich.console import Console

TRAIN = """
space = {"a": [1, 2, 3, 4], "b": [0, 1]}


def train(config, trial):
    return 90 + config["a"] - 2 * (trial.seed == 0 and config["a"] == 3) + 0.1 * (trial.seed % 3)
"""


@pytest.fixture
def genius(command_line, in_this_process):
    """Return a function that runs the command in an empty folder."""

    def run(*arguments, code=0):
        done = command_line(*arguments, COLUMNS="100")
        assert done.returncode == code, done.stderr
        return done

    return run


def test_a_script_is_evaluated_again_and_show_tells_the_mean_its_spread_and_the_flattery(genius, tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    asked = ("search", "train.py", "--proposer", "random", "--iterations", 4, "--objective", "accuracy")
    done = genius(*asked, "--confirm", 1, "--confirm-seeds", 2, "--run", "r", "--workers", 2)
    assert "the best 1 are evaluated 2 times more with other seeds in the end: up to 2 evaluations" in done.stderr
    assert "again (2/2): {" in done.stderr
    plain = " ".join(genius("show", "r").stdout.split())
    found = json.loads(genius("show", "r", "--json").stdout)
    again = found["best"]["confirmed"]
    assert len(again["runs"]) == 3
    assert f"accuracy {again['mean']:.2f} ± {again['sd']:.2f}% (3 runs)" in plain
    assert "confirmed by 2 further evaluations with other seeds, 2 of each candidate" in plain
    side = "above" if again["flattered"] > 0 else "below"
    assert f"its first number was {abs(again['flattered']):.2f} points {side} its mean" in plain
    assert f"a further run is expected to give {again['expected']:.2f}%" in plain
    assert sorted(each["seed"] for each in found["confirmations"]) == [10_000, 20_000]
    assert found["first_best"] == found["best"]["iteration"]
    assert (tmp_path / "r" / "search.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_run_is_confirmed_by_resume(genius, tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    asked = ("search", "train.py", "--proposer", "random", "--iterations", 8, "--objective", "accuracy", "--run", "r")
    first = json.loads(genius(*asked, "--json").stdout)
    assert "confirmations" not in first
    more = json.loads(genius("resume", "r", "--confirm", 2, "--confirm-seeds", 1, "--json").stdout)
    assert len(more["confirmations"]) == 2
    assert [each["accuracy"] for each in more["iterations"]] == [each["accuracy"] for each in first["iterations"]]
    assert len(more["best"]["confirmed"]["runs"]) == 2
    assert more["best"]["accuracy"] == pytest.approx(sum(more["best"]["confirmed"]["runs"]) / 2)


def test_a_bench_of_noisy_evaluations_says_so(genius, tables):
    asked = ("bench", "nas-bench-macro", "--proposers", "random", "--seeds", 2, "--noisy", "--out", "b")
    done = genius(*asked, "--confirm", 2, "--confirm-seeds", 1, "--downloads", tables)
    assert "nas-bench-macro, one run each" in done.stdout
    assert "10 + 2" in done.stdout
    assert "overstatement" in done.stdout
    refused = genius("bench", "nas-bench-macro", "--confirm", 2, "--seeds", 1, "--downloads", tables, code=2)
    assert "--confirm needs noisy evaluations" in refused.stderr


@pytest.mark.parametrize("live", [True, False])
def test_the_display_counts_further_evaluations_beside_the_iterations(live):
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=live, force_interactive=live)
    candidate = Candidate(1, 3, architecture=(1, 2), measurement=Measurement(91.0))
    with Display(console, 8, live=live) as display:
        display(Progress("finished", Candidate(1, 8, architecture=(0,), measurement=Measurement(90.0)), goal=GOAL))
        display(Progress("confirming", candidate, goal=GOAL, confirmed=(0, 4)))
        display(Progress("confirmed", candidate, goal=GOAL, confirmed=(1, 4)))
    said = out.getvalue()
    if live:
        assert "8/8 + 1/4" in said
        assert "confirming the best" in said
    else:
        assert "trial 1, iteration 3 again (1/4): [1, 2] 91.00%" in said
