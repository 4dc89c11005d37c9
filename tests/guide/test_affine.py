"""The guide proposes the same for an objective and for any affine image of it, and for accuracy it clips as before."""

import numpy as np
import pytest
from genius import ACCURACY, Candidate, Goal, Measurement, Objective, get_space
from genius.guide.features import encoder
from genius.guide.guide import fit, forecasts, observe, suggest
from genius.record.history import History
from genius.spaces.region import Limits, Region
from genius.tables.published import load_table

REGIONS = {
    "nas-bench-macro": Region(get_space("nas-bench-macro")),
    "digits": Region(get_space("digits")),
    "mobile-imagenet": Region(get_space("mobile-imagenet"), Limits(flops=(-np.inf, 330e6))),
}
IMAGES = {
    "shifted": (lambda y: y + 1000, {"better": "higher"}, (1000, 1100)),
    "negated": (lambda y: -y, {"better": "lower"}, (-100, 0)),
    "scaled": (lambda y: y / 100, {"better": "higher"}, (0, 1)),
}


def worth(space):
    """Make up an accuracy that leans against the prior, so that the bounds and the noise matter."""
    rng = np.random.default_rng(5)
    effects = [rng.normal(size=len(d.options)) for d in space.decisions]

    def measure(architecture):
        numbers = zip(effects, architecture, space.decisions, strict=True)
        total = sum(effect[option - d.first] for effect, option, d in numbers)
        return float(99.5 - 2 * abs(2 - total) / len(effects) ** 0.5)

    return measure


def proposals(region, goal, image, iterations, sd=0.0):
    measure, found = worth(region.space), []
    for at in range(iterations):
        history = History.of(found, goal)
        architecture = suggest(region, history, np.random.default_rng([0, at]))[0].architecture
        value = image(measure(architecture))
        scale = abs(image(1.0) - image(0.0))
        measurement = Measurement(value, sd=scale * sd) if at != 4 else Measurement(error="failed")
        error = measurement.error
        found.append(Candidate(1, at + 1, architecture=architecture, measurement=measurement, error=error))
    return found


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("name", REGIONS)
def test_an_affine_image_of_an_objective_is_searched_alike(name, bounded):
    region, iterations = REGIONS[name], 6 if name == "mobile-imagenet" else 9
    plain = Goal((ACCURACY if bounded else Objective("plain"),))
    expected = [c.architecture for c in proposals(region, plain, lambda y: y, iterations, sd=0.3)]
    for image, direction, (low, high) in IMAGES.values():
        objective = Objective("image", **direction, **({"low": low, "high": high} if bounded else {}))
        found = proposals(region, Goal((objective,)), image, iterations, sd=0.3)
        assert [c.architecture for c in found] == expected


def test_equal_measurements_are_searched_alike_too():
    region, found = REGIONS["nas-bench-macro"], []
    for image, direction, (low, high) in [(lambda y: y, {}, (0, 100)), *IMAGES.values()]:
        goal = Goal((Objective("image", **direction, low=low, high=high),))
        drawn = region.draw(np.random.default_rng(0), 4).tolist()
        history = [
            Candidate(1, at, architecture=tuple(a), measurement=Measurement(image(90.0))) for at, a in enumerate(drawn)
        ]
        found.append(
            [s.architecture for s in suggest(region, History.of(history, goal), np.random.default_rng(1), count=5)]
        )
    assert found[1:] == found[:1] * 3


def test_no_prediction_lies_beyond_the_bounds_and_without_bounds_it_may(tables):
    region = REGIONS["nas-bench-macro"]
    table = load_table(region.space, tables)
    drawn = [table.architectures[at] for at in np.argsort(region.space.costs(table.architectures)[:, 0])[:60:10]]
    history = [Candidate(1, at, architecture=a, measurement=Measurement(90.0 + 2 * at)) for at, a in enumerate(drawn)]
    everything = encoder(region.space).encode(table.architectures)
    highest = {}
    for objective in (ACCURACY, Objective("plain"), Objective("short", high=98.5)):
        observed = observe(History.of(history, Goal((objective,))))
        highest[objective.name] = fit(region, observed, np.random.default_rng(0)).predict(everything).mean.max()
    assert highest["short"] <= 98.5 < highest["plain"]
    assert highest["accuracy"] <= 100


def test_forecasts_and_expectations_are_values_of_the_objective():
    region = REGIONS["nas-bench-macro"]
    latency = Goal((Objective("latency", "ms", "lower", low=0),))
    found = proposals(region, latency, lambda y: 105 - y, 6)
    expected = suggest(region, History.of(found, latency), np.random.default_rng(0))[0]
    assert 0 < expected.value < 30
    assert all(0 <= forecast.expected < 30 for forecast in forecasts(region, History.of(found, latency), (0,)))
