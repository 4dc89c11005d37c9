"""Python files of the user's own: how they are named and imported, and what is said of one that cannot be."""

import dataclasses
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import genius
import pytest
from genius.plugins import import_object
from genius.python_files import absolute_name, import_file, split_file
from genius.spaces import get_space, read_script, short_name

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file into the current folder, whose modules are forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    yield written
    for name in set(sys.modules) - before:
        place = getattr(sys.modules[name], "__file__", None)
        if place and Path(place).is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("train.py", ("train.py", "")),
        ("train.py:", ("train.py", "")),
        ("train.py:fit", ("train.py", "fit")),
        ("a/b.py:A.b", ("a/b.py", "A.b")),
        (r"C:\work\train.py:fit", (r"C:\work\train.py", "fit")),
        ("C:/work/train.py", ("C:/work/train.py", "")),
        ("/data/run:1/train.py:fit", ("/data/run:1/train.py", "fit")),
        ("./run:1.py/train.py:fit", ("./run:1.py/train.py", "fit")),
        ("my train-2.0.py:x", ("my train-2.0.py", "x")),
        ("mine:SPACE", None),
        ("mine:train.py", None),
        ("folder:/data/my.py", None),
        ("replay:talk.py", None),
        ("train.pyc", None),
        ("digits", None),
        ("a.py:b/c", None),
        ("", None),
    ],
)
def test_a_file_is_told_from_a_module(name, parts):
    assert split_file(name) == parts


def test_settings_hold_full_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training = genius.TrainingSettings(data="d.py:D", recipe="r.py:R", on="p.py:P")
    settings = genius.Settings(space="s.py:space", proposer="p.py:f", evaluator="e.py:f", training=training)
    held = [settings.space, settings.proposer, settings.evaluator, training.data, training.recipe, training.on]
    assert held == [str(tmp_path / name) for name in ("s.py:space", "p.py:f", "e.py:f", "d.py:D", "r.py:R", "p.py:P")]
    assert [absolute_name(name) for name in ("digits", "mine:SPACE", "folder:x.py")] == [
        "digits",
        "mine:SPACE",
        "folder:x.py",
    ]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("/a/train.py:space", "train"),
        ("/a/train.py:SPACE", "train"),
        ("/a/train.py:wide", "train:wide"),
        ("/a/space.yaml", "space"),
        ("nas-bench-macro", "nas-bench-macro"),
        ("mine:SPACE", "mine:SPACE"),
    ],
)
def test_titles_leave_folders_out(name, short):
    assert short_name(name) == short


# --- importing


def test_a_file_is_imported_once_under_its_stem_with_its_siblings(write, tmp_path, capsys):
    write("beside.py", "FACTOR = 2")
    path = write("scripted.py", "import beside\nprint('noise')\nVALUE = object()\n")
    module = import_file("scripted.py")
    assert sys.modules["scripted"] is module is import_file(str(path))
    (tmp_path / "link.py").symlink_to(path)
    assert import_file("link.py") is module
    assert import_object("scripted:VALUE", "thing") is import_object("scripted.py:VALUE", "thing") is module.VALUE
    assert capsys.readouterr() == ("", "noise\n")


def test_the_folder_comes_last_where_this_package_runs_and_first_where_scripts_do(write, tmp_path):
    write("json.py", "raise SystemError('shadows')")
    write("wave.py", "raise SystemError('shadows')")
    code = "from genius.python_files import *\nimport genius.python_files as files\nimport sys\n{}\n"
    code += "print(import_file('scripts/one.py').MINE)"
    write("scripts/one.py", "import wave\nMINE = getattr(wave, 'MINE', None)")
    write("scripts/wave.py", "MINE = 'beside'")
    for prepare, expected in (("", "None"), ("find_siblings_first()", "beside")):
        done = subprocess.run(
            [sys.executable, "-P", "-c", code.format(prepare)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == [expected], done.stderr


@pytest.mark.parametrize("name", ["json.py", "train-resnet.py", "train.v2.py", "2nd try.py", "class.py", "wave.py"])
def test_any_stem_works_and_takes_no_other_module_s_place(write, name):
    import json

    write(name, "import dataclasses\n@dataclasses.dataclass\nclass Thing:\n    x: int = 1\n")
    thing = import_object(f"{name}:Thing", "thing")
    assert dataclasses.is_dataclass(thing)
    assert pickle.loads(pickle.dumps(thing)) is thing
    assert sys.modules["json"] is json
    assert hasattr(__import__("wave"), "open")


def test_two_files_of_one_stem_are_two_modules(write):
    for folder in ("a", "b"):
        write(f"{folder}/same_stem.py", f"NAME = {folder!r}")
    assert [import_object(f"{folder}/same_stem.py:NAME", "thing") for folder in "abab"] == [*"abab"]


@pytest.mark.parametrize("name", ["spawned.py", "spawn-ed.py"])
def test_a_spawned_process_finds_the_functions_of_a_file(write, name):
    write(name, "import beside_spawned\ndef double(x):\n    return beside_spawned.FACTOR * x\n")
    write("beside_spawned.py", "FACTOR = 2")
    double: Any = import_object(f"{name}:double", "thing")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map_async(double, [1, 2]).get(60) == [2, 4]


GUARD = 'under `if __name__ == "__main__":`'
CALL = 'genius.search({"a": [1, 2]}, evaluator="broken.py:train", proposer="random", iterations=1)'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ndef (:\n", "broken.py cannot be imported: SyntaxError: invalid syntax (broken.py, line 2)"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name' (broken.py:1)"),
        ("import os\n\nos.nothing\n", "has no attribute 'nothing' (broken.py:3)"),
        ("import genius\ngenius.Objective('')", "an objective is named by a short text, got '' (broken.py:2)"),
        (
            "import sys\nsys.exit('no')",
            f"it ends the program (broken.py:2): put what only the script itself does {GUARD}",
        ),
        ("import argparse\np = argparse.ArgumentParser()\np.add_argument('x')\np.parse_args()", GUARD),
        (f"import asyncio, genius\nasyncio.run({CALL})", f"broken.py starts a search while it is imported.*{GUARD}"),
        (f"import asyncio, genius\nasync def main(): await {CALL}\nasyncio.run(main())", "starts a search while"),
        ("\0", "cannot contain null bytes"),
    ],
)
async def test_a_file_that_fails_is_one_sentence_with_its_line(write, monkeypatch, text, words):
    import re

    write("broken.py", text)
    monkeypatch.setattr(sys, "argv", ["genius"])
    for _ in range(2):
        with pytest.raises(genius.GeniusError) as failure:
            await genius.search("broken.py", proposer="random", iterations=1)
        assert re.search(words if ".*" in words else re.escape(words), str(failure.value))
        assert "\n" not in str(failure.value)
        assert "broken" not in sys.modules
    assert not Path("runs").exists()


def test_a_script_that_starts_the_program_on_itself_ends(write, tmp_path):
    search = "[sys.executable, '-m', 'genius', 'search', 'forks.py', '--proposer', 'random', '--iterations', '1']"
    write("forks.py", f"import subprocess, sys\nspace = {{'a': [1, 2]}}\ndone = subprocess.run({search}, check=True)")
    command = [sys.executable, "-m", "genius", "search", "forks.py", "--proposer", "random"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert f"it starts a program that imports it again: put that {GUARD}" in done.stderr


# --- spaces and functions of a script


SCRIPT = """
SPACE = {"lr": (1e-4, 1e-1), "width": [16, 32]}
wide = {"width": (1, 50)}
number = 3
def train(config): return config["width"]
def fit(config): return -config["width"]
"""


def test_the_parts_of_a_script(write, tmp_path):
    path = str(write("script.py", SCRIPT))
    found = {name: read_script(name) for name in ("script.py", "script.py:wide", "script.py:fit", path, "mine:SPACE")}
    told = {name: each and (each.space, each.function) for name, each in found.items()}
    assert told == {
        "script.py": (f"{path}:SPACE", f"{path}:train"),
        path: (f"{path}:SPACE", f"{path}:train"),
        "script.py:wide": (f"{path}:wide", f"{path}:train"),
        "script.py:fit": (f"{path}:SPACE", f"{path}:fit"),
        "mine:SPACE": None,
    }
    assert get_space("script.py").name == "script"
    assert [decision.name for decision in get_space("script.py:wide").decisions] == ["width"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("none.py", "x = 1", "none.py holds no `space`: write one, as in space = {"),
        (
            "three.py",
            "space = 3",
            "the space of three.py is neither a SearchSpace nor a dict of decisions, but the int 3",
        ),
        ("bad.py", "space = {'a': 'x'}", "bad.py: the decision 'a' is a list of options"),
        ("script.py:number", SCRIPT, "script.py:number is neither a space nor a function, but the int 3"),
        ("script.py:nothing", SCRIPT, "script.py holds no 'nothing': it holds SPACE, wide, number, train, fit"),
        ("untrained.py", "space = {'a': [1, 2]}", "untrained.py holds no function `train`: write one"),
        ("args.py", "space = {'a': [1, 2]}\ndef train(a, b, c): ...", "train takes (a, b, c): an evaluator takes"),
        ("missing.py", None, "there is no file missing.py"),
        ("folder.py/x", "", "folder.py is no file"),
        ("folder/x", "", "folder is a folder: name the file in it that holds the space, as in train.py"),
        ("note.ipynb", "{}", "note.ipynb is neither a Python file nor YAML, JSON or TOML"),
        ("lost.py", "", "there is no space 'lost': did you mean lost.py?"),
    ],
)
async def test_a_script_that_is_none_is_refused(write, name, text, words):
    file = name.partition(":")[0]
    if text is not None:
        write(file, text)
    asked = {"folder.py/x": "folder.py", "folder/x": "folder", "lost.py": "lost"}.get(name, name)
    with pytest.raises(genius.GeniusError) as failure:
        await genius.search(asked, proposer="random", iterations=1)
    assert words in str(failure.value)


async def test_a_script_is_searched_from_any_folder_and_goes_on(write, tmp_path, monkeypatch):
    write("here/beside_script.py", "FACTOR = 3")
    write("here/script.py", f"import beside_script\n{SCRIPT}\ndef train(config): return beside_script.FACTOR")
    write("elsewhere/x", "")
    monkeypatch.chdir(tmp_path / "here")
    found = await genius.search("script.py", proposer="random", iterations=1, run=tmp_path / "run")
    here = tmp_path / "here" / "script.py"
    assert (found.settings.space, found.settings.evaluator) == (f"{here}:SPACE", f"{here}:train")
    assert found.best.measurement.value == 3
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len((await genius.resume(tmp_path / "run", iterations=2)).trials[0].candidates) == 2
    forked = await genius.fork(tmp_path / "run", 1, iterations=3, to=tmp_path / "fork")
    assert len(forked.trials[0].candidates) == 3


@pytest.mark.parametrize(
    ("named", "evaluator"),
    [
        ({"space": "script.py:fit"}, "script.py:fit"),
        ({"space": "script.py", "evaluator": "script.py:fit"}, "script.py:fit"),
        ({"space": "script.py", "evaluator": "other.py:fit"}, "other.py:fit"),
        ({"space": Path("script.py")}, "script.py:train"),
        ({"settings": "settings.yaml"}, "script.py:train"),
        ({"settings": "chosen.yaml"}, "script.py:fit"),
    ],
)
async def test_the_function_of_a_script_is_chosen(write, tmp_path, named, evaluator):
    write("script.py", SCRIPT)
    write("other.py", "def fit(config): return 1.0")
    write("settings.yaml", "space: script.py\nproposer: random\nloop: {iterations: 1}")
    write("chosen.yaml", "space: script.py:fit\nproposer: random\nloop: {iterations: 1}")
    found = await genius.search(**named, proposer="random", iterations=1, run=tmp_path / "run")
    assert found.settings.evaluator == str(tmp_path / evaluator)
    assert found.settings.space == str(tmp_path / "script.py:SPACE")


async def test_a_function_is_named_once(write):
    write("script.py", SCRIPT)
    with pytest.raises(genius.GeniusError, match=r"script\.py:fit names a function, and the evaluator is another one"):
        await genius.search("script.py:fit", evaluator="script.py:train", proposer="random")


NETWORK = """
import beside_network
import genius
from torch import nn

def build(architecture, num_classes=10):
    width = beside_network.WIDTHS[architecture[0]]
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, num_classes))

RECIPE = genius.Recipe("own", epochs=1, batch=64, lr=0.1, augment="none")
space = genius.SearchSpace(
    "own", (genius.Decision("width", ("4", "8")),), "", build, (1, 8, 8), data="digits", recipe=f"{__name__}:RECIPE"
)
"""


async def test_a_worker_process_trains_the_network_of_a_script(write, tmp_path, monkeypatch):
    write("here/beside_network.py", "WIDTHS = (4, 8)")
    write("here/net-work.py", NETWORK)
    found = await genius.search("here/net-work.py", proposer="random", iterations=1, run=tmp_path / "run")
    assert found.best is not None
    assert found.settings.evaluator is None
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert (await genius.resume(tmp_path / "run", iterations=2)).trials[0].candidates[1].measurement.value is not None


PLUG_INS = """
import genius
from genius.evaluators.workers import LocalWorkers, places
from langchain_core.callbacks import BaseCallbackHandler
from sklearn.datasets import load_digits
from torch import tensor
from torch.utils.data import TensorDataset

space = genius.get_space("digits")
def propose(prompt, history): return str([1] * 9)
class Sink(BaseCallbackHandler):
    def on_chain_start(self, *_, **__): open("told", "w").close()
sink = Sink()
loss = genius.Objective("loss", better="lower")
quick = genius.Recipe("quick", epochs=1, batch=64, lr=0.1, augment="none")
def images():
    found = load_digits()
    part = TensorDataset(tensor(found.images[:400, None] / 16).float(), tensor(found.target[:400]))
    return part, part
def pool(workers):
    open("pooled", "w").close()
    return LocalWorkers(places(workers, gpus=0, threads=1))
def measure(architecture): return 1.0
"""


@pytest.mark.parametrize(
    "kinds",
    [
        {"proposer": "propose", "recipe": "quick", "data": "images", "on": "pool", "callback": "sink"},
        {"proposer": "propose", "objective": "loss", "evaluator": "measure"},
    ],
    ids=["trained", "measured"],
)
def test_every_kind_of_plug_in_may_lie_in_a_file(write, tmp_path, kinds):
    write("plug.py", PLUG_INS)
    words = [word for kind, name in kinds.items() for word in (f"--{kind}", f"plug.py:{name}")]
    words += ["--iterations", "1", "--run", "run"]
    command = [sys.executable, "-P", "-m", "genius", "search", "plug.py", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "best: " in done.stdout
    assert {kind for kind, trace in (("callback", "told"), ("on", "pooled")) if (tmp_path / trace).exists()} == {
        kind for kind in kinds if kind in ("callback", "on")
    }
    told = (tmp_path / "run" / "search.json").read_text()
    for kind in kinds.keys() - {"callback"}:
        assert (f"{tmp_path}/plug.py:{kinds[kind]}" in told) == (kind != "objective"), kind
