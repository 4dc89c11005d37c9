"""What a model is told of the surrogate, and how its choice is read back."""

import numpy as np
import pytest
from genius import Candidate, Measurement, get_space
from genius.agents.advice import SHORTLISTED, advice_in_words, advise, shortlist_of
from genius.agents.prompting import Prompts
from genius.agents.reflector import write_prompt
from genius.spaces.region import Limits, Region
from genius.tools.grammar import architecture_grammar
from genius.tools.replies import read_reply

SPACE = get_space("nas-bench-macro")


def measured(count):
    rng = np.random.default_rng(0)
    drawn = dict.fromkeys(SPACE.sample(rng) for _ in range(count))
    return [
        Candidate(1, at, architecture=a, measurement=Measurement(88.0 + sum(a) / 4, test_accuracy=12.3, test_rank=77))
        for at, a in enumerate(drawn, start=1)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 12])
def test_the_shortlist_is_read_back_from_the_prompt(count):
    history = measured(count)
    advice = advise(Region(SPACE), history, (0, 1))
    prompt = write_prompt(Region(SPACE), history, advice=advice)
    assert shortlist_of(prompt, SPACE) == [s.architecture for s in advice.shortlist]
    assert len(advice.shortlist) == SHORTLISTED
    tried = {candidate.architecture for candidate in history}
    assert tried.isdisjoint(shortlist_of(prompt, SPACE))


def test_without_advice_there_is_no_shortlist_and_not_a_word_of_it():
    prompt = write_prompt(Region(SPACE))
    assert shortlist_of(prompt, SPACE) == []
    assert "statistical model" not in prompt[1]["content"]


def test_it_tells_effects_expectations_and_how_good_earlier_ones_were():
    history = measured(12)
    advice = advise(Region(SPACE), history, (0, 1))
    words = advice_in_words(SPACE, advice, Prompts())
    assert words.count("\n- layer ") == 8
    assert "best 2 (+" in words
    assert "forecasts of the last 10 measurements were off by" in words
    first = advice.shortlist[0]
    assert f"S1: {list(first.architecture)} {first.value:.2f} ± {first.sd:.2f}" in words
    assert "12.3" not in words  # the test accuracy
    assert "77" not in words


def test_it_keeps_the_limits():
    limits = Limits(flops=(3e7, 5e7))
    advice = advise(Region(SPACE, limits), measured(5), (0, 1))
    assert all(limits.allow(SPACE.cost_of(s.architecture)) for s in advice.shortlist)


def test_it_is_a_function_of_seed_and_history():
    history = measured(6)
    assert advise(Region(SPACE), history, (0, 1)) == advise(Region(SPACE), history, (0, 1))


@pytest.mark.parametrize("name", ["nas-bench-macro", "channel-bench-resnet", "mobile-imagenet"])
def test_it_stays_short_however_long_the_search_is(name):
    space = get_space(name)
    rng = np.random.default_rng(0)
    history = [Candidate(1, at, architecture=space.sample(rng), measurement=Measurement(80.0)) for at in range(60)]
    words = advice_in_words(space, advise(Region(space), history, (0, 1)), Prompts())
    assert len(words) < 1_500 + 80 * len(space.decisions)


def test_what_was_taken_is_known_from_the_architecture():
    suggestions = advise(Region(SPACE), [], (0, 1)).shortlist
    candidate = Candidate(1, 1, shortlist=suggestions, architecture=suggestions[2].architecture)
    assert candidate.taken == 3
    assert Candidate.from_json(candidate.to_json()) == candidate
    assert Candidate(1, 1, shortlist=suggestions, architecture=(0,) * 8).taken is None


def test_the_grammar_lets_the_embedded_model_take_one_or_write_its_own():
    shortlist = [(2,) * 8, (1,) * 8]
    grammar = architecture_grammar(SPACE, [(1,) * 8], shortlist=shortlist)
    assert r'listed ::= "S1.\nArchitecture: [2, 2, 2, 2, 2, 2, 2, 2]"' in grammar  # the other one was tried
    assert r'root ::= "I take " (listed | own)' in grammar
    assert r'own ::= "none of these.\n" "Reason: "' in grammar


@pytest.mark.parametrize(
    ("reply", "architecture"),
    [
        ("I take S1.\nArchitecture: [2, 2, 2, 2, 2, 2, 2, 2]", (2,) * 8),
        ("I take none of these.\nReason: deeper is better.\nArchitecture: [1, 1, 1, 1, 1, 1, 1, 1]", (1,) * 8),
    ],
)
def test_such_replies_are_read(reply, architecture):
    assert read_reply(reply, SPACE).architecture == architecture
