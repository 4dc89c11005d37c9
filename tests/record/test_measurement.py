"""What an evaluator may return: numbers of every library become plain ones, everything else is named."""

import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from genius.record.candidate import Candidate
from genius.record.measurement import DEVICE_LENGTH, ERROR_LENGTH, MEASUREMENT, Measurement
from genius.record.plain import BadValue


class Own:
    """A number of another library."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value


class Broken:
    """What raises however it is looked at."""

    def __float__(self):
        raise RuntimeError

    def __repr__(self):
        raise RuntimeError


NUMBERS = [
    (50, 50.0),
    (-12.5, -12.5),
    (np.float64(50), 50.0),
    (np.float32(0.5), 0.5),
    (np.float16(0.5), 0.5),
    (np.int64(3), 3.0),
    (np.uint8(3), 3.0),
    (np.array(50.0), 50.0),
    (np.array([[50.0]]), 50.0),
    (torch.tensor(5.5), 5.5),
    (torch.tensor([5.5], requires_grad=True), 5.5),
    (torch.tensor(3, dtype=torch.bfloat16), 3.0),
    (Decimal("93.1"), 93.1),
    (Fraction(1, 4), 0.25),
    (Own(3.5), 3.5),
]
NO_NUMBERS = [
    "93.1",
    b"93.1",
    bytearray(b"9"),
    True,
    np.True_,
    1j,
    np.complex64(1),
    np.array(1j),
    torch.tensor(1j),
    float("nan"),
    float("inf"),
    -float("inf"),
    np.float32("nan"),
    torch.tensor(float("nan")),
    Decimal("sNaN"),
    10**400,
    np.array([1.0, 2.0]),
    np.array([]),
    torch.tensor([1.0, 2.0]),
    torch.empty(0),
    torch.empty((), device="meta"),
    np.str_("9"),
    np.datetime64("2020-01-01"),
    {"accuracy": 50.0},
    (50.0,),
    [50.0],
    object(),
    Broken(),
    print,
]


def named(value):
    return type(value).__name__


@pytest.mark.parametrize(("given", "number"), NUMBERS, ids=named)
@pytest.mark.filterwarnings("error")
def test_a_number_of_any_library_becomes_a_plain_one(given, number):
    for returned in (given, Measurement(accuracy=given), Measurement(0.0, test_accuracy=given)):
        found = Measurement.of(returned)
        value = found.accuracy if found.test_accuracy is None else found.test_accuracy
        assert type(value) is float
        assert value == number
        assert MEASUREMENT.read(json.dumps(found.__dict__)) == found


@pytest.mark.parametrize("given", NO_NUMBERS, ids=named)
@pytest.mark.filterwarnings("error")
def test_everything_else_is_refused_by_name(given):
    for field in ("value", "test_value", "sd", "seconds", "rank"):
        with pytest.raises(BadValue, match=rf"as {field}$") as refused:
            Measurement.of(Measurement(**{"value": 50.0} | {field: given}))
        assert str(refused.value).startswith("expected a ")
        assert type(given).__name__ in str(refused.value) or str(given) in str(refused.value)
        assert str(refused.value).isprintable()
        assert len(str(refused.value)) < 200
    with pytest.raises(BadValue, match=r"a Measurement or a finite number, got .* as the evaluator's answer$"):
        Measurement.of(given)


def test_metrics_of_the_test_images_are_kept_apart_and_may_be_missing():
    found = Measurement.of(Measurement(50.0, metrics={"top5": np.float64(90)}, test_metrics={"top5": torch.tensor(88)}))
    assert (found.metrics, found.test_metrics) == ({"top5": 90.0}, {"top5": 88.0})
    with pytest.raises(BadValue, match="got the int 3 as test_metrics"):
        Measurement.of(Measurement(50.0, test_metrics=3))
    old = {name: value for name, value in Measurement(50.0).__dict__.items() if name != "test_metrics"}
    assert MEASUREMENT.read(json.dumps(old)) == Measurement(50.0)  # as earlier versions wrote them


def test_none_is_no_answer_and_a_failure_without_a_word_has_none():
    with pytest.raises(BadValue, match="got None as the evaluator's answer"):
        Measurement.of(None)
    assert Measurement.of(Measurement(error="")) == Measurement()


@pytest.mark.parametrize(
    ("given", "rank"), [(3, 3), (np.int64(3), 3), (3.0, 3), (np.float64(3), 3), (torch.tensor(3), 3)]
)
def test_a_rank_is_a_whole_number(given, rank):
    found = Measurement.of(Measurement(50.0, rank=given, test_rank=given))
    assert (found.rank, found.test_rank) == (rank, rank)
    assert type(found.rank) is int


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("rank", 3.5, "expected a whole number, got 3.5 as rank"),
        ("rank", 0, "expected a whole number from 1 on, got the int 0 as rank"),
        ("sd", -0.1, "expected a finite number from 0 on, got -0.1 as sd"),
        ("seconds", None, "expected a finite number from 0 on, got None as seconds"),
        ("failure", "broke", "expected one of out of memory, too large"),
        ("failure", [1], "got the list [1] as failure"),
    ],
)
def test_a_field_with_a_range_says_it(field, value, expected):
    with pytest.raises(BadValue) as refused:
        Measurement.of(Measurement(**{"accuracy": 50.0} | {field: value}))
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (ValueError("no\nmemory"), "ValueError: no memory"),
        (b"\xff broke", r"\xff broke"),
        (404, "404"),
        ("\ud800 \x1b[31m[/bold]", r"\ud800 \x1b[31m[/bold]"),
        (torch.device("cpu"), "cpu"),
    ],
)
def test_texts_become_one_printable_line(given, text):
    assert Measurement.of(Measurement(error=given)).error == text
    assert Measurement.of(Measurement(50.0, device=given)).device == text


def test_long_texts_are_cut_to_the_stated_length():
    found = Measurement.of(Measurement(error="x" * 10**6, device="y" * 10**6))
    assert (len(found.error), len(found.device)) == (ERROR_LENGTH, DEVICE_LENGTH)


def test_an_error_counts_alone():
    odd = Measurement(
        float("nan"), test_accuracy="?", sd=-1, error="diverged", failure="diverged", seconds=np.float64(2)
    )
    assert Measurement.of(odd) == Measurement(error="diverged", failure="diverged", seconds=2.0)


def test_a_class_of_ones_own_leaves_nothing_that_the_journal_cannot_read():
    class Mine(Measurement):
        more = object()

    assert type(Measurement.of(Mine(50.0))) is Measurement


WHOLE = Candidate(
    1, 2, started=3.0, reply="reply", rationale="why", architecture=(1, 2), measurement=Measurement(50.0), seconds=4.0
).to_json()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("iteration", "2"),
        ("trial", None),
        ("started", "now"),
        ("error", ["x"]),
        ("reply", 5),
        ("architecture", ["a", "b"]),
        ("architecture", [[1]]),
        ("cost", {"flops": "many", "params": 1}),
        ("refusals", [{"reply": 1, "reason": "x"}]),
        ("repair", {"proposed": ["x"], "reason": "y"}),
        ("measurement", {"accuracy": "\x1b[31m"}),
    ],
)
def test_a_line_of_another_type_is_no_candidate(field, value):
    assert Candidate.from_json(json.loads(json.dumps(WHOLE))).iteration == 2
    with pytest.raises((TypeError, ValueError)):
        Candidate.from_json(json.loads(json.dumps(WHOLE | {field: value})))
