"""The whole loop on `digits` with the embedded model, every network trained for real, if shortly."""

import json

import genius
import pytest
from genius.training.job import JobFiles


@pytest.mark.timeout(900)  # ten take two minutes where the machine is free: the model answers on one thread
@pytest.mark.parametrize("iterations", [3, pytest.param(10, marks=pytest.mark.heavy)])
async def test_a_search_with_the_embedded_model(iterations, tmp_path):
    result = await genius.search("digits", llm="local", iterations=iterations, set=("epochs=1",), run=tmp_path / "run")
    candidates = result.trials[0].candidates
    assert result.finished
    assert len({candidate.architecture for candidate in candidates}) == iterations
    assert all(0 < candidate.accuracy <= 100 for candidate in candidates)
    assert result.best.accuracy == max(candidate.accuracy for candidate in candidates)
    assert result.to_json()["usage"]["llm_calls"] == iterations
    # each network was trained in a folder of its own, and what it cost is known
    folders = list((tmp_path / "run" / "evaluations" / "trial-1").iterdir())
    assert len(folders) == iterations
    assert all(json.loads(JobFiles(folder).answer.read_text())["value"] for folder in folders)
    assert sum(result.device_seconds().values()) > 0
