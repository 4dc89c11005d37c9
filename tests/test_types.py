"""The types of the installed package, as a user's own type checker sees them."""

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SCRIPT = """\
import asyncio
from collections.abc import Sequence

import genius


async def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    return genius.Measurement(accuracy=float(sum(architecture)))


def number(architecture: genius.Architecture) -> float:
    return float(sum(architecture))


async def propose(prompt: Sequence[genius.Message], history: Sequence[genius.Candidate]) -> str:
    best = max((candidate.accuracy or 0.0 for candidate in history), default=0.0)
    return f"After {best:.2f} % and {len(prompt)} messages. Architecture: [0, 0, 0, 0, 0, 0, 0, 0, 0]"


async def main() -> None:
    space = genius.get_space("digits")
    result = await genius.search(space, proposer="random", evaluator=evaluate, iterations=3, seed=1)
    again = await genius.search("digits", proposer=propose, evaluator=number, flops=(None, "3M"))
    settings = genius.Settings(llm=genius.LLMSettings(timeout=60.0), loop=genius.LoopSettings(iterations=2))
    await genius.search("digits", settings=settings, proposer="random", evaluator=number, set=["loop.order=time"])
    best = result.best
    if best is not None and best.architecture is not None and best.accuracy is not None:
        cost = space.cost_of(best.architecture)
        print(cost and cost.flops, round(best.accuracy, 2), again.run.name)


asyncio.run(main())
"""

MISTAKES = {
    "genius.get_space": "genius.get_spaces",
    "iterations=3": 'iterations="3"',
    "flops=(None": "flop=(None",
    "LoopSettings(iterations=2": "LoopSettings(iteration=2",
    "best is not None and ": "",
}
"""A name that is not there, an option of another type, an option that is none, a value that may be missing."""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Install the package as a wheel into an environment that finds everything else where these tests do."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = folder / "source"
    _copy_sources(source)
    subprocess.run([*build, "--wheel-dir", str(folder), str(source)], check=True, capture_output=True, timeout=120)
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    python = next(
        path for path in (environment / "bin" / "python", environment / "Scripts" / "python.exe") if path.exists()
    )
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    (wheel,) = folder.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _copy_sources(target):
    """Copy the files that git knows, or would: a build leaves folders beside its sources."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("the sources are in no git repository")
    for name in listed.stdout.splitlines():
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((ROOT / name).read_bytes())


OTHERS = ("torch", "torchvision", "openai", "langchain_openai", "langsmith", "matplotlib", "rich")
"""Packages that take most of mypy's time, and whose types the script does not meet."""


def mypy(python, folder):
    left_out = ",".join(f"{name}.*" for name in OTHERS)
    (folder / "mypy.ini").write_text(f"[mypy]\n[mypy-{left_out}]\nfollow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "right.py", "wrong.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def pyright(python, folder):
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", str(python), "right.py", "wrong.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("check", [mypy, pyright])
def test_a_users_script_passes_and_a_planted_mistake_is_caught(check, python, tmp_path):
    wrong = SCRIPT
    for right, mistake in MISTAKES.items():
        assert right in SCRIPT
        wrong = wrong.replace(right, mistake)
    (tmp_path / "right.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(wrong)
    done = check(python, tmp_path)
    found = re.findall(r"([\w./-]+\.pyi?):(\d+):.* error", done.stdout)
    assert {Path(file).name for file, _ in found} == {"wrong.py"}, done.stdout + done.stderr
    pairs = zip(SCRIPT.splitlines(), wrong.splitlines(), strict=True)
    planted = {number for number, (line, other) in enumerate(pairs, start=1) if line != other}
    assert planted <= {int(line) for _, line in found}
