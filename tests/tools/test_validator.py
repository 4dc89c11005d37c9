"""What the validator makes of a reply that breaks the space's rule, and of a network that cannot be built."""

from dataclasses import replace

import pytest
from genius import Candidate, Decision, GeniusError, Measurement, SearchSpace
from genius.guide.features import encoder
from genius.spaces.cost import Cost, count
from genius.spaces.disguise import Disguise, draw_disguise
from genius.spaces.region import NO_LIMITS, Limits, Region
from genius.spaces.space import CannotBuild
from genius.tools.look_up import look_up_table
from genius.tools.prices import off_limits
from genius.tools.refused import refused_architectures
from genius.tools.replies import read_reply
from genius.tools.validator import validate

from ..no_model import BASELINES

TOO_SMALL = r"RuntimeError: Calculated padded input size per channel"


def build(architecture):
    """Build convolutions of stride 2: three of them are too many for 8 × 8 pixels."""
    from torch import nn

    width, depth = architecture[:2]
    if (width, depth) == (2, 1):
        raise ValueError("the first line\nCIFAR wants no such\x1b[31m width ")
    layers = [nn.LazyConv2d(4 * (width + 1), 3, stride=2, bias=False) for _ in range(depth + 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(10))


def wide_is_flat(architecture):
    """Wide networks have one layer"""
    return architecture[0] < 2 or architecture[1] == 0


DECISIONS = (Decision("width", ("4", "8", "12")), Decision("depth", ("1", "2", "3")))
SPACE = SearchSpace("cifar-net", DECISIONS, "Two numbers.", build, (1, 8, 8))
CAN_BE_BUILT = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
RULED = replace(SPACE, valid=wide_is_flat)
DISGUISE = Disguise([[2, 0, 1], [1, 2, 0]])


def judge(architecture, space, history=(), limits=NO_LIMITS, **options):
    candidate = Candidate(1, len(history) + 1, reply=f"Wide.\nArchitecture: {list(architecture)}")
    return validate(candidate, Region(space, limits), history, **{"max_replies": 3, "when_done": "stop"} | options)


def reason(architecture, space, **options):
    judged = judge(architecture, space, **options)
    assert judged.architecture is None
    assert (judged.reply, judged.error) == ("", None)
    return judged.refusals[0].reason


def test_what_the_rule_forbids_is_refused_by_its_name_and_costs_no_network():
    assert reason((2, 2), RULED) == "[2, 2] breaks the space's rule: Wide networks have one layer"
    assert judge((1, 1), RULED).architecture == (1, 1)


def test_repair_takes_the_nearest_that_the_rule_allows_and_says_why():
    judged = judge((2, 2), RULED, repair="nearest")
    assert judged.architecture == (2, 0)
    assert judged.repair.proposed == (2, 2)
    assert judged.repair.reason == (
        "[2, 2] breaks the space's rule: Wide networks have one layer; changed depth from 2 to 0"
    )
    tried = [Candidate(1, 1, architecture=(2, 0), measurement=Measurement(1.0))]
    assert judge((2, 2), RULED, tried, repair="nearest").architecture == (1, 1)  # [1, 2] cannot be built
    everything = [Candidate(1, n, architecture=a, measurement=Measurement(1.0)) for n, a in enumerate(CAN_BE_BUILT)]
    assert judge((2, 2), RULED, everything, repair="nearest").refusals


@pytest.mark.parametrize("repair", ["ask", "nearest"])
def test_a_network_that_cannot_be_built_is_refused_with_the_last_line_of_the_reason(repair):
    told = reason((2, 1), SPACE, repair=repair)
    assert told == "[2, 1] cannot be built: ValueError: CIFAR wants no such\\x1b[31m width"
    assert reason((0, 2), SPACE, repair=repair).startswith(f"[0, 2] cannot be built: {TOO_SMALL}")
    assert len(reason((2, 1), replace(SPACE, build=lambda a: 1 / 0 if a else "x" * 10_000))) < 300


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda a: None, "TypeError: build returned None, which is no torch.nn.Module"),
        (lambda a: {"a": 1}, "TypeError: build returned {'a': 1}, which is no torch.nn.Module"),
        (lambda: None, "TypeError: "),
    ],
)
def test_what_is_no_network_is_refused_and_told_before_the_first_call(made, why):
    space = replace(SPACE, build=made)
    assert reason((0, 0), space).startswith(f"[0, 0] cannot be built: {why}")
    with pytest.raises(GeniusError, match=r"no network of cifar-net was found that can be built; .* TypeError"):
        Region(space).check()
    Region(SPACE).check()


def test_in_disguise_a_refusal_names_nothing():
    shown = DISGUISE.of(RULED)
    assert reason(DISGUISE.conceal((2, 2)), shown) == "[0, 1] breaks the space's rule"
    assert judge(DISGUISE.conceal((2, 2)), shown, repair="nearest").architecture == DISGUISE.conceal((2, 0))
    shown = DISGUISE.of(SPACE)
    assert reason(DISGUISE.conceal((2, 1)), shown) == "[0, 0] cannot be built"
    assert reason(DISGUISE.conceal((1, 2)), shown) == "[2, 1] cannot be built"
    assert shown.cost_of(DISGUISE.conceal((1, 1))) == SPACE.cost_of((1, 1))
    assert "Wide networks" not in draw_disguise(RULED, 1).of(RULED).rule


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, SystemExit])
def test_what_is_not_the_candidates_fault_keeps_its_meaning(error):
    def stop(architecture):
        raise error

    with pytest.raises(error):
        judge((0, 0), replace(SPACE, build=stop))


def test_a_failure_of_the_count_is_told_as_its_own():
    from torch import nn

    class RunsOnce(nn.Module):
        ran = False

        def forward(self, images):
            if self.ran:
                raise RuntimeError("not twice")
            self.ran = True
            return images

    with pytest.raises(GeniusError, match="the FLOPs of RunsOnce, which runs, cannot be counted: RuntimeError") as e:
        judge((0, 0), replace(SPACE, build=lambda a: RunsOnce()))
    assert not isinstance(e.value, CannotBuild)
    assert str(e.value).endswith("give the space its costs as `parts`")


def test_counting_leaves_a_network_in_the_mode_it_was_in():
    network = SPACE.network((0, 0))
    assert network.training
    count(network, (1, 8, 8))
    assert network.training


def test_costs_of_what_cannot_be_built_are_in_no_range_and_no_list():
    assert sorted(Region(SPACE).largest_first()) == CAN_BE_BUILT
    costs = [SPACE.cost_of(a) for a in CAN_BE_BUILT]
    assert Region(SPACE, Limits(convention="thop")).extremes()[1] == (
        min(c.params for c in costs),
        max(c.params for c in costs),
    )
    limits = Limits(flops=(0.0, float(sorted(c.flops for c in costs)[2])))
    assert Region(SPACE, limits).count() == (3, 0.0)
    told = off_limits(Region(SPACE, limits), (1, 1), SPACE.cost_of((1, 1)))
    assert "from 1 to 2" not in told
    assert "2: not allowed" in look_up_table(Region(SPACE))
    assert encoder(SPACE).encode([(0, 2), (0, 0)]).promises.shape == (2, 3)
    nothing = replace(SPACE, build=lambda a: None)
    assert Region(nothing).extremes() is None
    with pytest.raises(GeniusError, match=r"keeps the limits: .*; none of its networks can be built"):
        check_limits_of(nothing)


def check_limits_of(space):
    from genius.spaces.region.searchable import _check_limits

    _check_limits(Region(space, Limits(flops=(0.0, 1.0))))


def test_what_was_sent_back_is_known_from_the_prompt_and_from_earlier_iterations():
    first = judge((2, 2), RULED)
    first = replace(first, refusals=(*first.refusals, *judge((0, 2), RULED).refusals), architecture=(0, 0))
    prompt = [{"role": "user", "content": "[0, 0]"}, {"role": "assistant", "content": "Architecture: [2, 1]"}]
    prompt += [{"role": "assistant", "content": "I do not know."}]
    assert refused_architectures(RULED, prompt, [first]) == {(2, 1), (2, 2), (0, 2)}


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
async def test_baselines_go_on_past_what_cannot_be_built(make):
    """They ask for each such network once, and find all the others."""
    region = Region(SPACE)
    propose, history = make(region, (0, 1)), []
    for iteration in range(1, 10):
        candidate, prompt = Candidate(1, iteration), []
        while candidate.architecture is None and candidate.error is None:
            reply = await propose(prompt, history)
            candidate = validate(replace(candidate, reply=reply), region, history, max_replies=9, when_done="stop")
            prompt += [{"role": "assistant", "content": reply}] * bool(candidate.refusals)
        if candidate.architecture is None:
            break
        history.append(replace(candidate, measurement=Measurement(50.0 + sum(candidate.architecture))))
    assert reply == "-"
    assert sorted(c.architecture for c in history) == CAN_BE_BUILT
    sent_back = [read_reply(r.reply, SPACE).architecture for c in [*history, candidate] for r in c.refusals]
    assert len(sent_back) == len(set(sent_back))


def test_costs_without_parts_are_those_of_the_network():
    assert SPACE.cost_of((0, 0)) == Cost(4 * 9 * 9 + 40, 36 + 50, pooling=4 * (3 * 3 + 1))
