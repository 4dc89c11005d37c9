"""One contract for every proposer: by its name and as an object, in a search and in a bench."""

import genius
import pytest
from genius import Candidate, Measurement, Region
from genius.agents.baselines import PROPOSERS
from genius.agents.proposer import asked
from genius.bench.trial import check_proposer
from genius.tools.replies import read_reply

from . import mine

SPACE = mine.SPACE
OWN = {"mine:propose": mine.propose, "mine:propose_later": mine.propose_later, "mine:seeded": mine.seeded}
EVERY_PROPOSER = pytest.mark.parametrize("name", [*PROPOSERS, *OWN, "tiny-proposer"])


async def proposed(name, history, seed=(3, 1)):
    reply = await asked(PROPOSERS.find(name)(Region(SPACE), seed), [], history)
    return read_reply(reply if isinstance(reply, str) else reply.text, SPACE).architecture


@EVERY_PROPOSER
async def test_it_proposes_new_architectures_and_is_a_function_of_history_and_seed(name):
    history = []
    for iteration in range(1, 5):
        architecture = await proposed(name, history)
        assert SPACE.check(architecture) == await proposed(name, history)
        measurement = Measurement(mine.evaluate(architecture))
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
            "mine:SPACE", proposer=proposer, evaluator=mine.evaluate, iterations=3, run=tmp_path / which, seed=3
        )
        found[which] = [candidate.architecture for candidate in result.trials[0].candidates]
        assert ("proposer" in result.settings.run.custom) == (which == "object")
    assert found["name"] == found["object"]


@pytest.mark.parametrize("proposer", ["mine:takes_three", mine.takes_three])
async def test_a_function_of_other_arguments_is_refused_with_what_to_do(proposer, tmp_path):
    expected = r"takes_three takes \(one.*: a proposer takes \(prompt, history\); .* @genius.seeded"
    with pytest.raises(genius.GeniusError, match=expected):
        await genius.search(
            "mine:SPACE", proposer=proposer, evaluator=mine.evaluate, iterations=1, run=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()
