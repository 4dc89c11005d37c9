"""Which Pythons and systems the package runs on."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHONS = ((3, 11), (3, 12), (3, 13))


def test_it_imports_searches_and_trains_where_signals_processes_and_files_are_windows_own(tables, tmp_path):
    script = Path(__file__).with_name("elsewhere.py")
    command = [sys.executable, str(script), str(tmp_path), str(tables)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr


def test_the_pythons_it_is_made_for_are_told_and_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11"
    named = [c.rpartition(" ")[2] for c in project["project"]["classifiers"] if "Python :: 3." in c]
    assert named == [f"{major}.{minor}" for major, minor in PYTHONS]
    lint = (ROOT / "Makefile").read_text()
    assert all(version in lint for version in named)
    assert project["tool"]["ruff"]["target-version"] == "py311"


@pytest.mark.parametrize("version", PYTHONS)
def test_every_file_is_python_of_each_version(version):
    for path in ROOT.rglob("*.py"):
        if not {".venv", "build", "runs"} & set(path.relative_to(ROOT).parts):
            ast.parse(path.read_text(), path.name, feature_version=version)
