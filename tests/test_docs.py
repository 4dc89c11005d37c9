"""The README and the pages of docs/: their Python runs, their commands are the program's, their links lead there."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import genius
import pytest
import typer
from genius.cli.commands import app
from genius.spaces.space_file import read_space

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
ANSWERS = [f"[2,2,2,2,2,2,{last // 3},{last % 3}]" for last in range(9)] + ["[2,2,2,1,2,2,2,2]"]
BELIEFS = f"start: {ANSWERS[4]}\noption: layer 8 = 1: +1 because it is late"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
PROGRAM = typer.main.get_command(app)


def blocks(page, *languages):
    """Return the texts of a page's blocks in these languages."""
    return [text for language, text in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


EXAMPLES = {f"{page.name} {at}": text for page in PAGES for at, text in enumerate(blocks(page, "python"), start=1)}
ON_A_SERVER = [name for name, text in EXAMPLES.items() if "openai" in text]
SCRIPT = "README.md 1"
ELSEWHERE = {SCRIPT, "own-script.md 1", "data.md 1"}  # tests of examples run these
PARTS = {"ask-and-tell.md 1", "detection.md 1", "latency.md 1"}  # of programs; they are read, not run
WHOLE = [name for name in EXAMPLES if name not in {*ON_A_SERVER, *ELSEWHERE, *PARTS}]


def run(example, folder, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    command = [sys.executable, "-c", EXAMPLES[example]]
    return subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("example", WHOLE)
def test_an_example_runs(example, tmp_path):
    done = run(example, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@pytest.mark.parametrize("example", ON_A_SERVER)
def test_an_example_runs_against_a_server(example, openai_server, tables, tmp_path):
    answers = cycle(ANSWERS)

    def answer(call):
        begins = "about to begin" in call["messages"][-1]["content"]
        return openai_server.says(BELIEFS if begins else next(answers))

    openai_server.answer = answer
    done = run(
        example,
        tmp_path,
        OPENAI_BASE_URL=openai_server.url,
        OPENAI_API_KEY="sk-of-the-test",
        GENIUS_DATA=str(tables),
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\((\d, ){7}\d\) 9\d\.\d+\n", done.stdout)
    (run_folder,) = (tmp_path / "runs").iterdir()
    assert run_folder.name.startswith("nas-bench-macro-hybrid-")
    arms = [json.loads(line)["arm"] for line in (run_folder / "candidates.jsonl").read_text().splitlines()]
    assert len(arms) == 10
    assert arms[:2] == ["guided-without-beliefs", "start"]


def test_the_script_is_searched(tmp_path):
    (tmp_path / "train.py").write_text(EXAMPLES[SCRIPT])
    words = "search train.py --objective accuracy --proposer random --iterations 2 --workers 2 --json"
    command = [sys.executable, "-m", "genius", *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["best"]["accuracy"] > 50  # chance is 10


def test_all_python_is_run_or_known_to_be_a_part():
    assert EXAMPLES.keys() >= ELSEWHERE | PARTS
    for name in PARTS:
        compile(EXAMPLES[name], name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert all(text.count("\n") <= 26 for name, text in EXAMPLES.items() if name not in ELSEWHERE)


def test_the_readme_is_one_page():
    assert len(README.read_text(encoding="utf-8").split()) <= 1_300


def test_a_file_of_a_space_is_read(tmp_path):
    (text,) = [text for text in blocks(ROOT / "docs" / "own-space.md", "") if text.startswith("words:")]
    (tmp_path / "space.yaml").write_text(text)
    assert [decision.name for decision in read_space(tmp_path / "space.yaml").decisions][-1] == "momentum"


def commands(page):
    """Return the calls of the program in a page's blocks, without comments, with lines that go on joined."""
    text = "\n".join(blocks(page, "", "sh")).replace("\\\n", " ")
    found = re.findall(r"^(?:\$ |torchrun .*-m )?genius (.*)$", text, flags=re.MULTILINE)
    return [re.sub(r"[\[\]…]", "", line) for line in found]


COMMANDS = sorted({line for page in PAGES for line in commands(page)})


def command_of(words):
    """Return the command that words name, and the words behind its name."""
    command, words = PROGRAM, list(words)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    return command, words


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_one_of_the_program(line):
    words = shlex.split(line, comments=True)
    words = words[: next((at for at, word in enumerate(words) if word in {"|", ">", "&&", ";"}), len(words))]
    command, words = command_of(words)
    assert command is not PROGRAM or words[0].startswith("-")
    command.make_context("genius", words).close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_a_sentence_names_are_those_of_its_command(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for line in re.findall(r"`genius ([^`]+)`", text):
        command, words = command_of(line.split())
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        assert command is not PROGRAM or words[0].startswith("-") or not words[0].isalpha(), line
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= known | {"--help", "--version"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, heading = link.partition("#")
        if re.match(r"\w+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_every_public_name_has_its_place_in_the_reference():
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^::: genius\.(?:\w+\.)+(\w+)$", text, flags=re.MULTILINE))
    assert named | {"Architecture"} == set(dir(genius))


def test_every_page_is_in_the_menu_of_the_site():
    menu = re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))
    assert sorted(menu) == sorted(str(page.relative_to(ROOT / "docs")) for page in PAGES if page != README)
