"""What the command line tells of itself: panels of options, its version, and what a shell completes."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version

import genius as package
import pytest
from genius.record.settings import OPTIONS

COMMANDS = (
    "search",
    "resume",
    "fork",
    "open",
    "ask",
    "tell",
    "hint",
    "principles",
    "train",
    "transfer",
    "detect",
    "export",
    "bench",
)
COMMANDS += ("ablate", "show", "view", "spaces", "cost", "latency", "recipes", "prompts", "fetch", "baseline")
COMMANDS += ("mcp", "paper")
PANELS = ["Main options", "Language model", "Limits", "Training", "Measures", "The loop", "Files and output", "Options"]


CALLS = """
import contextlib, io, json, os, sys
from genius.cli.commands import run_command
shown = []
for words, environment in json.loads(sys.argv[1]):
    sys.argv = ["genius", *words]
    os.environ.update(environment)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            code = run_command()
        except SystemExit as end:  # of a completion
            code = end.code
    assert code == 0, (words, code)
    shown.append(printed.getvalue())
print(json.dumps(shown))
"""
"""Makes calls of the program, by its own name, one after another in one process."""


def calls(folder, calls, columns=80):
    """Return the output of some calls, each its words and further environment variables."""
    command = [sys.executable, "-c", CALLS, json.dumps(calls)]
    told = os.environ | {"COLUMNS": str(columns)}
    done = subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def helps(folder, flag, columns):
    """Return the help of each command, and of the program by the name of an empty text."""
    names = ("", *COMMANDS)
    return dict(zip(names, calls(folder, [((*name.split(), flag), {}) for name in names], columns), strict=True))


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    return helps(tmp_path_factory.mktemp("wide"), "-h", 80)


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    return helps(tmp_path_factory.mktemp("narrow"), "--help", 40)


def flags(words):
    return re.findall(r"^  (--[a-z-]+)", words, re.MULTILINE)


@pytest.mark.parametrize("command", ["search", "resume", "fork"])
def test_the_commands_that_search_show_the_same_settings_in_panels(wide, command):
    shown = wide[command]
    assert [name for name in re.findall(r"^([A-Z][a-z ]+):$", shown, re.MULTILINE) if name != "Arguments"] == PANELS
    settings = {option.flag for option in OPTIONS.values() if not option.about.hidden}
    assert settings - {"--space"} <= set(flags(shown))
    main = flags(shown[shown.index("Main options") : shown.index("Language model")])
    assert main[:4] == ["--llm", "--proposer", "--iterations", "--workers"]
    assert len(main) <= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_help_can_be_read_on_forty_columns(wide, narrow, command):
    assert max(map(len, narrow[command].splitlines())) <= 40
    assert flags(narrow[command]) == flags(wide[command])


def test_the_program_shows_its_commands(narrow):
    shown = narrow[""]
    assert re.findall(r"^  ([a-z]+)", shown[shown.index("Commands:") :], re.MULTILINE) == list(COMMANDS)
    assert "..." not in shown.partition("Commands:")[2]
    assert "--install-completion" in shown


def test_the_version_has_one_source(tmp_path):
    assert calls(tmp_path, [(["--version"], {})])[0].split() == ["genius", package.__version__]
    assert package.__version__ == version("genius-nas")


def test_help_loads_nothing_heavy():
    code = "import sys\nfrom genius.cli.commands import app\napp(['search', '--help'], standalone_mode=False)\n"
    code += "heavy = {'torch', 'langchain', 'langchain_core', 'langgraph', 'matplotlib', 'yaml'}\n"
    code += "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


COMPLETED = [
    ("re", ["resume", "recipes"]),
    ("search di", ["digits"]),
    ("search digits --proposer lo", ["local-search"]),
    ("search digits --recipe nas", ["nas-bench-macro", "nas-bench-201"]),
    ("search digits --order ", ["best", "time"]),
    ("search digits --set llm.ti", ["llm.timeout="]),
    ("search digits --max-c", ["--max-cost"]),
    ("spaces mob", ["mobile-imagenet"]),
    ("recipes retr", ["retrain-imagenet"]),
    ("show runs/o", ["runs/one"]),
    ("train o", ["other"]),
    ("search my", ["mynet.py", "myspaces/"]),
    ("search myspaces/", ["myspaces/one.yaml"]),
    ("spaces ./my", ["./mynet.py", "./myspaces/"]),
]


@pytest.fixture(scope="module")
def completions(tmp_path_factory):
    """Return the completions of each line, in a folder of runs and files."""
    tmp_path = tmp_path_factory.mktemp("completions")
    for name in ("runs/one", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "search.json").write_text("{}")
    (tmp_path / "myspaces").mkdir()
    for name in ("mynet.py", "mynet.pyc", "myspaces/one.yaml", "myspaces/.hidden.py"):
        (tmp_path / name).touch()
    lines = [f"genius {line}" for line, _ in COMPLETED]
    words = [{"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)} for line in lines]
    asked = [((), each | {"_GENIUS_COMPLETE": "complete_bash"}) for each in words]
    return dict(zip(lines, calls(tmp_path, asked), strict=True))


@pytest.mark.parametrize(("line", "completed"), COMPLETED)
def test_a_shell_completes(completions, line, completed):
    assert completions[f"genius {line}"].split() == completed
