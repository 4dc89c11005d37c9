"""Commands of a user's own: their words, their environment, their results, and how they fail."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace

import genius
import pytest
from genius.errors import RunFailed
from genius.evaluators.command_line import check_program, filled_in, words_of
from genius.evaluators.pools import read_log
from genius.evaluators.scripts import CommandJob
from genius.evaluators.workers import LocalWorkers, Place
from genius.training.job import read_epochs

from .stubs import descendants, wait_until

DECISIONS = (
    genius.Decision("width", (8, 16)),
    genius.Decision("optimiser", ("sgd", "adam")),
    genius.Decision("momentum", (0.1, 0.9), when=("optimiser", ("sgd",))),
    genius.Decision("nested", (True, None)),
    genius.Decision("text", ("$(touch evil) `id`; rm -rf * \"'",)),
)
CONFIG = {"width": 8, "optimiser": "adam", "nested": True, "text": DECISIONS[-1].options[0]}
PYTHON = sys.executable


def filled(command, hidden=("momentum",), **config):
    ours = {"seed": "3", "device": "cpu", "folder": "/f", "config": "/c"}
    return filled_in(words_of(command, DECISIONS), CONFIG | config, hidden, ours)


def test_placeholders_are_values_and_no_shell_reads_them():
    assert filled("train --w {width} --o={optimiser} {nested} '{text}x'") == [
        "train",
        "--w",
        "8",
        "--o=adam",
        "true",
        DECISIONS[-1].options[0] + "x",
    ]
    assert filled("a {seed} {device} {folder} {config} {{x}} }") == ["a", "3", "cpu", "/f", "/c", "{x}", "}"]
    assert filled("a 'one word' \"{optimiser} two\"") == ["a", "one word", "adam two"]
    assert filled("a {nested}", nested=None) == ["a", "null"]
    assert filled("a {optimiser}", optimiser="{width}") == ["a", "{width}"]


def test_what_does_not_count_is_left_out_with_its_flag():
    for command in ("a --momentum {momentum} b", "a --momentum={momentum} b", "a -m {momentum} b", "a x{momentum} b"):
        assert filled(command) == ["a", "b"]
    assert filled("a - {momentum} -- {momentum} --w={width} {momentum}") == ["a", "-", "--", "--w=8"]
    assert filled("a --momentum {momentum}", hidden=(), momentum=0.9) == ["a", "--momentum", "0.9"]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (
            "a {widht}",
            r"the command has no value for \{widht\}; there are \{width\}, .*\{config\}, and \{\{ stands for a",
        ),
        ("a {width", r"the command has no value for \{width; "),
        ("a {}", r"the command has no value for \{\}; "),
        ("  ", "the command is empty: name a program"),
        ("a 'b", "cannot be split into words: No closing quotation"),
        ("{momentum} a", "the program '{momentum}' depends on 'momentum', which does not always count"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(command, error):
    with pytest.raises(genius.GeniusError, match=error):
        words_of(command, DECISIONS)


def test_a_program_is_looked_for_where_the_search_began(tmp_path):
    (tmp_path / "plain.sh").write_text("#!/bin/sh\n")
    check_program(["{width}"], tmp_path)
    check_program([PYTHON], tmp_path)
    with pytest.raises(genius.GeniusError, match=r"'./plain.sh' cannot be run in .*: it may not be executed: chmod"):
        check_program(["./plain.sh"], tmp_path)
    with pytest.raises(genius.GeniusError, match=r"'no-such-program' cannot be run: there is no such program"):
        check_program(["no-such-program"], tmp_path)


def job(folder, code, *words, **changes):
    """Make the job of a command that runs some Python."""
    (folder / "script.py").write_text(f"import json, os, signal, subprocess, sys, time\n{code}\n")
    common = CommandJob(
        command=(PYTHON, "script.py", *words),
        folder=folder / "evaluation",
        seed=3,
        config=CONFIG,
        architecture=(0, 1, 0, 0, 0),
        hidden=("momentum",),
        names=("accuracy",),
        home=folder,
    )
    return replace(common, **changes)


async def ran(folder, code, *words, told=None, limits=None, **changes):
    async with LocalWorkers([Place("cpu", 2)], ahead=None) as workers:
        hear = [].append if told is None else told.append
        return await workers.train(job(folder, code, *words, **changes), on_epoch=hear, **(limits or {}))


RESULTS = {
    "print('noise'); print(json.dumps({'accuracy': 91, 'loss': 0.5}))": (91, {"loss": 0.5}),
    "print(json.dumps({'accuracy': 1})); print(json.dumps({'accuracy': 2})); print('done {')": (2, {}),
    "print(json.dumps({'accuracy': 3, 'by': {'class': [0.5, 1]}}, indent=2)); print('done')": (3, {}),
    "print('loss 0.1'); print(0.75)": (0.75, {}),
    "sys.stdout.write('1e-3')": (0.001, {}),
    "print(5); open(os.environ['GENIUS_RESULT'], 'w').write('{\"value\": 6}')": (6, {}),
    "open(os.environ['GENIUS_RESULT'], 'w').write(' 7\\n')": (7, {}),
    "print('x' * 3_000_000, json.dumps({'accuracy': 1})); print(8)": (8, {}),
    "print(json.load(open(os.environ['GENIUS_CONFIG']))['width'])": (8, {}),
    "print(int(os.environ['GENIUS_SEED']) + int(os.environ['GENIUS_THREADS']))": (5, {}),
}


@pytest.mark.parametrize("code", RESULTS)
async def test_a_result_is_the_last_object_or_number_or_a_file(tmp_path, code):
    measurement = await ran(tmp_path, code)
    assert measurement.error is None
    assert (measurement.value, measurement.metrics) == RESULTS[code]
    assert measurement.device == "CPU (2 threads)"


async def test_no_text_of_an_option_reaches_a_shell(tmp_path):
    code = "print(json.dumps(sys.argv[1:])); print(len(sys.argv))"
    measurement = await ran(tmp_path, code, "{text}", "--momentum", "{momentum}", "{config}")
    assert measurement.value == 3
    assert json.loads(read_log(tmp_path / "evaluation").splitlines()[0])[0] == CONFIG["text"]
    assert not list(tmp_path.rglob("evil"))


async def test_lines_of_json_are_epochs_and_the_last_one_is_the_result(tmp_path):
    told = []
    code = (
        "for n in range(3): print(json.dumps({'epoch': n, 'epochs': 3, 'accuracy': 50 + n, 'loss': 1.0}), flush=True)"
    )
    measurement = await ran(tmp_path, code, told=told)
    assert (measurement.value, measurement.curve, measurement.metrics) == (52, (50, 51, 52), {"loss": 1.0})
    assert [(epoch.epoch, epoch.epochs, epoch.value) for epoch in told] == [(0, 3, 50), (1, 3, 51), (2, 3, 52)]


FAILURES = {
    "sys.exit(3)": ("raised", "the command ended with code 3"),
    "raise ValueError('odd')": ("raised", "the command ended with code 1: "),
    "os.kill(os.getpid(), 11)": ("crashed", "the command was ended by signal 11 (Segmentation fault)"),
    "print('nothing')": ("raised", "the command gave no result: have it print a number or a JSON object as its last"),
    "print(json.dumps({'loss': 0.5}))": ("raised", "the evaluator gave no accuracy, it gave loss: return it by this"),
    "print(float('nan'))": ("diverged", "the evaluation diverged: accuracy is nan"),
    'print(\'{"epoch": 1, "accuracy": NaN}\', flush=True); time.sleep(3000)': (
        "diverged",
        "the evaluation diverged: accuracy is nan in epoch 1",
    ),
    "os.mkdir(os.environ['GENIUS_RESULT'])": ("raised", "/"),
    "open(os.environ['GENIUS_RESULT'], 'w').write('bad')": (
        "raised",
        "the file that GENIUS_RESULT names holds neither",
    ),
}


@pytest.mark.parametrize("code", FAILURES)
async def test_a_command_that_fails_is_a_measurement_with_its_reason(tmp_path, code):
    measurement = await ran(tmp_path, code)
    failure, words = FAILURES[code]
    assert (measurement.value, measurement.failure) == (None, failure)
    assert measurement.error.startswith(words)
    if "odd" in code:
        assert measurement.error.endswith("ValueError: odd")


async def test_all_that_is_printed_is_the_log_and_a_gigabyte_is_bounded(tmp_path):
    code = "print('out'); print('err', file=sys.stderr, flush=True)\nwhile True: print('x' * 1_000_000)"
    measurement = await ran(tmp_path, code)
    assert measurement.failure == "too much output"
    assert measurement.error == "evaluation wrote more than 100.0 MB into log.txt: print and report less"
    log = (tmp_path / "evaluation" / "log.txt").read_bytes()
    assert len(log) < 3_000_000
    assert b"err" in log


async def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    code = "subprocess.run([sys.executable, '-c', 'import time; time.sleep(3000)'])"
    measurement = await ran(tmp_path, code, limits={"deadline": 4.0})
    assert measurement.error == "evaluation took longer than 4 s (no epoch ended)"
    await asyncio.to_thread(wait_until, lambda: not descendants("time.sleep(3000)"))


async def test_output_that_others_hold_open_is_not_waited_for(tmp_path):
    code = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3000)']); print(4)"
    assert (await ran(tmp_path, code)).value == 4
    await asyncio.to_thread(wait_until, lambda: not descendants("time.sleep(3000)"))


async def test_a_command_that_is_killed_goes_on_in_its_folder(tmp_path):
    told = []
    code = """
saved = os.path.join(os.environ["GENIUS_FOLDER"], "count")
done = int(open(saved).read()) if os.path.exists(saved) else 0
for epoch in range(done, 6):
    print(json.dumps({"epoch": epoch, "accuracy": epoch}), flush=True)
    open(saved, "w").write(str(epoch + 1))
    time.sleep(0.2)
"""
    async with LocalWorkers([Place()], ahead=None) as workers:
        evaluation = asyncio.create_task(workers.train(job(tmp_path, code), on_epoch=told.append))
        await asyncio.to_thread(wait_until, lambda: len(told) > 1)
        for pid in descendants("script.py"):
            os.kill(pid, signal.SIGKILL)
        measurement = await evaluation
    assert (measurement.error, measurement.curve) == (None, (0, 1, 2, 3, 4, 5))
    assert len(read_epochs(tmp_path / "evaluation" / "epochs.jsonl")) == 6
    assert [epoch.epoch for epoch in told].count(0) == 1


async def test_a_command_that_cannot_be_run_ends_the_search(tmp_path):
    script = tmp_path / "train.sh"
    script.write_text("echo 1\n")
    script.chmod(0o755)
    for words, why in (
        (("./train.sh",), "begin it with its interpreter"),
        (("./none.sh",), "there is no such program"),
    ):
        with pytest.raises(RunFailed, match=f"^the command .* cannot be run.*: {why}"):
            await ran(tmp_path, "", command=words)


def test_a_space_in_a_file_and_a_script_are_enough_and_go_on_from_elsewhere(tmp_path, command_line):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "space.yaml").write_text("decisions:\n  width: [8, 16]\n  lr: {range: [0.001, 0.1], log: true}\n")
    (home / "train.sh").write_text('#!/bin/sh\nread lr < data\necho "{\\"error\\": 0.$1}"\n')
    (home / "train.sh").chmod(0o755)
    (home / "data").write_text("1\n")
    asked = ("--command", "./train.sh {width}", "--objective", "error:lower", "--proposer", "random", "--json")
    begun = command_line("search", "space.yaml", *asked, "--iterations", 2, "--run", "run", folder=home)
    assert begun.returncode == 0, begun.stderr
    assert json.loads(begun.stdout)["best"]["value"] in (0.8, 0.16)
    resumed = command_line("resume", home / "run", "--iterations", 4, "--json", folder=elsewhere)
    assert resumed.returncode == 0, resumed.stderr
    lines = [json.loads(line) for line in (home / "run" / "candidates.jsonl").read_text().splitlines()]
    assert [line["error"] for line in lines] == [None] * 4
    settings = home / "run" / "search.json"
    settings.write_text(settings.read_text().replace("./train.sh", "/bin/train.sh"))  # as a stranger's may be
    stranger = command_line("resume", "run", "--iterations", 5, folder=home)
    assert "the command '/bin/train.sh {width}', and what a file alone names is neither" in stranger.stderr
    refused = command_line("search", "space.yaml", "--command", "./x {nope}", "--proposer", "random", folder=home)
    assert (refused.returncode, "no value for {nope}" in refused.stderr) == (2, True)
    both = command_line(
        "search", "space.yaml", "--command", "a", "--evaluator", "m:f", "--proposer", "random", folder=home
    )
    assert "a command and an evaluator exclude each other" in both.stderr
