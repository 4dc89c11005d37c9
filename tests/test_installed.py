"""Wheel and source distribution: built, installed into an environment of their own, and run outside the repository."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD = """\
import sys
from setuptools import build_meta
print(getattr(build_meta, f"build_{sys.argv[1]}")(sys.argv[2]))
"""
LEFT_OUT = (".git", ".venv", "tests", "docs", "benchmarks", "examples", "build", "runs", "site")
LEFT_OUT += ("*.egg-info", "*cache*")


def call(*words, folder, **environment):
    told = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OPENAI_API_KEY")}
    done = subprocess.run(
        [*map(str, words)], cwd=folder, env=told | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(kind, source, out):
    """Build a distribution as pip does, with the setuptools that is installed; return its file."""
    return out / call(sys.executable, "-c", BUILD, kind, out, folder=source).splitlines()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the source distribution, the wheel that is built of it, and the wheel that is built of the repository."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "repository", ignore=shutil.ignore_patterns(*LEFT_OUT))
    source = build("sdist", folder / "repository", folder)
    with tarfile.open(source) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    (folder / "of-sdist").mkdir()
    return source, build("wheel", unpacked, folder / "of-sdist"), build("wheel", folder / "repository", folder)


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    """Return the folder of an environment that holds the wheel; its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", with_pip=False)
    names = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    packages = Path(sysconfig.get_path("purelib", vars=names))
    call(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", packages, built[1], folder=folder)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_both_ways_build_the_same_wheel(built):
    of_sdist, of_repository = (sorted(zipfile.ZipFile(wheel).namelist()) for wheel in built[1:])
    assert of_sdist == of_repository
    assert {"genius/py.typed", "genius/agents/recorded.csv", "genius/bench/paper.csv"} <= set(of_sdist)
    assert any(name.startswith("genius/agents/prompts/") for name in of_sdist)
    assert not any(part in name for name in of_sdist for part in ("tests/", "examples/", "benchmarks/", "shared/"))


def test_the_wheel_holds_every_module(built):
    held = set(zipfile.ZipFile(built[1]).namelist())
    folders = {name.rpartition("/")[0].removeprefix("genius").lstrip("/") for name in held if name.endswith(".py")}
    for folder in folders:
        for file in (ROOT / folder).glob("*.py"):
            if file.name != "setup.py":
                assert f"genius/{file.relative_to(ROOT).as_posix()}" in held


def test_it_runs_outside_the_repository(environment, tables, openai_server):
    folder = environment / "work"
    folder.mkdir()
    python = environment / "venv" / "bin" / "python"
    where = call(python, "-c", "import genius, genius.cli; print(genius.__file__)", folder=folder).strip()
    assert Path(where).is_relative_to(environment)

    def genius(*words):
        return call(python, "-m", "genius", *words, folder=folder, GENIUS_DATA=str(tables), OPENAI_API_KEY="sk-of-test")

    assert genius("--version") == f"genius {PROJECT['version']}\n"
    assert "nas-bench-macro" in genius("spaces")
    assert json.loads(genius("cost", "digits", "222222222", "--json")) == {"flops": 5_965_440, "params": 334_522}
    openai_server.answer = lambda call: openai_server.says("Architecture: [0, 1, 2, 0, 1, 2, 0, 1]")
    server = ("--llm", "openai:m", "--base-url", openai_server.url, "--proposer", "model")
    search = ("search", "nas-bench-macro", *server, "--iterations", 1, "--run", "run", "--json")
    assert json.loads(genius(*search))["best"]["accuracy"] > 90
    assert "was the model worth it?" in genius("show", "run")
    assert genius("prompts", "own").count("\n") > 3
    genius("search", "digits", "--proposer", "random", "--iterations", 1, "--run", "trained")


def test_the_lean_list_is_the_dependencies_without_torch():
    lines = (ROOT / "requirements-lean.txt").read_text().splitlines()
    lean = [line for line in lines if not line.startswith("#")]
    left_out = [each for each in PROJECT["dependencies"] if each not in lean]
    assert [each.partition(">")[0] for each in left_out] == ["torch", "torchvision"]
    assert [each for each in PROJECT["dependencies"] if each in lean] == lean
