"""Goals: several objectives, limits on what is measured, and fronts."""

import numpy as np
import pytest
from genius import ACCURACY, Candidate, GeniusError, Goal, Measurement, Objective, get_space
from genius.record.front import hypervolume, nondominated
from genius.record.goal import GOAL, default_goal, limit_words
from genius.record.history import History
from genius.record.plain import BadValue
from genius.record.ranges import read_limits
from genius.schema import Schema
from genius.spaces.cost import Cost
from genius.spaces.objective import FLOPS, SCORE, TOP5

LATENCY = Objective("latency", "ms", "lower", low=0)
TWO = Goal((ACCURACY, LATENCY), {"memory": (None, 8.0)}, pareto=True)


def candidate(iteration, value, latency=1.0, memory=1.0, sd=None):
    measurement = Measurement(value, sd=sd, metrics={"latency": latency, "memory": memory})
    return Candidate(1, iteration, architecture=(iteration,), cost=Cost(flops=7), measurement=measurement)


def volume_by_counting(points, reference, steps=60):
    """Count the cells of a grid that a point dominates; coordinates are whole."""
    axes = [np.arange(least, steps) + 0.5 for least in reference]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(reference))
    return sum((cells[:, None] < np.asarray(points)[None]).all(axis=2).any(axis=1))


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_the_hypervolume_is_exact(objectives):
    rng = np.random.default_rng(objectives)
    for _ in range(10):
        points = rng.integers(0, 12, size=(rng.integers(1, 9), objectives))
        assert hypervolume(points, [2] * objectives) == volume_by_counting(points, [2] * objectives, 12)
    assert hypervolume(np.empty((0, objectives)), [0] * objectives) == 0


def test_what_is_dominated_or_there_twice_is_not_on_the_front():
    points = [[1, 5], [2, 4], [2, 4], [1, 4], [5, 1], [0, 0]]
    assert nondominated(points).tolist() == [True, True, False, False, True, False]


def test_the_front_and_the_best_are_feasible():
    history = [candidate(1, 90, 5), candidate(2, 80, 2), candidate(3, 85, 6), candidate(4, 99, 1, memory=9)]
    assert [c.iteration for c in TWO.front(history)] == [1, 2]
    assert TWO.best(history).iteration == 1
    assert TWO.beyond(history[3]) == ["memory is 9"]
    assert TWO.reference(history) == [80, 6]
    assert TWO.volume(history, [80, 6]) == pytest.approx(10 * 1)
    assert TWO.best(history[3:]) is None
    assert TWO.front([]) == []


def test_of_equals_the_first_is_best_and_lower_can_be_better():
    slow, fast, same = candidate(1, 9.0), candidate(2, 3.0), candidate(3, 3.0)
    assert Goal((LATENCY,)).best([slow, fast, same]) is fast
    ordered = History.of([slow, fast, same], Goal((LATENCY,))).best_first()
    assert [c.iteration for c in ordered] == [2, 3, 1]


def test_the_best_is_the_same_in_any_unit():
    accuracies, sds = [90.0, 92.0, 91.0, 89.0], [0.1, 3.0, 0.1, 0.1]
    chosen = {
        GOAL.best(
            [candidate(at, scale * a, sd=scale * s) for at, (a, s) in enumerate(zip(accuracies, sds, strict=True))]
        ).iteration
        for scale in (1.0, 1e-2, 1e-6)
    }
    assert len(chosen) == 1


def test_top_5_is_told_where_it_was_measured_beside_accuracy():
    known, none = (Candidate(1, 1, measurement=Measurement(90, metrics=metrics)) for metrics in ({"top5": 99.5}, {}))
    assert (GOAL.told(known), GOAL.told(none), GOAL.suffix("top5")) == (["top5"], [], "%")
    assert Goal((SCORE,)).told(known) == []  # another evaluator's metric of that name
    assert Goal((SCORE,)).suffix("top5") == ""
    with pytest.raises(BadValue, match=r"gave no top5: .* or train on a data set of more than five classes"):
        Goal((ACCURACY, TOP5)).check(none, none.measurement)


def test_costs_are_objectives_that_need_no_measurement():
    assert Goal((ACCURACY, FLOPS)).utilities(candidate(1, 90)) == (90, -7)


@pytest.mark.parametrize(
    ("measurement", "words"),
    [
        (Measurement(90, metrics={"latency": 1}), "gave no memory"),
        (Measurement(90, metrics={"memory": 1}), "gave no latency"),
        (Measurement(101, metrics={"latency": 1, "memory": 1}), "from 0 to 100 %, got 101"),
        (Measurement(90, metrics={"latency": -1, "memory": 1}), "latency lies from 0 ms, got -1"),
    ],
)
def test_what_lacks_a_number_or_lies_outside_is_refused_by_name(measurement, words):
    with pytest.raises(BadValue, match=words):
        TWO.check(candidate(1, 90), measurement)
    TWO.check(candidate(1, 90), Measurement(error="no memory"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Goal(()),
        lambda: Goal((ACCURACY, ACCURACY)),
        lambda: Goal(tuple(Objective(str(at)) for at in range(4))),
        lambda: Goal(pareto=True),
        lambda: Goal(limits={"latency": (3.0, 2.0)}),
        lambda: read_limits({"latency": (1, 2, 3)}),
        lambda: read_limits({"latency": ("1", 2)}),
        lambda: read_limits({"latency": (float("nan"), None)}),
    ],
)
def test_what_is_no_goal_is_refused(make):
    with pytest.raises(GeniusError):
        make()


def test_a_goal_is_read_as_it_was_written():
    schema = Schema[Goal](Goal)
    assert schema.take(schema.plain(TWO)) == TWO
    assert limit_words(Goal(limits={"a": (1.0, 2.0), "b": (None, 3.0)})) == "a at least 1 and at most 2; b at most 3"


def test_without_a_name_it_is_the_evaluator_s_objective_or_the_space_s():
    space = get_space("digits")

    def evaluate(architecture):
        return 1.0

    assert default_goal(space, evaluate) == GOAL
    evaluate.objective = LATENCY
    assert default_goal(space, evaluate).objective == LATENCY
    evaluate.objective = "latency"
    with pytest.raises(GeniusError, match="an evaluator's objective"):
        default_goal(space, evaluate)
