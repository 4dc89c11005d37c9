"""A small space with a table that the tests make."""

import json
import os
from pathlib import Path

import pytest

NAME = "own_space:SPACE"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Make the table of the toy space, whose modules the processes of a bench find too; returns its file."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    rows = {
        f"{a}{b}": {"accuracy": 50 + 10 * a + b, "test_accuracy": 60 + 10 * a - b} for a in range(3) for b in range(3)
    }
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(rows))
    return path
