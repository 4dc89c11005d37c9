"""One contract for every proposer: by its name and as an object, in a search and in a bench."""

import json
import shutil

import genius
import pytest
from genius import Candidate, Measurement, Region
from genius.agents.baselines import PROPOSERS
from genius.agents.proposer import asked
from genius.bench.bench import bench
from genius.bench.entrants import check_proposer
from genius.bench.plan import TRIALS_FILE
from genius.bench.task import Task, load_task
from genius.bench.trial import TRIAL
from genius.graph.trust import going_on
from genius.record.lines import read_lines
from genius.tools.replies import read_reply

from ..no_model import BASELINES
from . import mine, scores

SPACE = mine.SPACE
OWN = {"mine:propose": mine.propose, "mine:propose_later": mine.propose_later, "mine:seeded": mine.seeded}
EVERY_PROPOSER = pytest.mark.parametrize("name", [*BASELINES, *OWN, "tiny-proposer"])


async def proposed(name, history, seed=(3, 1)):
    reply = await asked(PROPOSERS.find(name)(Region(SPACE), seed), [], history)
    return read_reply(reply if isinstance(reply, str) else reply.text, SPACE).architecture


@EVERY_PROPOSER
async def test_it_proposes_new_architectures_and_is_a_function_of_history_and_seed(name):
    history = []
    for iteration in range(1, 5):
        architecture = await proposed(name, history)
        assert SPACE.check(architecture) == await proposed(name, history)
        measurement = Measurement(scores.evaluate(architecture))
        history.append(Candidate(1, iteration, architecture=architecture, measurement=measurement))
    assert len({candidate.architecture for candidate in history}) == 4


@EVERY_PROPOSER
def test_a_bench_takes_it(name):
    check_proposer(name)


@pytest.mark.parametrize("name", OWN)
async def test_it_is_the_same_search_by_its_name_and_as_an_object(name, tmp_path):
    found = {}
    for which, proposer in (("name", name), ("object", OWN[name])):
        result = await genius.search(
            "mine:SPACE", proposer=proposer, evaluator=scores.evaluate, iterations=3, run=tmp_path / which, seed=3
        )
        found[which] = [candidate.architecture for candidate in result.trials[0].candidates]
        assert ("proposer" in result.settings.run.custom) == (which == "object")
    assert found["name"] == found["object"]


@pytest.mark.parametrize("proposer", ["mine:takes_three", mine.takes_three])
async def test_a_function_of_other_arguments_is_refused_with_what_to_do(proposer, tmp_path):
    expected = r"takes_three takes \(one.*: a proposer takes \(prompt, history\); .* @genius.seeded"
    with pytest.raises(genius.GeniusError, match=expected):
        await genius.search(
            "mine:SPACE", proposer=proposer, evaluator=scores.evaluate, iterations=1, run=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


async def test_a_run_goes_on_by_the_names_that_its_command_prints(tmp_path, monkeypatch):
    run = tmp_path / "run"
    asked = {"proposer": "mine:propose", "evaluator": "scores:evaluate"}
    await genius.search("mine:SPACE", iterations=2, run=run, **asked)
    assert going_on(run) == f"genius resume {run}"
    copy = shutil.copytree(run, tmp_path / "copy")
    expected = f"genius resume {copy} --space mine:SPACE --proposer mine:propose --evaluator scores:evaluate"
    assert going_on(copy) == expected
    with pytest.raises(genius.GeniusError, match="names the module 'mine:SPACE', the module 'mine:propose'"):
        await genius.resume(copy, iterations=4)
    for folder, allowed in ((copy, {"space": "mine:SPACE", **asked}), (run, {})):
        result = await genius.resume(folder, iterations=4, **allowed)
        assert going_on(folder) == f"genius resume {folder}"
        assert [candidate.architecture for candidate in result.trials[0].candidates][:3] == [(0, 0), (0, 1), (1, 0)]


async def test_a_bench_runs_the_plain_function_and_the_one_that_is_made(tmp_path):
    keys = [SPACE.key(architecture) for architecture in SPACE.architectures()]
    (tmp_path / "own.json").write_text(json.dumps({key: 50.0 + at for at, key in enumerate(keys)}))
    found = await bench(
        ["mine:SPACE"],
        proposers=["mine:propose", "mine:seeded"],
        tables={"mine:SPACE": tmp_path / "own.json"},
        seeds=2,
        iterations=[3],
        out=tmp_path / "bench",
        processes=1,
    )
    tried = {
        (trial.proposer, trial.seed): trial.architectures
        for trial in map(TRIAL.read, read_lines(tmp_path / "bench" / TRIALS_FILE))
    }
    assert tried["mine:propose", 0] == tried["mine:propose", 1] == ((0, 0), (0, 1), (1, 0))
    assert tried["mine:seeded", 1] == ((0, 1), (1, 0), (1, 1))
    assert len(found.rows) == 2


async def test_a_function_that_makes_a_proposer_and_is_not_marked_is_told_of(tmp_path):
    def factory(region, seed):
        return mine.propose

    with pytest.raises(genius.RunFailed, match=r"got function; .* is marked by @genius\.seeded"):
        await genius.search(
            "mine:SPACE", proposer=factory, evaluator=scores.evaluate, iterations=1, run=tmp_path / "run"
        )


def test_a_bench_of_a_space_without_a_table_says_why(tmp_path):
    with pytest.raises(genius.GeniusError, match=r"grey has no table; .* which an evaluator alone does not tell"):
        load_task(Task("mine:GREY"), tmp_path)
