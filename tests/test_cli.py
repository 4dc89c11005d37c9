"""The command line as a user types it; in a process of its own where streams, or the end of a process, count."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from genius.cli import main
from genius.spaces import get_space

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GENIUS_LLM", "GENIUS_DATA")


@pytest.fixture
def genius(command_line, monkeypatch):
    """Return a function that runs the command in an empty folder."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    return command_line


@pytest.fixture
def process(tmp_path):
    """Return a function that runs the command in an empty folder and in a process of its own."""

    def run(*arguments, input=None):
        clean = {name: value for name, value in os.environ.items() if name not in KEYS}
        command = [sys.executable, "-c", "from genius.cli import main; main()", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=clean, input=input, capture_output=True, text=True, check=False
        )

    return run


def test_a_search_prints_a_table_a_picture_and_the_run(genius, process, tables, tmp_path):
    done = process("search", "nas-bench-macro", "--proposer", "local-search", "--run", "r", "--downloads", tables)
    assert done.returncode == 0, done.stderr
    assert "best: [" in done.stdout
    assert "holds test accuracy only" in done.stdout
    assert "run:     r" in done.stdout
    assert (tmp_path / "r" / "search.png").read_bytes().startswith(b"\x89PNG")
    assert "trial 1, iteration 10/10: [" in done.stderr
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"search.json", "candidates.jsonl", "calls.jsonl", "checkpoints.sqlite", "trace.jsonl"} <= names
    again = genius("search", "nas-bench-macro", "--proposer", "random", "--run", "r", "--downloads", tables)
    assert again.returncode == 2
    assert "r exists and is not empty; go on with it: genius resume r" in again.stderr


def test_json_is_alone_on_standard_output(genius, process, tables):
    arguments = (
        "nas-bench-201",
        "--proposer",
        "random",
        "--iterations",
        4,
        "--run",
        "r",
        "--json",
        "--downloads",
        tables,
    )
    done = process("search", *arguments)
    found = json.loads(done.stdout)
    expected = {"run", "space", "proposer", "llm", "trial", "flops_convention"}
    expected |= {"iterations", "best", "usage", "spent", "stopped", "seconds"}
    assert set(found) == expected
    assert [i["iteration"] for i in found["iterations"]] == [1, 2, 3, 4]
    fields = {"iteration", "architecture", "accuracy", "rank", "flops", "params", "proposed", "refusals", "error"}
    fields |= {"failure", "device", "device_seconds", "llm", "changed_by"}
    assert all(set(i) == fields for i in found["iterations"])
    assert set(found["best"]) == {"architecture", "accuracy", "test_accuracy", "rank", "test_rank", "iteration"}
    assert found["best"]["accuracy"] == max(i["accuracy"] for i in found["iterations"])
    assert found["best"]["test_accuracy"] != found["best"]["accuracy"]
    assert found["usage"] == {"llm_calls": 0, "input_tokens": 0, "output_tokens": 0}
    assert json.loads(genius("show", "r", "--json").stdout) == found


def test_several_trials_have_a_summary(genius, tables):
    arguments = (
        "--proposer",
        "random",
        "--trials",
        3,
        "--iterations",
        5,
        "--run",
        "r",
        "--json",
        "--downloads",
        tables,
    )
    found = json.loads(genius("search", "channel-bench-resnet", *arguments).stdout)
    assert [trial["trial"] for trial in found["trials"]] == [1, 2, 3]
    ranks = [trial["best"]["rank"] for trial in found["trials"]]
    assert found["summary"]["rank"]["mean"] == pytest.approx(sum(ranks) / 3)
    assert "best of each of 3 trials, mean ± std" in genius("show", "r").stdout


def test_forks_and_longer_runs(genius, tables):
    start = ("nas-bench-macro", "--proposer", "random", "--iterations", 5, "--run", "a", "--downloads", tables)
    first = json.loads(genius("search", *start, "--json").stdout)
    longer = json.loads(genius("resume", "a", "--iterations", 7, "--downloads", tables, "--json").stdout)
    assert longer["iterations"][:5] == first["iterations"]
    assert len(longer["iterations"]) == 7
    fork = genius("fork", "a", "--at", 3, "--seed", 9, "--run", "b", "--downloads", tables, "--json")
    forked = json.loads(fork.stdout)
    assert forked["iterations"][:3] == longer["iterations"][:3]
    assert forked["iterations"][3:] != longer["iterations"][3:]
    assert len(forked["iterations"]) == 7


def test_cost_reads_lists_digits_and_table_names(genius):
    expected = {"flops": 46109184, "params": 1283434}
    for written in ("[0, 1, 2, 0, 1, 2, 0, 1]", "01201201", "0 1 2 0 1 2 0 1"):
        done = genius("cost", "nas-bench-macro", written, "--json")
        assert json.loads(done.stdout) == expected, done.stderr
    space = get_space("nas-bench-201")
    cell = (3, 1, 2, 0, 4, 3)
    done = genius("cost", "nas-bench-201", space.key(cell), "--json")
    assert json.loads(done.stdout)["flops"] == space.cost_of(cell).flops
    assert "46,109,184 (multiply-adds of one image)" in genius("cost", "nas-bench-macro", "01201201").stdout


def test_the_space_of_a_network_is_written_as_a_file(genius, process, tmp_path):
    (tmp_path / "own.py").write_text(
        "from torch import nn\n\n\ndef network():\n    print('made')\n"
        "    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))\n"
    )
    written = process("spaces", "--of", "own:network")
    assert written.returncode == 0, written.stderr
    assert "made" in written.stderr
    (tmp_path / "own.yaml").write_text(written.stdout)
    described = genius("spaces", "own.yaml").stdout
    assert described.startswith("network: 2 decisions, 16 architectures\n0.0 to 0.0 M FLOPs")
    assert "- 0 width: 32, 48, 64, 96" in described
    for arguments, error in (
        (("--input", 3, 8, 8), "--input is that of a network: name it by --of MODULE:NAME"),
        (("digits", "--of", "own:network"), "ask for one of these"),
        (("--of", "own:nothing"), "there is no network 'own:nothing'"),
    ):
        done = genius("spaces", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert error in done.stderr


def test_spaces_are_listed_and_described(genius):
    listed = genius("spaces").stdout
    assert "nas-bench-macro " in listed
    assert "6,561 architectures" in listed
    described = genius("spaces", "channel-bench-mobilenet").stdout
    assert "M FLOPs" in described
    assert "c6: 1 = 256 channels, 2 = 512 channels" in described


def test_a_space_counts_what_keeps_limits(genius):
    within = genius("spaces", "nas-bench-macro", "--flops", "-", "60M", "--params", "1M", "-").stdout
    space = get_space("nas-bench-macro")
    costs = space.costs(list(space.architectures()))
    inside = ((costs[:, 0] <= 60e6) & (costs[:, 1] >= 1e6)).sum()
    assert f"within the limits: {inside:,} (" in within
    assert "as thop counts" in genius("spaces", "nas-bench-macro", "--flops-convention", "thop").stdout


def test_the_papers_baseline_is_one_command(genius, tables):
    found = json.loads(genius("baseline", "nas-bench-macro", "--json", "--downloads", tables).stdout)
    assert found["repetitions"] == 10_000
    assert 500 < found["rank"]["mean"] < 700
    assert (
        "over 100 repetitions"
        in genius("baseline", "nas-bench-macro", "--repetitions", 100, "--downloads", tables).stdout
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search", "nowhere"), "there is no space 'nowhere'; the spaces are:"),
        (
            ("search", "nas-bench-macro", "--proposer", "random", "--downloads", "none"),
            "`genius fetch nas-bench-macro --downloads ",
        ),
        (("search", "digits", "--proposer", "best"), "there is no proposer 'best'; the proposers are: random, largest"),
        (("search", "digits", "--proposer", "random", "--llm", "local"), "exclude each other"),
        (("search", "digits", "--llm", "gpt-4o"), "write PROVIDER:MODEL"),
        (("search", "digits", "--llm", "nobody:x"), "nobody:x cannot be used"),
        (("search", "digits", "--llm", "openai:gpt-4o"), "openai:gpt-4o needs a key: set OPENAI_API_KEY"),
        (("search", "digits", "--llm", "replay:none.jsonl"), "there is no recording at none.jsonl"),
        (("search", "digits", "--proposer", "random", "--iterations", "0"), "iterations must be at least 1, got 0"),
        (("search", "digits", "--proposer", "random", "--iterations", "ten"), "Invalid value for '--iterations'"),
        (("search", "digits", "--proposer", "random", "--seed", "-1"), "seed must be at least 0, got -1"),
        (
            ("search", "digits", "--proposer", "random", "--when-done", "no"),
            "when-done must be 'stop' or 'ask', got 'no'",
        ),
        (("search", "digits", "--proposer", "random", "--temperature", "9"), "temperature must be at most 2, got 9.0"),
        (("search", "digits", "--llm", "openai:m", "--base-url", "http://me:pw@x/v1"), "which may be a secret"),
        (("search",), "a search needs a space, as in `genius search digits`"),
        (("search", "digits", "--iteration", "3"), "--iterations"),
        (("searhc", "digits"), "No such command 'searhc'. Did you mean 'search'?"),
        (("search", "digits", "--set", "llm.timout=3"), "there is no setting 'llm.timout'; did you mean llm.timeout?"),
        (("search", "digits", "--proposer", "random", "--set", "lr=fast"), "lr must be a number, got 'fast'"),
        (("search", "digits", "--config", "nothing.yaml"), "nothing.yaml cannot be read: No such file"),
        (("train", "digits", "000000000", "--set", "llm.timeout=3"), "a training has no llm.timeout; its settings are"),
        (("train", "digits", "000000000", "--set", "lrr=3"), "there is no setting 'lrr'; did you mean lr?"),
        (("search", "digits", "--nonsense"), "No such option"),
        (("cost", "nas-bench-macro", "012"), "expected 8 numbers, got 3: [0, 1, 2]"),
        (("cost", "nas-bench-macro", "[0,1,2,0,1,2,0,7]"), "takes a number from 0 to 2, got 7"),
        (("resume", "nowhere"), "nowhere is not a run folder: it holds no search.json"),
        (("show", "nowhere"), "nowhere is not a run folder"),
        (("fork", "nowhere", "--at", "1"), "nowhere is not a run folder"),
        (("spaces", "digits", "--flops", "5M", "3M"), "the range from 5M to 3M is empty"),
        (("cost", "digits", "000000000", "--flops-convention", "x"), "there is no FLOPs convention 'x'"),
        (("fetch", "cifar"), "there is no table 'cifar'; the tables are: all,"),
        (("baseline", "digits"), "digits has no table"),
        (("baseline", "nas-bench-macro", "--downloads", "none"), "genius fetch nas-bench-macro"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_gets_one_clear_line_and_writes_nothing(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genius", *arguments])
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed.err
    assert message in printed.err
    complaint = [line for line in printed.err.splitlines() if not line.startswith("language model:")]
    assert len(complaint) == 1
    assert complaint[0].startswith("genius: ")
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_bad_input_ends_the_process_without_a_traceback(process):
    done = process("search", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("genius: there is no space 'nowhere'")


def test_a_run_folder_that_cannot_be_written_is_refused(genius, tables, tmp_path):
    (tmp_path / "file").write_text("in the way")
    start = ("search", "nas-bench-macro", "--proposer", "random", "--downloads", tables, "--run")
    done = genius(*start, "file/run")
    assert done.returncode == 2
    assert "cannot write the run folder file/run: Not a directory" in done.stderr
    assert genius(*start, "file").returncode == 2


def test_a_person_can_propose(process, tables):
    replies = "[2,2,2,2,2,2,2,2]\nhello\n2 2 2 1 2 2 2 2\n-\n"
    arguments = ("nas-bench-macro", "--llm", "human", "--iterations", 5, "--run", "r", "--json", "--downloads", tables)
    done = process("search", *arguments, input=replies)
    found = json.loads(done.stdout)
    assert [i["architecture"] for i in found["iterations"]] == [[2] * 8, [2, 2, 2, 1, 2, 2, 2, 2], None]
    assert "nothing better is left" in found["iterations"][2]["error"]
    assert "no architecture found" in found["iterations"][1]["refusals"][0]
    assert "Your answer, in one line:" in done.stderr


def test_a_closed_input_ends_a_persons_search_and_keeps_it(genius, process, tables):
    arguments = ("nas-bench-macro", "--llm", "human", "--iterations", 5, "--run", "r", "--downloads", tables)
    done = process("search", *arguments, input="[2,2,2,2,2,2,2,2]\n")
    assert done.returncode == 1
    assert "standard input was closed" in done.stderr
    assert "`genius resume r`" in done.stderr
    assert "Not finished: go on with `genius resume r`" in genius("show", "r").stdout


def test_the_choice_of_the_language_model_is_said(genius):
    done = genius("search", "digits", "--worker-memory", "0")
    assert "language model: local (no key is set; the embedded 135M model" in done.stderr
    done = genius("search", "digits", "--worker-memory", "0", OPENAI_API_KEY="sk-nothing")
    assert "language model: openai:gpt-4o (OPENAI_API_KEY is set)" in done.stderr


def test_a_search_starts_from_a_file_and_the_command_line_wins(genius, tables, tmp_path):
    (tmp_path / "my.yaml").write_text(
        "space: nas-bench-macro\nproposer: random\nloop: {iterations: 4, seed: 3, trials: 2}\n"
    )
    start = ("search", "--config", "my.yaml", "--downloads", tables, "--json")
    found = json.loads(genius(*start, "--run", "a", "--set", "loop.trials=1").stdout)
    assert (found["space"], found["proposer"], len(found["iterations"])) == ("nas-bench-macro", "random", 4)
    again = genius("search", "--config", "a/search.json", "--run", "b", "--json")
    assert json.loads(again.stdout)["iterations"] == found["iterations"], again.stderr
    other = ("nas-bench-macro", "--config", "a/search.json", "--run", "c", "--json", "--seed", 4, "--iterations", 2)
    told = json.loads(genius("search", *other).stdout)
    assert len(told["iterations"]) == 2
    assert told["iterations"] != found["iterations"][:2]
    settings = {name: json.loads((tmp_path / name / "search.json").read_text()) for name in "abc"}
    assert {name: held["loop"]["seed"] for name, held in settings.items()} == {"a": 3, "b": 3, "c": 4}
    assert len({held["run"]["id"] for held in settings.values()}) == 3


def test_a_setting_is_changed_by_its_path_where_a_run_goes_on(genius, tables, tmp_path):
    start = ("nas-bench-macro", "--proposer", "random", "--iterations", 2, "--run", "a", "--downloads", tables)
    assert genius("search", *start).returncode == 0
    longer = genius("resume", "a", "--set", "loop.iterations=3", "--set", "llm.timeout=60", "--json")
    assert len(json.loads(longer.stdout)["iterations"]) == 3
    forked = genius("fork", "a", "--at", 1, "--run", "b", "--set", "loop.seed=9", "--json")
    assert len(json.loads(forked.stdout)["iterations"]) == 3
    held = json.loads((tmp_path / "b" / "search.json").read_text())
    assert (held["llm"]["timeout"], held["loop"]["seed"]) == (60.0, 9)


def test_prompts_are_written_edited_and_used(genius, process, tables, tmp_path):
    assert "proposal\n" in genius("prompts").stdout
    done = genius("prompts", "mine")
    assert done.returncode == 0, done.stderr
    assert str(Path("mine", "answer.j2")) in done.stdout.splitlines()
    (tmp_path / "mine" / "answer.j2").write_text("Just {{ length }} numbers.")
    search = ("search", "nas-bench-macro", "--llm", "human", "--iterations", 2, "--downloads", tables)
    options = ("--prompts", "mine", "--memory", "conversation", "--run", "r")
    done = process(*search, *options, input="[2,2,2,2,2,2,2,2]\n[2,2,2,2,2,2,2,1]\n")
    assert done.returncode == 0, done.stderr
    assert "Just 8 numbers." in done.stderr
    assert "Iteration 1 (architecture, accuracy, " in done.stderr
    (tmp_path / "mine" / "answer.j2").write_text("{{ length }")
    done = genius(*search, "--prompts", "mine")
    assert done.returncode == 2
    assert f"genius: {tmp_path / 'mine' / 'answer.j2'}, line 1: " in done.stderr
    done = genius("prompts", "mine")
    assert done.returncode == 2
    assert "no edited prompt is written over" in done.stderr


def test_the_memory_of_a_worker_has_a_name_of_its_own(genius):
    done = genius("search", "digits", "--memory", "20G")
    assert done.returncode == 2
    assert "memory must be 'summary' or 'conversation'" in done.stderr
