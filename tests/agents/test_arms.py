"""The choice among the offers of several arms, and the proposers of other libraries."""

import sys
from collections import Counter

import genius
import numpy as np
import pytest
from genius.agents.arms import ARMS, GUIDES, START, choose_offer, credits_of, goes_by_beliefs, open_arms, shares
from genius.agents.baselines import PROPOSERS
from genius.agents.cma_es import Coding
from genius.agents.proposer import asked
from genius.guide.outlook import fit_outlook
from genius.record.candidate import Candidate, Message, Offer
from genius.record.goal import Goal
from genius.record.history import History
from genius.record.measurement import Measurement
from genius.record.notebook import Beliefs, OptionBelief
from genius.spaces import get_space
from genius.spaces.mapping import space_of
from genius.tools.replies import read_reply

from ..spaces.rules import chain

OUTSIDE = ("cma-es", "optuna-tpe", "optuna-gp", "optuna-nsgaii")
SPACE = chain(layers=5)
REGION = genius.Region(SPACE)


def offers(*probabilities):
    return [Offer(f"arm {at}", (at,) * 5, probability) for at, probability in enumerate(probabilities)]


def tried(iteration, value, offered=(), architecture=None):
    architecture = offered[0].architecture if offered else architecture
    return Candidate(1, iteration, architecture=architecture, measurement=Measurement(value), offers=tuple(offered))


def test_an_arm_is_drawn_in_proportion_to_its_promise_and_never_below_its_floor():
    given = offers(0.6, 0.3, 0.0)
    expected = shares(given, credits_of([], [offer.arm for offer in given]))
    assert expected.sum() == pytest.approx(1)
    assert expected[2] == pytest.approx(0.1 / 3)
    assert (expected[0] - expected[2]) == pytest.approx(2 * (expected[1] - expected[2]))
    drawn = Counter(choose_offer(given, [], (seed, 1)) for seed in range(400))
    assert [drawn[at] / 400 for at in range(3)] == pytest.approx(expected, abs=0.06)


def by_arm(probabilities, belief):
    given = [Offer(arm, (at,) * 5, probability) for at, (arm, probability) in enumerate(probabilities.items())]
    return dict(zip(probabilities, shares(given, dict.fromkeys(probabilities, 1.0), belief).tolist(), strict=True))


def test_the_arms_that_go_by_beliefs_get_as_many_iterations_as_these_are_probable():
    promised = {"model": 0.6, "guided": 0.3, "guided-without-beliefs": 0.01}
    even = 0.1 / 3
    found = by_arm(promised, 0.25)
    assert found["guided-without-beliefs"] == pytest.approx(even + 0.9 * 0.75)
    assert found["model"] - even == pytest.approx(2 * (found["guided"] - even))
    # where nothing was believed a promise counts wherever it comes from
    alike = by_arm(promised, None)
    assert alike["model"] - even == pytest.approx(60 * (alike["guided-without-beliefs"] - even))


def test_a_model_whose_beliefs_are_refuted_keeps_its_floor_whatever_its_offer_promises():
    found = by_arm({"model": 1.0, "guided": 1.0, "guided-without-beliefs": 0.0}, 0.0)
    assert found["model"] == found["guided"] == pytest.approx(0.1 / 3)
    one_side = by_arm({"model": 0.4, "guided": 0.4}, 0.0)
    assert one_side["model"] == one_side["guided"] == pytest.approx(0.5)


def test_the_model_s_starts_and_own_picks_go_by_its_beliefs_and_other_proposers_do_not():
    assert [arm for arm in (*ARMS, START, "centaur", "random", "cma-es", "mine:propose") if goes_by_beliefs(arm)] == [
        "model",
        "guided",
        START,
        "centaur",
    ]


def test_the_evidence_tells_right_beliefs_from_wrong_ones():
    history = [tried(1 + at, value_of(a), architecture=a) for at, a in enumerate(CONTRASTS)]
    believed = {score: Beliefs(options=tuple(OptionBelief(at, 1, score) for at in range(5))) for score in (2.0, -2.0)}
    found = {
        score: fit_outlook(REGION, History.of(history, Goal(), beliefs), np.random.default_rng(0))
        for score, beliefs in believed.items()
    }
    assert found[2.0].belief > 0.5 > 0.2 > found[-2.0].belief
    assert fit_outlook(REGION, history, np.random.default_rng(0)).belief is None


CONTRASTS = [(1, 1, 0, 1, 1), (0, 2, 1, 0, 2), (2, 1, 2, 1, 0), (0, 0, 2, 1, 1), (1, 0, 1, 2, 2), (2, 2, 0, 0, 1)]


def test_until_something_was_measured_the_arms_take_turns():
    given = offers(None, None, None)
    history = [Candidate(1, at) for at in range(1, 5)]
    assert [choose_offer(given, history[:made], (0,)) for made in range(4)] == [0, 1, 2, 0]
    assert choose_offer(given, [], (0,), refused=1) == 1


def test_an_arm_that_promises_and_does_not_improve_loses_credit_and_one_that_does_gains_it():
    history = [tried(1, 60.0, architecture=(0,) * 5)]
    for iteration in range(2, 8):
        value, arm = (60.0 - iteration, "guided") if iteration % 2 else (60.0 + iteration, "model")
        history.append(tried(iteration, value, [Offer(arm, (iteration % 3, iteration // 3, 0, 0, 1), 0.5)]))
    credits = credits_of(history, [*ARMS, START])
    assert credits["guided"] == pytest.approx(1 / (1 + 1.5))
    assert credits["guided-without-beliefs"] == 1
    assert credits["model"] == credits[START] == pytest.approx(3 / (1 + 1.5))
    alike = [Offer("guided", (2,) * 5, 0.5), Offer("model", (2, 2, 2, 2, 1), 0.5)]
    assert shares(alike, credits)[1] > 2 * shares(alike, credits)[0]


def test_beside_a_guide_an_arm_earns_its_credit_and_the_model_by_its_start():
    first = tried(1, 60.0, [Offer("guided-without-beliefs", (0,) * 5)])
    assert credits_of([first], ["model", "guided"]) == {"model": 0, "guided": 1}
    assert credits_of([first], ["model", "random"]) == {"model": 1, "random": 1}
    for value, made in ((61.0, 1), (59.0, 0)):
        started = [first, tried(2, value, [Offer(START, (1,) * 5, 0.25)])]
        assert credits_of(started, ["model", "guided"]) == {"model": made / 1.25, "guided": 1}


def test_an_offer_that_another_arm_made_too_counts_for_both_and_one_in_flight_for_none():
    same = [Offer("guided", (1,) * 5, 0.5), Offer("model", (1,) * 5, 0.5), Offer("random", (2,) * 5, 0.5)]
    first = tried(1, 60.0, architecture=(0,) * 5)
    arms = [offer.arm for offer in same]
    assert credits_of([first, tried(2, 61.0, same)], arms) == {"guided": 2 / 1.5, "model": 1 / 1.5, "random": 0}
    pending = Candidate(1, 2, architecture=(1,) * 5, offers=tuple(same))
    assert credits_of([first, pending], arms) == {"guided": 1, "model": 0, "random": 0}


def test_the_arms_of_a_search_without_a_model_are_the_guides():
    assert list(open_arms((), REGION, (0, 1))) == [*GUIDES]
    for name in ("model", "centaur"):
        with pytest.raises(genius.GeniusError, match=f"the arm '{name}' asks a language model: name one with --llm"):
            open_arms([name], REGION, (0, 1))
    with pytest.raises(genius.GeniusError, match=f"the arm '{START}' is in every hybrid search"):
        open_arms([START], REGION, (0, 1))


def value_of(architecture):
    return 50.0 + sum((at + 1) * (2 - abs(option - 1)) for at, option in enumerate(architecture))


async def proposed(name, region, history, prompt=(), seed=(3, 1)):
    reply = await asked(PROPOSERS.find(name)(region, seed), prompt, history)
    return read_reply(reply if isinstance(reply, str) else reply.text, region.space).architecture


async def searched(name, region, iterations, seed=(3, 1), value=value_of, goal=None):
    history = []
    for iteration in range(1, iterations + 1):
        architecture = await proposed(name, region, History.of(history, goal or Goal()), seed=seed)
        if architecture is None:
            break
        history.append(Candidate(1, iteration, architecture=architecture, measurement=Measurement(value(architecture))))
    return history


@pytest.mark.parametrize("name", OUTSIDE)
async def test_what_others_propose_is_new_allowed_and_a_function_of_history_and_seed(name):
    region = genius.Region(SPACE, genius.Limits(flops=(700.0, 1_200.0)))
    once, again = [await searched(name, region, 12) for _ in range(2)]
    assert once == again
    architectures = [candidate.architecture for candidate in once]
    assert len(set(architectures)) == 12
    assert region.allows(architectures).all()
    assert architectures != [c.architecture for c in await searched(name, region, 12, seed=(4, 1))]


@pytest.mark.parametrize("name", ["cma-es", "optuna-tpe"])
async def test_what_others_propose_learns_and_the_objective_may_be_lower(name):
    losses = Goal((genius.Objective("loss", better="lower"),))
    region = genius.Region(chain(layers=8))
    made = [await searched(name, region, 60, (seed, 1), lambda a: 200 - value_of(a), losses) for seed in range(3)]
    late = np.mean([c.value for history in made for c in history[40:]])
    early = np.mean([c.value for history in made for c in history[:10]])
    assert late < early - 3


@pytest.mark.parametrize("name", OUTSIDE)
async def test_refusals_pending_evaluations_and_failures_are_no_offer_again(name):
    region = genius.Region(chain(layers=2))
    refused = [Message(role="assistant", content="Architecture: [2, 2]")]
    history = [
        Candidate(1, 1, architecture=(0, 0), measurement=Measurement(50.0)),
        Candidate(1, 2, architecture=(1, 0), measurement=Measurement(error="out of memory"), error="out of memory"),
        Candidate(1, 3, architecture=(0, 1)),
    ]
    for iteration in range(4, 9):
        found = await proposed(name, region, history, refused)
        assert found not in {(2, 2)} | {candidate.architecture for candidate in history}
        history.append(Candidate(1, iteration, architecture=found, measurement=Measurement(50.0 + iteration)))
    assert await proposed(name, region, history, refused) is None


@pytest.mark.parametrize("name", OUTSIDE)
async def test_conditions_ranges_rules_several_objectives_and_measured_limits(name):
    momentum = {"range": [0, 0.9], "when": {"optimizer": "sgd"}}
    space = space_of({"optimizer": ["sgd", "adam"], "lr": (1e-4, 1e-1), "momentum": momentum})
    goal = Goal(
        (genius.Objective("score"), genius.Objective("size", better="lower")), {"size": (None, 20.0)}, pareto=True
    )
    history = []
    for iteration in range(1, 14):
        found = await proposed(name, genius.Region(space), History.of(history, goal))
        assert space.check(found) == found
        size = {"size": float(found[1])}
        told = Measurement(float(found[1] - found[0]), metrics=size)
        history.append(Candidate(1, iteration, architecture=found, measurement=told))
    odd = chain(valid=lambda architecture: sum(architecture) % 2 == 1, layers=4)
    assert all(sum(c.architecture) % 2 for c in await searched(name, genius.Region(odd), 8))


@pytest.mark.parametrize(("name", "module"), [("cma-es", "cma"), ("optuna-tpe", "optuna"), ("centaur", "cma")])
def test_a_missing_package_is_one_sentence(name, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(genius.GeniusError, match=rf"{name} needs .*: pip install 'genius-nas\[{module}\]'"):
        open_arms([name], REGION, (0, 1), lambda prompt, history: "-")


async def test_numpys_global_random_numbers_are_left_alone():
    before = np.random.get_state()[1].copy()
    for name in OUTSIDE:
        await searched(name, REGION, 8)
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize("space", [SPACE, get_space("nas-bench-201-cifar10")])
def test_an_architecture_is_the_one_of_its_point(space):
    coding = Coding(space)
    for architecture in genius.Region(space).draw(np.random.default_rng(0), 20).tolist():
        assert coding.architecture(coding.point(tuple(architecture))) == tuple(architecture)


async def test_centaur_tells_the_model_what_the_strategy_has_learnt():
    told = []

    def model(prompt, history):
        told.append(prompt)
        return "Architecture: [1, 1, 1, 1, 1]"

    arm = open_arms(["centaur"], REGION, (0, 1), model)["centaur"]
    prompt = [Message(role="system", content="You."), Message(role="user", content="Propose.")]
    history = await searched("cma-es", REGION, 30)
    for known in ([], history):
        await arm(prompt, History.of(known))
    first, later = (messages[1]["content"] for messages in told)
    assert first.startswith("Propose.\n\n")
    assert "has not learnt from a whole generation" in first
    assert "has learnt from 5 generations" in later
    assert "% of its samples take" in later
    assert await arm.messages(prompt, History.of(history)) == told[1]
