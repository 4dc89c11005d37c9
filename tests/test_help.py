"""What the command line tells of itself: panels of options, its version, and what a shell completes."""

import os
import re
import subprocess
import sys
from importlib.metadata import version

import genius as package
import pytest
from genius.record.settings import OPTIONS

COMMANDS = ("search", "resume", "fork", "open", "ask", "tell", "hint", "train", "detect", "export", "bench", "show")
COMMANDS += ("spaces", "cost", "latency", "recipes", "prompts", "fetch", "baseline")
PANELS = ["Main options", "Language model", "Limits", "Training", "Measures", "The loop", "Files and output", "Options"]


@pytest.fixture
def genius(tmp_path):
    """Return a function that runs the program, by its own name, in a folder of the test."""
    program = tmp_path / "bin" / "genius"
    program.parent.mkdir()
    program.write_text("from genius.cli import main\nmain()\n")

    def run(*arguments, **environment):
        command = [sys.executable, str(program), *arguments]
        told = os.environ | {"COLUMNS": "80", **environment}
        done = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def flags(words):
    return re.findall(r"^  (--[a-z-]+)", words, re.MULTILINE)


@pytest.mark.parametrize("command", ["search", "resume", "fork"])
def test_the_commands_that_search_show_the_same_settings_in_panels(genius, command):
    shown = genius(command, "-h")
    assert [name for name in re.findall(r"^([A-Z][a-z ]+):$", shown, re.MULTILINE) if name != "Arguments"] == PANELS
    settings = {option.flag for option in OPTIONS.values() if not option.about.hidden}
    assert settings - {"--space"} <= set(flags(shown))
    main = flags(shown[shown.index("Main options") : shown.index("Language model")])
    assert main[:4] == ["--llm", "--proposer", "--iterations", "--workers"]
    assert len(main) <= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_help_can_be_read_on_forty_columns(genius, command):
    wide, narrow = genius(command, "-h"), genius(command, "--help", COLUMNS="40")
    assert max(map(len, narrow.splitlines())) <= 40
    assert flags(narrow) == flags(wide)


def test_the_program_shows_its_commands(genius):
    shown = genius("-h", COLUMNS="40")
    assert re.findall(r"^  ([a-z]+)", shown[shown.index("Commands:") :], re.MULTILINE) == list(COMMANDS)
    assert "..." not in shown.partition("Commands:")[2]
    assert "--install-completion" in shown


def test_the_version_has_one_source(genius):
    assert genius("--version").split() == ["genius", package.__version__]
    assert package.__version__ == version("genius-nas")


def test_help_loads_nothing_heavy():
    code = "import sys\nfrom genius.cli.commands import app\napp(['search', '--help'], standalone_mode=False)\n"
    code += "heavy = {'torch', 'langchain', 'langchain_core', 'langgraph', 'matplotlib', 'yaml'}\n"
    code += "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("line", "completed"),
    [
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
    ],
)
def test_a_shell_completes(genius, tmp_path, line, completed):
    for name in ("runs/one", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "search.json").write_text("{}")
    (tmp_path / "myspaces").mkdir()
    for name in ("mynet.py", "mynet.pyc", "myspaces/one.yaml", "myspaces/.hidden.py"):
        (tmp_path / name).touch()
    words = f"genius {line}"
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), "_GENIUS_COMPLETE": "complete_bash"}
    assert genius(**asked).split() == completed
