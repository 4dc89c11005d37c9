"""The experiments of a hybrid search, as the model is told of them."""

import pytest
from genius import Decision, SearchSpace, get_space
from genius.agents.arms import START
from genius.agents.experiments import list_experiments
from genius.agents.reflector import write_prompt
from genius.record.candidate import Candidate, Offer
from genius.record.goal import GOAL
from genius.record.history import History
from genius.record.measurement import Measurement
from genius.spaces.region import Region

REGION = Region(get_space("nas-bench-macro"))
TRIED, OTHER = (2, 2, 2, 2, 2, 2, 2, 1), (1, 2, 2, 2, 2, 2, 2, 2)


def told(arm, *offers):
    candidate = Candidate(1, 1, architecture=TRIED, measurement=Measurement(93.0), arm=arm, offers=offers)
    return History.of([candidate], GOAL)


@pytest.mark.parametrize(
    ("arm", "offers", "words"),
    [
        ("model", [Offer("model", TRIED), Offer("guided", OTHER)], "; your proposal\n"),
        (START, [], "; one of your starts\n"),
        ("guided", [Offer("model", OTHER)], f"by the statistical model with your beliefs, not your {list(OTHER)}\n"),
        (
            "guided-without-beliefs",
            [Offer("model", TRIED)],
            "by the statistical model without your beliefs and by you\n",
        ),
        ("cma-es", [Offer("model", fault="it made no offer")], "; proposed by cma-es\n"),
    ],
)
def test_a_model_is_told_whose_proposal_was_taken_and_which_of_its_own_was_not(arm, offers, words):
    assert words in list_experiments(REGION, told(arm, *offers)) + "\n"


def test_a_model_is_told_that_others_propose_beside_it():
    histories = told("model"), told(""), History.of([], GOAL)
    system = [write_prompt(REGION, history)[0]["content"] for history in histories]
    assert ["Others propose beside you" in words for words in system] == [True, False, False]


def test_a_model_is_told_of_the_guides_opening_and_of_its_random_draw():
    opened = told("guided-without-beliefs", Offer("guided-without-beliefs", TRIED))
    without_guide, no_sizes = (
        told("cma-es", Offer("cma-es", TRIED)),
        Region(SearchSpace("s", (Decision("a", ("x", "y")),))),
    )
    pick, draw = (
        "The search began with a pick of the statistical model.",
        "After 3 measurements its proposal is drawn at",
    )
    cases = (REGION, opened), (REGION, without_guide), (no_sizes, opened)
    system = [write_prompt(region, history)[0]["content"] for region, history in cases]
    assert [(pick in words, draw in words) for words in system] == [(True, True), (False, False), (True, False)]
    assert not system[0].endswith("\n")
