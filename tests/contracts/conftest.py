"""Plug-ins of a user's own for every kind, and a package that brings one of each kind by its entry points."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALLED = {
    "genius.spaces": {"tiny-space": "mine:SPACE"},
    "genius.objectives": {"tiny-latency": "mine:LATENCY"},
    "genius.proposers": {"tiny-proposer": "mine:propose"},
    "genius.evaluators": {"tiny-evaluator": "scores:evaluate"},
    "genius.data_sets": {"tiny-photos": "mine:PHOTOS"},
    "genius.recipes": {"tiny-recipe": "mine:RECIPE"},
    "genius.pools": {"tiny-pool": "mine:Subprocesses"},
    "genius.tables": {"tiny-table": "mine:TABLE"},
    "genius.measures": {"tiny-measure": "mine:layers"},
    "genius.callbacks": {"tiny-sink": "mine:SINK"},
    "genius.trackers": {"tiny-tracker": "mine:Lines"},
}


def install(folder: Path, name: str, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Write what an installer leaves of a package: its name, and its entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    sections = (
        f"[{group}]\n" + "".join(f"{one} = {of}\n" for one, of in entries.items()) for group, entries in groups.items()
    )
    (info / "entry_points.txt").write_text("\n".join(sections))


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have `mine` and the package `tiny` found, by worker processes too; returns the folder of the package."""
    site = tmp_path / "site"
    install(site, "tiny", INSTALLED)
    for folder in (HERE, site):
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return site
