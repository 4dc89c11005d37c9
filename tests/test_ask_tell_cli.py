"""Ask and tell in a shell: one line of JSON, exit codes, and one sentence for everything else."""

import json
import shutil
import sys

import genius as package
import pytest
from genius.cli import main

SPACE = """
objective: {name: loss, better: lower}
decisions:
  lr: {range: [1.0e-4, 1.0e-1], log: true}
  width: [16, 32, 64]
"""


@pytest.fixture
def genius(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command in a folder of the test; it returns the code and what was printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.yaml").write_text(SPACE)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["genius", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return run


@pytest.fixture
def run(genius):
    """Return a function that runs a command about a run of three iterations and two workers."""
    options = ("--proposer", "guided", "--iterations", 3, "--workers", 2, "--run", "run")
    assert genius("open", "space.yaml", *options) == (0, "run\n", "")
    return lambda command, *words: genius(command, "run", *words)


def asked(printed):
    code, out, err = printed
    assert (code, err, out.count("\n")) == (0, "", 1)
    return json.loads(out)


def test_a_loop_of_a_shell(run):
    candidates = []
    while (printed := run("ask"))[0] == 0:
        candidates.append(asked(printed))
        assert run("tell", candidates[-1]["id"], candidates[-1]["config"]["lr"]) == (0, "", "")
    assert printed == (3, "", "genius: the search hands out no more: all iterations were handed out\n")
    assert [each["id"] for each in candidates] == ["1", "2", "3"]
    assert all(set(each) == {"id", "config", "architecture"} for each in candidates)
    shown = json.loads(run("show", "--json")[1])
    assert [each["value"] for each in shown["iterations"]] == [each["config"]["lr"] for each in candidates]
    assert [each["values"] for each in shown["iterations"]] == [each["config"] for each in candidates]
    assert [each["architecture"] for each in shown["iterations"]] == [each["architecture"] for each in candidates]


def test_each_asked_for_candidate_is_another_and_pends_until_it_is_told(run):
    first, second = asked(run("ask")), asked(run("ask"))
    code, out, err = run("ask")
    assert (code, out) == (4, "")
    assert err == (
        "genius: 1, 2 are pending, as many as there are workers (2): tell one of them, or name more workers; --pending "
        "prints them\n"
    )
    code, out, _ = run("ask", "--pending")
    assert [json.loads(line) for line in out.splitlines()] == [first, second]
    assert run("tell", 2, 0.5)[0] == 0
    assert json.loads(run("ask", "--pending")[1]) == first
    assert asked(run("ask", "--workers", 3, "--iterations", 4))["id"] == "3"
    assert asked(run("ask"))["id"] == "4"
    assert run("ask")[2] == (
        "genius: the search hands out no more: all iterations were handed out; still to be told: 1, 3, 4\n"
    )
    for id in (4, 1, 3):
        assert run("tell", id, 0.5)[0] == 0
    assert run("ask", "--pending") == (0, "", "")


@pytest.mark.parametrize(
    ("words", "value"),
    [(("-0.5",), -0.5), (("1e-3",), 1e-3), (('{"loss": 0.25, "seconds": 7}',), 0.25), (("--", "-.5"), -0.5)],
)
def test_a_value_is_a_number_or_json(run, words, value):
    asked(run("ask"))
    assert run("tell", 1, *words) == (0, "", "")
    assert package.read("run").candidates[0].value == value


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("nan",), "loss is nan"),
        (("-inf",), "loss is -inf"),
        (('{"loss": NaN}',), "loss is nan"),
        (("--failed", "the node was lost"), "the node was lost"),
    ],
)
def test_a_failure_is_told(run, words, error):
    asked(run("ask"))
    assert run("tell", 1, *words) == (0, "", "")
    assert error in package.read("run").candidates[0].error
    assert asked(run("ask"))["id"] == "2"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((1, "fast"), "tell a number or a JSON object of metrics, got 'fast'"),
        ((1, "[0.5]"), "tell a number or a JSON object of metrics, got '[0.5]'"),
        ((1, '{"loss": 0.5'), "tell a number or a JSON object of metrics, got '{\"loss\": 0.5'"),
        ((1, '{"speed": 0.5}'), "1 still pends, since this is no outcome of it: the evaluator gave no loss"),
        ((1,), "tell of '1' either its value, or by --failed why there is none"),
        ((1, 0.5, "--failed", "x"), "tell of '1' either its value, or by --failed why there is none"),
        ((7, 0.5), "no candidate has the id '7': 1 is pending"),
        (("../1", 0.5), "no candidate has the id '../1': 1 is pending"),
    ],
)
def test_what_cannot_be_told_is_said_and_the_candidate_still_pends(run, words, sentence):
    first = asked(run("ask"))
    code, out, err = run("tell", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"genius: {sentence}")
    assert err.count("\n") == 1
    assert json.loads(run("ask", "--pending")[1]) == first
    assert run("tell", 1, 0.5)[0] == 0
    assert run("tell", 1, 0.6) == (2, "", "genius: 1 was told already: none is pending\n")


def test_what_is_no_such_run_is_said(genius, tmp_path):
    for words in (("ask", "none"), ("tell", "none", "1", "2")):
        assert genius(*words) == (2, "", "genius: none is not a run folder: it holds no search.json\n")
    assert not (tmp_path / "none").exists()
    search = (
        "search",
        "space.yaml",
        "--proposer",
        "random",
        "--iterations",
        "1",
        "--evaluator",
        "told",
        "--run",
        "run",
    )
    code, _, err = genius(*search)
    assert (code, (tmp_path / "run").exists()) == (2, False)
    assert "go on with it by `genius ask` and `genius tell`" in err


def test_resume_says_how_it_goes_on(run):
    asked(run("ask"))
    code, out, err = run("resume")
    assert (code, out) == (2, "")
    assert err.startswith(
        "genius: the values of this search are told, and it evaluates nothing by itself: go on with it"
    )
    code, out, _ = run("show")
    assert code == 0
    assert "Not finished: go on with `genius ask run`" in out.replace("\n", " ")


def test_a_run_of_another_s_opens_no_file_that_it_names(run, genius):
    asked(run("ask"))
    shutil.copytree("run", "copy")
    code, _, err = genius("ask", "copy")
    assert code == 2
    assert "what a file alone names is neither imported, asked nor opened" in err
    assert genius("tell", "copy", 1, 0.5) == (0, "", "")  # it needs nothing that the file names
    assert asked(genius("ask", "copy", "--space", "space.yaml"))["id"] == "2"


def test_open_changes_the_options_of_a_run(run, genius):
    asked(run("ask"))
    assert genius("open", "space.yaml", "--iterations", 9, "--run", "run") == (0, "run\n", "")
    assert package.read("run").settings.loop.iterations == 9
    code, _, err = genius("open", "space.yaml", "--limit", "loss", "-", 3, "--run", "run")
    assert code == 2
    assert "keeps the objectives and limits that it began with" in err


def test_a_new_run_says_where_it_is_and_which_model_proposes(genius, monkeypatch):
    monkeypatch.setenv("GENIUS_LLM", "openai:m")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-no-key-of-anybody")
    code, out, err = genius("open", "space.yaml", "--base-url", "http://127.0.0.1:1/v1")
    assert code == 0
    assert out.startswith("runs/space-hybrid-")
    assert err.startswith("language model: openai:m (")


def test_a_script_tells_the_objective_of_its_space_too(genius, tmp_path):
    words = (
        "space = {'lr': (0.1, 1.0)}\ndef train(config): ...\ntrain.objective = genius.Objective('loss', better='lower')"
    )
    (tmp_path / "mine.py").write_text(f"import genius\n{words}\n")
    assert genius("open", "mine.py", "--proposer", "random", "--iterations", 2, "--run", "run")[0] == 0
    for value in (0.5, 0.25):
        assert genius("tell", "run", asked(genius("ask", "run"))["id"], value)[0] == 0
    assert json.loads(genius("show", "run", "--json")[1])["best"]["value"] == 0.25
    assert genius("open", "mine.py", "--objective", "size:higher", "--proposer", "random", "--run", "other")[0] == 0
