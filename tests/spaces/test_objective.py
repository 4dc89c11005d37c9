"""Objectives: what is one, which way is better, and how values are written."""

import pytest
from genius.errors import GeniusError
from genius.spaces.figures import many_millions
from genius.spaces.objective import ACCURACY, FLOPS, SCORE, Objective, get_objective

LATENCY = Objective("latency", "ms", "lower", low=0)
LOSS = Objective("loss", better="lower")


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 61},
        {"name": 5},
        {"name": "a", "better": "bigger"},
        {"name": "a", "unit": "m\x1bs"},
        {"name": "a", "low": float("nan")},
        {"name": "a", "low": "0"},
        {"name": "a", "low": True},
        {"name": "a", "low": 1, "high": 1},
    ],
)
def test_what_is_no_objective_is_refused(given):
    with pytest.raises(GeniusError):
        Objective(**given)


def test_a_utility_is_higher_where_the_value_is_better_and_its_own_inverse():
    assert ACCURACY.utility(90) > ACCURACY.utility(80)
    assert LATENCY.utility(3) > LATENCY.utility(4)
    assert LATENCY.utility(LATENCY.utility(3)) == 3
    assert LATENCY.better_of(3, 4) == 3
    assert ACCURACY.bounds == (0, 100)
    assert LATENCY.bounds == (-float("inf"), 0)


def test_values_outside_the_bounds_are_named_with_the_way_out():
    assert ACCURACY.outside(100) is None
    assert "accuracy lies from 0 to 100 %, got 1250" in ACCURACY.outside(1250)
    assert "latency lies from 0 ms, got -1" in LATENCY.outside(-1)
    assert SCORE.outside(-1e9) is None


@pytest.mark.parametrize(
    ("objective", "values", "words"),
    [
        (ACCURACY, [74.0, 79.94, 79.97], ["74.00%", "79.94%", "79.97%"]),
        (ACCURACY, [0.9312, 0.9316, 0.9320], ["0.9312%", "0.9316%", "0.9320%"]),
        (ACCURACY, [90.0, 90.0], ["90.00%", "90.00%"]),
        (ACCURACY, [0.1 + 0.2, 0.3], ["0.30%", "0.30%"]),
        (SCORE, [0.9312, 0.9316], ["0.9312", "0.9316"]),
        (SCORE, [1093.1, 1093.2], ["1093.1", "1093.2"]),
        (SCORE, [-1e-7, 2e-7], ["-1.000e-07", "2.000e-07"]),
        (SCORE, [0.0], ["0"]),
        (LATENCY, [5.3, 12], ["5.30 ms", "12.00 ms"]),
        (Objective("loss", low=0, high=1), [0.5], ["0.5000"]),
    ],
)
def test_values_have_as_many_digits_as_tell_them_apart(objective, values, words):
    assert objective.texts(values) == words


def test_costs_of_small_networks_are_told_apart_and_those_of_large_ones_stay_short():
    assert many_millions([520, 1_040], 1) == ["0.0005", "0.0010"]
    assert many_millions([307_020_000, 307_040_000], 1) == ["307.0", "307.0"]
    assert many_millions([6_970_000, 216_000], 2) == ["6.97", "0.22"]


def test_differences_have_a_sign_and_errors_the_digits_of_their_value():
    assert ACCURACY.near(93.1, 0.25) == "93.10 ± 0.25"
    assert ACCURACY.change(-0.5, 0.25) == "-0.50 ± 0.25"
    assert SCORE.change(LOSS.utility(0.0), 1.0) == "+0.000 ± 1.000"


def test_objectives_are_found_by_name_or_as_one_s_own(monkeypatch, tmp_path):
    (tmp_path / "own_objectives.py").write_text(
        "import genius\nLATENCY = genius.Objective('latency', 'ms', 'lower')\nNONE = 5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert get_objective("flops") is FLOPS
    assert get_objective(LATENCY) is LATENCY
    assert get_objective("own_objectives:LATENCY").words == "latency in ms, lower is better"
    for name in ("nothing", "own_objectives:NONE", "own_objectives:MISSING", 5):
        with pytest.raises(GeniusError):
            get_objective(name)


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("rmse:lower", Objective("rmse")),
        ("my metric:higher", Objective("my metric")),
        ("val:rmse:lower", Objective("val:rmse")),
        ("accuracy:higher", ACCURACY),
        ("flops:lower", FLOPS),
    ],
)
def test_a_name_and_its_better_side_make_an_objective(name, objective):
    better = name.rpartition(":")[2]
    known = objective if objective in (ACCURACY, FLOPS) else Objective(objective.name, better=better)
    assert get_objective(name) == known


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accuracy:lower", "of accuracy the higher is better, got 'accuracy:lower'"),
        (":lower", "an objective is named by a short text, got ''"),
        ("\x1b:lower", "an objective is named by a short text"),
        ("rmse:loer", "did you mean rmse:lower?"),
        ("rmse", "your own as NAME:higher or NAME:lower, or as MODULE:NAME or FILE.py:NAME"),
        ("missing.py:lower", "there is no file missing.py"),
    ],
)
def test_a_name_that_makes_none_is_refused(name, words):
    with pytest.raises(GeniusError) as failure:
        get_objective(name)
    assert words in str(failure.value)
