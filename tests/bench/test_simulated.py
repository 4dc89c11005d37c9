"""Simulated models: as right as they are asked to be, functions of their arguments, and with the habits they name."""

import asyncio
import json

import genius
import numpy as np
import pytest
from genius.agents.advice import advise
from genius.agents.proposer import PROPOSAL, Form, Thinking
from genius.agents.reflector import write_prompt
from genius.bench.entrants import check_proposer
from genius.bench.judgement import factored, judged, kendall
from genius.bench.simulated import read_simulated, simulated
from genius.bench.stated import stated
from genius.bench.task import Task, capped, load_task
from genius.bench.trial import run_trial
from genius.record.candidate import Candidate
from genius.record.history import History
from genius.record.measurement import Measurement
from genius.spaces.region import Region
from genius.tools.replies import read_reply

TABLES = (
    "nas-bench-macro",
    "channel-bench-resnet",
    "channel-bench-mobilenet",
    "nas-bench-201-cifar10",
    "nas-bench-201-cifar100",
    "nas-bench-201-imagenet16-120",
)
TAUS = (-0.5, 0.0, 0.3, 0.6, 0.9)


def opened(tables, cap=None, name="nas-bench-macro"):
    task = Task(name) if cap is None else capped(Task(name), cap)
    space, table = load_task(task, tables)
    return Region(space, task.limits), table


def said(model, prompt=(), history=(), form=PROPOSAL):
    return asyncio.run(model.think(prompt, history, form)).text


def proposed(model, region, prompt=(), history=()):
    return read_reply(said(model, prompt, history), region.space).architecture


def searched(model, region, table, count):
    """Return the architectures of a search by the model alone."""
    candidates = []
    for iteration in range(1, count + 1):
        found = proposed(model, region, (), History.of(candidates))
        candidates.append(Candidate(1, iteration, architecture=found, measurement=table.measure(found)))
    return [candidate.architecture for candidate in candidates]


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("cap", [None, 0.5, 0.3])
@pytest.mark.parametrize("name", TABLES)
def test_a_judgement_has_the_correlation_that_is_asked_for_on_every_table(tables, name, cap, tau):
    _, table = opened(tables, cap, name)
    for seed in range(2):
        assert kendall(judged(table, tau, (seed, 1)), table.utilities) == pytest.approx(tau, abs=0.05)


def test_seeds_err_differently_and_a_seed_always_alike(tables):
    _, table = opened(tables, 0.5)
    one, again, other = (judged(table, 0.3, seed) for seed in ((1, 1), (1, 1), (2, 1)))
    assert (one == again).all()
    assert abs(kendall(one, other)) < 0.9


def test_better_models_begin_better(tables):
    _, table = opened(tables, 0.3)
    first = [[table.function_ranks[judged(table, tau, (seed, 1)).argmax()] for seed in range(8)] for tau in TAUS]
    means = [np.mean(ranks) for ranks in first]
    assert means == sorted(means, reverse=True)


def test_the_effects_of_a_whole_space_are_mean_differences(tables):
    _, table = opened(tables)
    known = factored(table)
    at = known.options[:, 2] == 1
    assert known.known[2][1] == pytest.approx(known.ranking[at].mean() - known.ranking.mean(), abs=2e-3)


def test_a_model_is_a_function_of_prompt_history_and_seed(tables):
    region, table = opened(tables, 0.3)
    made = [simulated(region, table, "simulated:0.3", (seed, 1)) for seed in (4, 4, 5)]
    assert all(isinstance(model, Thinking) for model in made)
    one, again, other = (searched(model, region, table, 6) for model in made)
    assert one == again
    assert one != other
    history = [Candidate(1, 1, architecture=one[0], measurement=table.measure(one[0]))]
    assert proposed(made[0], region, (), history) == one[1]  # without what it was asked before


def test_its_own_picks_change_one_decision_of_the_best_and_never_repeat(tables):
    region, table = opened(tables, 0.5)
    changes = []
    for seed in range(8):
        found = searched(simulated(region, table, "simulated:0.3", (seed, 1)), region, table, 10)
        assert len({region.space.identity(each) for each in found}) == 10
        assert all(table.place(each) is not None for each in found)
        for at in range(1, 10):
            best = max(found[:at], key=lambda each: table.measure(each).value)
            changes.append(sum(a != b for a, b in zip(found[at], best, strict=True)))
    assert set(changes) == {1, 2}
    assert 0.8 < changes.count(1) / len(changes) < 1


def test_what_was_refused_is_not_proposed_again(tables):
    region, table = opened(tables)
    model = simulated(region, table, "simulated:0.6", (0, 1))
    first = proposed(model, region)
    refused = [{"role": "assistant", "content": f"Architecture: {list(first)}"}, {"role": "user", "content": "No."}]
    assert proposed(model, region, refused) not in (None, first)


def test_one_that_obeys_takes_the_first_of_a_shortlist(tables):
    region, table = opened(tables, 0.5)
    model = simulated(region, table, "simulated:0:obeys", (0, 1))
    advice = advise(region, History.of([]), (0, 1))
    prompt = write_prompt(region, History.of([]), advice=advice)
    assert proposed(model, region, prompt) == advice.shortlist[0].architecture
    assert proposed(model, region) == proposed(simulated(region, table, "simulated:0", (0, 1)), region)


def test_an_adversary_reverses_all_that_it_says(tables):
    region, table = opened(tables, 0.3)
    good, bad = (simulated(region, table, name, (0, 1)) for name in ("simulated:0.9", "simulated:0.9:adversarial"))
    assert table.measure(proposed(bad, region)).rank > len(table) / 2 > table.measure(proposed(good, region)).rank
    beliefs = [json.loads(said(model, form=Form("beliefs"))) for model in (good, bad)]
    scores = [{(one["decision"], one["option"]): one["score"] for one in each["options"]} for each in beliefs]
    assert scores[1] == {place: -score for place, score in scores[0].items()}


def test_beliefs_are_those_of_the_judgement(tables):
    region, table = opened(tables, 0.5)
    scores = judged(table, 0.9, (0, 1))
    found = stated(region.space, table, scores)
    assert len(found.starts) == 3
    assert found.starts[0] == table.architectures[scores.argmax()]
    assert all(table.place(start) is not None for start in found.starts)
    assert max(abs(belief.score) for belief in found.options) == 2
    by_option = {(belief.decision, belief.option): belief.score for belief in found.options}
    added = [sum(by_option.get(place, 0) for place in enumerate(a)) for a in table.architectures]
    assert kendall(np.array(added), scores) > 0.6
    assert 0 < len(found.pairs) <= 8
    assert {belief.cost: belief.score > 0 for belief in found.costs}["flops"]


def test_notes_and_principles_are_answered(tables):
    region, table = opened(tables, 0.3)
    model = simulated(region, table, "simulated:0.3", (0, 1))
    assert all(said(model, form=Form(name)) for name in ("notebook", "principles"))


async def test_a_trial_spends_no_token(tables):
    trial = await run_trial(capped(Task("nas-bench-macro"), 0.3), "simulated:0.6+advice", 0, 3, tables)
    assert len(set(trial.architectures)) == 3
    assert (trial.input_tokens, trial.output_tokens, trial.llm_calls) == (0, 0, 0)


async def test_when_all_is_tried_it_says_so(toy, tmp_path):
    trial = await run_trial(Task("own_space:SPACE", table=toy), "simulated:0.3", 0, 12, tmp_path)
    assert len(set(trial.architectures) - {None}) == 9
    assert trial.architectures[-1] is None


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("simulated:", "TAU is a number from -1 to 1, as in simulated:0.6, got ''"),
        ("simulated:much", "got 'much'"),
        ("simulated:1.5", "got '1.5'"),
        ("simulated:nan", "got 'nan'"),
        ("simulated:0.6:lazy", "the habit of a simulated model is obeys, adversarial, or left out, got 'lazy'"),
        ("simulated:0.6:", "got ''"),
        ("simulated:0.6+disguise", "a simulated model reads no names, so that a disguise changes nothing"),
    ],
)
def test_a_wrong_name_gets_a_sentence(name, error):
    with pytest.raises(genius.GeniusError, match=error):
        check_proposer(name)


def test_names_are_read():
    assert read_simulated("simulated:-0.5") == (-0.5, "own")
    assert read_simulated("simulated:.6:obeys") == (0.6, "obeys")
    for name in ("simulated:1", "simulated:0.6:obeys+advice", "simulated:-1:adversarial"):
        check_proposer(name)


def test_a_measurement_that_failed_is_no_best(tables):
    region, table = opened(tables, 0.3)
    model = simulated(region, table, "simulated:0.3", (0, 1))
    failed = [Candidate(1, 1, architecture=table.architectures[0], measurement=Measurement(error="it broke"))]
    assert proposed(model, region, (), failed) == proposed(model, region)
