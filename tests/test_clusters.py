"""The page on clusters: the command line that it shows is the example's, and runs."""

import functools
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from genius.cli import main
from genius.evaluators.slurm_workers import SlurmWorkers
from genius.graph import pool

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "slurm.sh"
SSH = """#!/bin/sh
echo "$1 $2" >> hosts.txt
exec sh -c "$3"
"""


def command():
    """Return the command of the example, without the place for further options."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if not line.startswith("#")]
    return "\n".join(lines).removesuffix(' "$@"')


def test_the_page_shows_the_example():
    assert command() in (ROOT / "docs" / "clusters.md").read_text()


def test_the_example_runs_on_submitit_s_local_executor(tmp_path, monkeypatch, capfd):
    pytest.importorskip("submitit", reason="submitit is not installed: pip install 'genius-nas[slurm]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pool, "SlurmWorkers", functools.partial(SlurmWorkers, cluster="local", look=0.5))
    small = ("--iterations", "2", "--workers", "2", "--set", "epochs=1", "--run", "run")
    monkeypatch.setattr(sys, "argv", [*shlex.split(command().replace("\\\n", "")), *small])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (0, None), capfd.readouterr().err
    assert len(list((tmp_path / "run").glob("evaluations/*/*/answer.json"))) == 2
    assert not list((tmp_path / "run").glob("evaluations/*/*/slurm-*"))


def test_a_pool_of_one_s_own_runs_each_command_by_ssh(tmp_path):
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": paths, "HOSTS": "ada bob"}
    search = ("search", "digits", "--proposer", "random", "--iterations", "2", "--set", "epochs=1", "--run", "run")
    words = [sys.executable, "-m", "genius", *search, "--on", "examples.ssh:Ssh", "--workers", "2"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted((tmp_path / "hosts.txt").read_text().splitlines()) == ["-tt ada", "-tt bob"]
