"""What a package index and a reader of the repository are told."""

import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_one_version_is_told_everywhere():
    assert f"version: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text()
    assert (ROOT / "CHANGELOG.md").read_text().splitlines()[2].startswith(f"## {PROJECT['version']}")


def test_links_of_the_readme_lead_to_files():
    absolute = runpy.run_path(str(ROOT / "setup.py"))["absolute"]
    url = "https://host.example/genius/blob/v1"
    text = absolute((ROOT / "README.md").read_text(encoding="utf-8"), url)
    links = [link.partition(")")[0] for link in text.split("](")[1:]]
    assert all(link.startswith("https://") for link in links)
    ours = [link.removeprefix(f"{url}/").removesuffix("?raw=true") for link in links if link.startswith(url)]
    assert ours
    assert all((ROOT / name).is_file() for name in ours)
    assert f"![the page of a search]({url}/docs/view.png?raw=true)" in text
