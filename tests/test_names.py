"""Names that no file can have, or that hold what a terminal would obey: one short sentence, and no traceback."""

import os
import sys

import pytest
from genius.cli import main
from genius.tables.fetch import FetchFailed

NAMES = {
    "long": "x" * 300,
    "longer": "a/" * 3_000,
    "in two lines": "a\nb",
    "escapes": "\x1b[31mred\x1b]52;c;x\x07",
    "undecodable": os.fsdecode(b"\xff\xfe\x80"),
    "markup": "[bold]x[/] :bomb:",
    "a file": "file",
    "inside a file": "file/x",
    "a loop of links": "loop",
    "inside a loop": "loop/x",
    "where nothing can be": "/proc/nope/x",
    "a link to nothing": "dangling",
    "empty": "",
    "dash": "-",
}
SEARCH = ("search", "nas-bench-macro", "--iterations", "1", "--tries", "1")
RANDOM = (*SEARCH, "--proposer", "random")
PLACES = {
    "run": (*RANDOM, "--downloads", "TABLES", "--run", "NAME"),
    "data": (*RANDOM, "--downloads", "NAME"),
    "space": ("search", "NAME", "--proposer", "random"),
    "own space": ("search", "x:NAME", "--proposer", "random"),
    "llm": (*SEARCH, "--downloads", "TABLES", "--llm", "NAME"),
    "model": (*SEARCH, "--downloads", "TABLES", "--llm", "openai:NAME", "--base-url", "http://127.0.0.1:1/v1"),
    "recording": (*SEARCH, "--downloads", "TABLES", "--llm", "replay:NAME"),
    "model file": (*SEARCH, "--downloads", "TABLES", "--llm", "local", "--model-file", "NAME"),
    "images": (*RANDOM, "--data", "folder:NAME"),
    "proposer": (*SEARCH, "--proposer", "NAME"),
    "limit": (*RANDOM, "--flops", "NAME", "-"),
    "resume": ("resume", "NAME"),
    "fork": ("fork", "NAME", "--at", "1"),
    "ask": ("ask", "NAME"),
    "tell": ("tell", "NAME", "1", "2"),
    "open": ("open", "nas-bench-macro", "--proposer", "random", "--run", "NAME"),
    "show": ("show", "NAME"),
    "train": ("train", "NAME"),
    "architecture": ("train", "digits", "NAME"),
    "images of a training": ("train", "digits", "[0,0,0,0,0,0,0,0,0]", "--data", "folder:NAME"),
    "out of a training": ("train", "digits", "[0,0,0,0,0,0,0,0,0]", "--set", "epochs=NAME", "--out", "NAME"),
    "export": ("export", "NAME"),
    "weights": ("export", "digits", "[0,0,0,0,0,0,0,0,0]", "--weights", "NAME"),
    "bench": ("bench", "NAME"),
    "proposer of a bench": ("bench", "nas-bench-macro", "--downloads", "TABLES", "--proposers", "NAME"),
    "table": ("bench", "digits", "--table", "digits=NAME"),
    "a description": ("spaces", "NAME"),
    "cost": ("cost", "NAME", "0"),
    "cost of": ("cost", "nas-bench-macro", "NAME"),
    "recipe": ("recipes", "NAME"),
    "fetch": ("fetch", "NAME"),
    "fetch into": ("fetch", "nas-bench-macro", "--downloads", "NAME"),
    "baseline": ("baseline", "NAME"),
    "baseline from": ("baseline", "nas-bench-macro", "--repetitions", "2", "--downloads", "NAME"),
    "command": ("NAME",),
    "option": ("search", "--x", "NAME"),
}


async def _no_network(*_: object) -> None:
    raise FetchFailed("there is no network in a test")


@pytest.fixture
def printed(tables, tmp_path, monkeypatch, capsys):
    """Return a function that runs a command with a name at its place, and returns its code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENIUS_DATA", str(tables))
    monkeypatch.setattr("genius.tables.fetch._download", _no_network)
    monkeypatch.setattr("genius.record.search_picture.draw", lambda result: None)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")

    def run(place, name):
        words = [word.replace("NAME", name).replace("TABLES", str(tables)) for word in PLACES[place]]
        monkeypatch.setattr(sys, "argv", ["genius", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr()

    return run


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_used_or_refused_in_one_sentence(name, place, printed):
    code, said = printed(place, NAMES[name])
    assert code in (0, 1, 2)
    progress = ("trial 1, iteration 1/1: ", "nas-bench-macro_cifar10.json 0/? bytes", "waiting for the first reply")
    complaint = [line for line in said.err.splitlines() if not line.startswith(progress)]
    assert code == 0 or len(complaint) == 1 or place == "proposer of a bench"
    assert all(line.startswith("genius: ") for line in complaint) or code == 0
    assert len(said.err) < 2_000
    text = (said.out + said.err).replace("\n", "")
    assert text.isprintable()
