"""The live display of epochs: trainings, and evaluations of a user's own."""

import pytest
from genius.record.goal import GOAL, Goal
from genius.report.display import _epoch
from genius.spaces.objective import Objective
from genius.training.job import Epoch

LATENCY = Goal((Objective("latency", "ms", "lower", 0),))


@pytest.mark.parametrize(
    ("epoch", "goal", "words"),
    [
        (Epoch(3, 10, 91.25, 0.5, 1234.0), GOAL, "epoch 3/10: loss 0.500, 91.25%, 1,234 images/s"),
        (Epoch(3, 10, None, 0.5, 1234.0), GOAL, "epoch 3/10: loss 0.500, 1,234 images/s"),
        (Epoch(0, value=1.5, metrics={"loss": 0.25, "b": 2, "c": 3}), LATENCY, "epoch 0: 1.500 ms, loss 0.25, b 2"),
        (Epoch(7), LATENCY, "epoch 7"),
    ],
)
def test_an_epoch_is_told_by_what_is_known_of_it(epoch, goal, words):
    assert _epoch(epoch, goal) == words
