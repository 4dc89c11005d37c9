"""MLflow's own client reads what the tracker wrote into a local SQLite store."""

import pytest

from .searched import resumed, searched

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: pip install 'genius-nas[mlflow]'")


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow keeps the artefacts of a SQLite store
    return f"sqlite:///{tmp_path}/mlflow.db"


def read(store):
    """Return the client, the run of the search, and those of its evaluations in their order."""
    client = mlflow.MlflowClient(store)
    runs = client.search_runs([client.get_experiment_by_name("genius").experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {run.info.run_id for run in parents}
    return client, parents[0], sorted(children, key=lambda run: run.info.run_name)


def history(client, run, name):
    return [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]


async def test_a_search_is_a_run_with_a_run_for_each_evaluation(store, tmp_path):
    result = await searched(tmp_path / "run", f"mlflow:{store}")
    client, parent, children = read(store)
    assert [run.info.run_name for run in children] == [f"trial-1-iteration-00{number}" for number in range(1, 5)]
    values = [candidate.value for candidate in result.candidates]
    assert values[2] is values[3] is None
    assert [run.data.metrics.get("score") for run in children[:2]] == values[:2]
    assert [run.info.status for run in children] == ["FINISHED", "FINISHED", "FAILED", "FAILED"]
    assert history(client, children[0], "loss")[:3] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    first = result.candidates[0]
    assert children[0].data.params == {name: str(value) for name, value in first.values.items()}
    assert children[0].data.tags["genius.rationale"] == first.rationale
    assert "diverged" in children[2].data.tags["genius.error"]
    assert parent.info.status == "FINISHED"
    assert parent.data.params["proposer"] == "random"
    assert parent.data.params["loop.iterations"] == "4"
    assert history(client, parent, "best_score") == [(1, values[0]), *((step, max(values[:2])) for step in (2, 3, 4))]
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == [
        "candidates.jsonl",
        "result.json",
        "search.json",
    ]


async def test_a_search_that_goes_on_has_the_same_run(store, tmp_path):
    await searched(tmp_path / "run", f"mlflow:{store}", iterations=2)
    _, before, children = read(store)
    await resumed(tmp_path / "run", f"mlflow:{store}", iterations=3)
    client, parent, now = read(store)
    assert parent.info.run_id == before.info.run_id
    assert [run.info.run_id for run in now[:2]] == [run.info.run_id for run in children]
    assert len(now) == 3
    assert [step for step, _ in history(client, parent, "best_score")] == [1, 2, 3]
    assert [step for step, _ in history(client, now[0], "score")] == [1, 2, 3, 3]
