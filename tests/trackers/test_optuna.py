"""Optuna reads what the tracker wrote into a SQLite storage, and optuna-dashboard shows it in a browser."""

import asyncio
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import genius
import pytest

from .searched import SPACE, resumed, searched

optuna = pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'genius-nas[optuna]'")
COMPLETE, PRUNED, FAIL = (getattr(optuna.trial.TrialState, name) for name in ("COMPLETE", "PRUNED", "FAIL"))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/studies.db"


def study(url):
    (name,) = optuna.get_all_study_names(url)
    return optuna.load_study(study_name=name, storage=url)


async def test_a_search_is_a_study(url, tmp_path):
    result = await searched(tmp_path / "run", f"optuna:{url}")
    found = study(url)
    assert found.direction == optuna.study.StudyDirection.MAXIMIZE
    assert found.metric_names == ["score"]
    assert found.user_attrs["proposer"] == "random"
    assert [trial.state for trial in found.trials] == [COMPLETE, COMPLETE, PRUNED, PRUNED]
    assert [trial.params for trial in found.trials] == [candidate.values for candidate in result.candidates]
    assert found.best_value == result.best.value
    assert found.trials[0].intermediate_values == {1: 17.0, 2: 18.0, 3: 19.0}
    kinds = {name: type(of).__name__ for name, of in found.trials[0].distributions.items()}
    assert kinds == {
        "lr": "FloatDistribution",
        "width": "CategoricalDistribution",
        "activation": "CategoricalDistribution",
    }
    assert found.trials[0].distributions["lr"] == optuna.distributions.FloatDistribution(1e-4, 0.1, log=True)
    assert found.trials[0].user_attrs["rationale"] == "Drawn at random."
    assert "diverged" in found.trials[2].user_attrs["error"]
    assert all(trial.datetime_complete >= trial.datetime_start for trial in found.trials)
    assert set(optuna.importance.get_param_importances(found)) == set(SPACE)


async def test_a_search_that_goes_on_has_the_same_study(url, tmp_path):
    await searched(tmp_path / "run", f"optuna:{url}", iterations=1)
    await resumed(tmp_path / "run", f"optuna:{url}", iterations=2)
    assert [trial.number for trial in study(url).trials] == [0, 1]
    assert all(len(trial.intermediate_values) == 3 for trial in study(url).trials)


async def test_a_trial_runs_while_it_is_evaluated(url, tmp_path):
    optuna.storages.get_storage(url)  # two that create the same storage at once stumble over each other
    states = []

    def watched(config, trial):
        deadline = time.monotonic() + 60
        while not states or states[-1] != ["RUNNING"]:
            assert time.monotonic() < deadline
            if optuna.get_all_study_names(url):
                states.append([each.state.name for each in study(url).trials])
        return 1.0

    async with genius.Tracking(f"optuna:{url}") as tracking:
        asked = {"proposer": "random", "evaluator": watched, "iterations": 1, "run": tmp_path / "run"}
        await genius.search(SPACE, progress=tracking, **asked)
    assert study(url).trials[0].state == COMPLETE


def two_ways(config):
    if config["activation"] == "Tanh":
        raise ValueError("no Tanh")
    return {"score": config["width"], "latency": 1000 * config["lr"], "heat": config["width"]}


async def test_a_front_has_a_direction_for_each_objective_and_its_limits_as_constraints(url, tmp_path):
    async with genius.Tracking(f"optuna:{url}") as tracking:
        result = await genius.search(
            SPACE,
            evaluator=two_ways,
            proposer="random",
            objectives=("score", "latency"),
            limits={"heat": (None, 20)},
            pareto=True,
            iterations=8,
            run=tmp_path / "run",
            progress=tracking,
        )
    found = study(url)
    assert [way.name for way in found.directions] == ["MAXIMIZE", "MINIMIZE"]
    for trial, candidate in zip(found.trials, result.candidates, strict=True):
        if candidate.value is None:
            assert trial.state == FAIL
            continue
        assert trial.values == [candidate.value, candidate.measurement.metrics["latency"]]
        assert list(trial.constraints.values()) == [candidate.measurement.metrics["heat"] - 20]
    assert {trial.params["lr"] for trial in found.best_trials} == {c.values["lr"] for c in result.front}


async def test_conditions_hide_parameters_and_whole_ranges_are_integers(url, tmp_path):
    space = genius.space_of(
        {"kind": ["a", "b"], "depth": {"range": (1, 8), "when": {"kind": "a"}}, "on": [True, 1, None]}
    )
    async with genius.Tracking(f"optuna:{url}") as tracking:
        asked = {"proposer": "random", "evaluator": lambda config: 1.0, "iterations": 6, "run": tmp_path / "run"}
        result = await genius.search(space, progress=tracking, **asked)
    found = study(url)
    assert [trial.params for trial in found.trials] == [candidate.values for candidate in result.candidates]
    assert {"depth" in trial.params for trial in found.trials} == {True, False}
    kinds = {type(of).__name__ for trial in found.trials for name, of in trial.distributions.items() if name == "depth"}
    assert kinds == {"IntDistribution"}


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.heavy
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
def test_optuna_dashboard_shows_a_search_in_a_browser(url, tmp_path):
    pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed: pip install optuna-dashboard")
    result = asyncio.run(searched(tmp_path / "run", f"optuna:{url}"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "optuna_dashboard._cli", url, "--host", "127.0.0.1", "--port", str(port)]
    serving = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        page = _opened(f"http://127.0.0.1:{port}/dashboard/studies/1", tmp_path / "profile")
        trials = _opened(f"http://127.0.0.1:{port}/dashboard/studies/1/trials", tmp_path / "profile")
    finally:
        serving.terminate()
        serving.wait(30)
    headings = ("History", "Hyperparameter Importance", "Timeline", "Best Trial", "Intermediate values")
    for shown in (*headings, "trial #0", *SPACE):
        assert shown in page
    assert "4 Trials Trial 0 Complete Trial 1 Complete Best Trial Trial 2 Pruned Trial 3 Pruned" in trials
    assert f"lr {result.candidates[0].values['lr']}" in trials


def _opened(address, profile):
    """Open a page in a browser without a window, once it is served, and return its text as it stands then."""
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).read()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    browser = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    told = [*browser, "--virtual-time-budget=30000", "--dump-dom", address]
    page = subprocess.run(told, capture_output=True, text=True, timeout=120, check=True).stdout
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
