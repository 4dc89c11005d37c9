"""One contract for every pool by its name; `tests/evaluators/test_contract.py` is that of the pools themselves."""

from pathlib import Path

import genius
import pytest
from genius.evaluators import workers
from genius.graph.pool import POOLS, common_job, open_pool
from genius.record.settings import TrainingSettings


@pytest.mark.parametrize("name", [*POOLS, "ray:127.0.0.1:9", "mine:Subprocesses", "tiny-pool"])
def test_it_is_made_with_the_number_of_workers(name):
    pool = open_pool(TrainingSettings(on=name, workers=3))
    assert isinstance(pool, genius.Pool)
    assert pool.capacity == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scores:evaluate", "cannot make a pool of 1: TypeError"),
        ("mine:made_of", "makes no pool: see genius.Pool, got the list"),
        ("mine:takes_three", "is not a class or a function that makes a pool"),
    ],
)
def test_what_makes_no_pool_is_refused(name, words):
    with pytest.raises(genius.GeniusError, match=f"^{name} {words}"):
        open_pool(TrainingSettings(on=name))


@pytest.mark.parametrize(
    ("space", "changes", "threads"),
    [("digits", (), 1), ("mine:SPACE", (), 1), ("mine:GREY", (), 1), ("mine:SPACE", ("size=32",), 8)],
)
def test_small_images_have_one_thread_whoever_s_they_are(space, changes, threads, monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "cores", lambda: 8)
    settings = genius.Settings(space=space, training=TrainingSettings(device="cpu", recipe_changes=changes))
    _, size = common_job(settings, genius.get_space(space), tmp_path)
    assert [seat._place.threads for seat in open_pool(settings.training, size)._seats] == [threads]


async def test_a_search_trains_on_a_pool_of_one_s_own(tmp_path):
    asked = {"proposer": "random", "iterations": 1, "confirm": 1, "confirm_seeds": 1, "run": tmp_path / "run"}
    result = await genius.search("mine:SPACE", on="mine:Subprocesses", workers=2, **asked)
    assert [candidate.error for candidate in result.trials[0].candidates] == [None]
    (again,) = result.trials[0].confirmations
    jobs = list(Path(tmp_path / "run").glob("evaluations/trial-1/*/answer.json"))
    assert len(jobs) == 2
    assert [job.parent.name for job in jobs if job.parent.name.endswith("seed10000")] != []
    assert again.measurement.error is None
