"""Recorded starts: any proposer tries them first, and a file of them is a stranger's."""

import json

import genius
import pytest
from genius.bench.bench import bench
from genius.bench.entrants import check_proposer
from genius.bench.plan import TRIALS_FILE, read_trials
from genius.bench.starts import starts_for
from genius.bench.task import Task, capped
from genius.bench.trial import run_trial

from .conftest import NAME

pytestmark = pytest.mark.usefixtures("in_this_process")


def starts_file(folder, *starts, name="starts.json", **more):
    path = folder / name
    listed = [{"space": space, "flops_cap": cap, "architecture": found} for space, cap, found in starts]
    path.write_text(json.dumps({"what": "some", "starts": listed} | more))
    return path


async def run_toy(toy, out, proposers, **options):
    asked = {"seeds": 2, "iterations": [4], "tables": {NAME: toy}, "processes": 1} | options
    return await bench([NAME], proposers=proposers, out=out, **asked)


@pytest.mark.parametrize(
    "name", ["random", "largest", "guided", "evolution", "own_space:in_order", "simulated:0.3", "hybrid"]
)
async def test_every_proposer_begins_with_the_starts_of_its_task(toy, tmp_path, name):
    file = starts_file(tmp_path, ("toy", None, [1, 1]), ("toy", None, [0, 1]), ("toy", "70%", [1, 0]))
    trial = await run_trial(Task(NAME, table=toy), f"{name}+starts:{file}", 0, 4, tmp_path)
    assert trial.architectures[:2] == ((1, 1), (0, 1)) == trial.starts
    assert len(set(trial.architectures)) == 4
    within = await run_trial(capped(Task(NAME, table=toy), 0.7), f"{name}+starts:{file}", 0, 3, tmp_path)
    assert within.architectures[0] == (1, 0)


async def test_a_hybrid_with_a_model_tries_the_recorded_ones_before_the_model_s(toy, tmp_path):
    file = starts_file(tmp_path, (NAME, None, [0, 2]), (NAME, None, [1, 0]))
    trial = await run_trial(Task(NAME, table=toy), f"hybrid:simulated:0.9+starts:{file}", 0, 4, tmp_path)
    assert trial.architectures[:2] == ((0, 2), (1, 0))
    plain = await run_trial(Task(NAME, table=toy), "hybrid:simulated:0.9", 0, 4, tmp_path)
    assert plain.architectures[0] != (0, 2)


async def test_a_disguised_model_tries_the_real_starts(toy, tmp_path, openai_server):
    openai_server.answer = lambda call: openai_server.says("Architecture: [0, 0]")
    file = starts_file(tmp_path, (NAME, None, [2, 0]), (NAME, None, [0, 1]))
    name = f"llm:openai:m@{openai_server.url}+disguise+starts:{file}"
    trial = await run_trial(Task(NAME, table=toy), name, 3, 2, tmp_path)
    assert trial.architectures == ((2, 0), (0, 1))
    assert not openai_server.calls


async def test_the_first_three_are_used_and_a_task_without_any_is_told(toy, tmp_path):
    four = [("toy", None, [0, 0]), ("toy", None, [0, 1]), ("toy", None, [0, 2]), ("toy", None, [1, 0])]
    file = starts_file(tmp_path, *four)
    found = await run_toy(toy, tmp_path / "b", [f"largest+starts:{file}", "largest"], flops_caps=[0.7])
    trials = read_trials(tmp_path / "b")
    assert {len(trial.starts) for trial in trials if trial.pool == "all"} == {0, 3}
    assert f"{file} holds no starts for {NAME} ≤70% FLOPs: there the proposers with it go without." in found.notes
    assert f"Of the starts in {file} the first 3 are used: there are more for {NAME} (4)." in found.notes
    without = [trial.architectures for trial in trials if trial.pool != "all" and trial.seed == 0]
    assert without[0] == without[1]


async def test_trials_with_other_starts_are_not_gone_on_with(toy, tmp_path):
    file = starts_file(tmp_path, ("toy", None, [0, 0]))
    await run_toy(toy, tmp_path / "b", [f"random+starts:{file}"])
    made = (tmp_path / "b" / TRIALS_FILE).read_text()
    await run_toy(toy, tmp_path / "b", [f"random+starts:{file}"])
    assert (tmp_path / "b" / TRIALS_FILE).read_text() == made
    starts_file(tmp_path, ("toy", None, [1, 1]))
    with pytest.raises(genius.GeniusError, match=r"made with other starts for own_space:SPACE than .* name another"):
        await run_toy(toy, tmp_path / "b", [f"random+starts:{file}"])


def test_values_name_a_start_of_a_space_by_value(toy, tmp_path, monkeypatch):
    (tmp_path / "valued_space.py").write_text(
        "import genius\nSPACE = genius.SearchSpace('valued', (genius.Decision('lr', (0.1, 0.2)),"
        " genius.Decision('act', ('relu', 'tanh'))))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    space = genius.get_space("valued_space:SPACE")
    rows = {space.key(architecture): {"value": sum(architecture)} for architecture in space.architectures()}
    (tmp_path / "t.json").write_text(json.dumps(rows))
    task = Task("valued_space:SPACE", table=tmp_path / "t.json")
    file = starts_file(tmp_path, ("valued", None, {"lr": 0.2, "act": "tanh"}), ("valued", None, [0, 1]))
    assert starts_for(file, task, tmp_path) == ((1, 1), (0, 1))


def test_the_recorded_starts_can_be_read(tables):
    file = tables.parent / "starts.json"
    task = capped(Task("nas-bench-201-cifar10"), 0.5)
    assert starts_for(file, task, tables) == ((3, 2, 2, 1, 2, 3), (3, 2, 2, 1, 3, 2))
    assert starts_for(file, capped(Task("nas-bench-macro"), 0.5), tables) == ()


@pytest.mark.parametrize(
    ("start", "error"),
    [
        (("toy", None, [0]), r"start 1 of .*starts.json, for own_space:SPACE: expected 2 numbers, got 1: \[0\]"),
        (("toy", None, [0, 9]), "b takes a number from 0 to 2, got 9"),
        (("toy", None, {"a": 1}), "start 1 of"),
        (("toy", "70%", [2, 2]), r"\[2, 2\] is not among the 6 architectures of it"),
    ],
)
async def test_a_start_that_its_task_does_not_have_is_named_before_anything_is_made(toy, tmp_path, start, error):
    file = starts_file(tmp_path, start)
    with pytest.raises(genius.GeniusError, match=error):
        await run_toy(toy, tmp_path / "b", [f"random+starts:{file}"], flops_caps=[0.7])
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", "cannot be read"),
        ("[]", "a record must be an object, got the list"),
        ('{"starts": {}}', "starts must be a list"),
        ('{"starts": [{"space": "toy"}]}', "starts.0.architecture is missing"),
        ('{"starts": [{"space": "toy", "architecture": [true]}]}', "starts.0.architecture"),
        ('{"starts": [{"space": "toy", "architecture": [-1]}]}', "starts.0.architecture"),
        ('{"starts": [{"space": "toy", "architecture": [1, 1], "flops_cap": "half"}]}', "a FLOPs cap is a percentage"),
        ('{"starts": [{"space": "toy", "architecture": [1, 1], "flops_cap": 0.5}]}', "starts.0.flops_cap must be text"),
        (
            '{"starts": [{"space": "toy", "architecture": [1, 1], "run": "rm"}]}',
            "fields of another version: starts.0.r",
        ),
        ('{"starts": [], "extra": 1}', "fields of another version: extra"),
        ('{"starts": []}' + " " * 1_000_001, "more than 1,000,000 bytes"),
        ("[" * 5_000, "nested too deeply"),
    ],
)
def test_a_file_of_a_stranger_is_refused_in_a_sentence(tmp_path, content, error):
    (tmp_path / "starts.json").write_text(content)
    with pytest.raises(genius.GeniusError, match=error) as refused:
        check_proposer(f"random+starts:{tmp_path / 'starts.json'}")
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("the file of starts ")


def test_a_file_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(genius.GeniusError, match=r"the file of starts .* is not there, or no file"):
            check_proposer(f"random+starts:{path}")
