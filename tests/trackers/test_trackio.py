"""Trackio's own interface reads what the tracker wrote into its local files, without network."""

import sys

import pytest

from .searched import resumed, searched

trackio = pytest.importorskip("trackio", reason="Trackio is not installed: pip install 'genius-nas[trackio]'")


@pytest.fixture(autouse=True)
def local(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    for name, module in list(sys.modules.items()):  # the folder is read once, at the import
        if name.startswith("trackio") and hasattr(module, "TRACKIO_DIR"):
            monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")


def rows(run):
    from trackio.sqlite_storage import SQLiteStorage

    return SQLiteStorage.get_logs("nets", run)


async def test_a_search_is_a_run_in_a_group_with_those_of_its_evaluations(tmp_path):
    from trackio.sqlite_storage import SQLiteStorage

    result = await searched(tmp_path / "run", "trackio:nets", iterations=2)
    name = f"space-{result.settings.run.id}"
    assert set(SQLiteStorage.get_runs("nets")) == {name, *(f"{name}-trial-1-iteration-00{n}" for n in (1, 2))}
    assert [row["loss"] for row in rows(f"{name}-trial-1-iteration-001")][:3] == [1.0, 0.5, pytest.approx(1 / 3)]
    assert [row["best_score"] for row in rows(name) if "best_score" in row][-1] == result.best.value
    config = SQLiteStorage.get_run_config("nets", f"{name}-trial-1-iteration-001")
    assert result.candidates[0].values.items() <= config.items()


async def test_a_search_that_goes_on_has_the_same_run(tmp_path):
    result = await searched(tmp_path / "run", "trackio:nets", iterations=2)
    await resumed(tmp_path / "run", "trackio:nets", iterations=3)
    standings = [row for row in rows(f"space-{result.settings.run.id}") if "best_score" in row]
    assert [row["step"] for row in standings] == [1, 2, 3]
