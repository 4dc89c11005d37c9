"""Where a text states accuracies: in many words, and beside other numbers."""

import time

import pytest
from genius.tools.accuracies import accuracies


def found(text):
    return [float(one.accuracy) for one in accuracies(text)]


@pytest.mark.parametrize(
    "text",
    [
        "By using this model, we achieved an accuracy of 72.61%.",
        "This design has 326 FLOPS (95% of the budget) and reached 72.61% top-1 accuracy in 20 epochs.",
        "accuracy: 0.7261",
        "Accuracy = 72.61",
        "Accuracy (top-1): 72.61 %",
        "Accuracy: **72.61%**",
        "top-1 72.61 %",
        "Top1: 72.61, FLOPS: 326M",
        "FLOPS: 326M, Top1: 72.61",
        "acc. 72.61",
        "val_acc=0.7261 train_acc=0.81",
        "72.61 percent accuracy after 10 epochs",
        "It reaches 72.61 %.",
        "[1, 0, 2]: 72.61%, 12.3 M",
        '{"architecture": [1, 0, 2], "accuracy": 72.61}',
        "The top-1 accuracy is 72.61%, the top-5 accuracy 90.81%.",
        "72.61% top-1, 90.81% top-5",
        "Training accuracy 80.1%, validation accuracy 72.61%",
        "an accuracy of 72.61 ± 0.1%",
        "The accuracy rose by 0.9% from 71.71% to 72.61%.",
        "That is 0.5% more accurate than before, with an accuracy of 72.61%.",
        "an accuracy of 72.61% at 97% of the FLOPs limit",
        "After 10 epochs with accuracy as the aim, on 330M FLOPs: accuracy 72.61%",
    ],
)
def test_it_is_found(text):
    assert found(text) == [72.61]


@pytest.mark.parametrize(
    "text",
    [
        "The design fails to meet the FLOPS constraint, resulting 362 FLOPS, which is 32 FLOPS higher the upper bound.",
        "Please ensure that the total FLOPS remains in [270, 330].",
        "flops_stage1_first = [1.5053, 23.7855, 26.9967, 31.8136]",
        "We want an accuracy of more than 75%.",
        "It should beat an accuracy of at least 75.5.",
        "Use 95% of the FLOPs for the best accuracy.",
        "The accuracy dropped by 0.3%.",
        "It is 0.5% higher in accuracy.",
        "The error rate is 27.39%, the top-1 error 27.4%.",
        "The accuracy after 35 epochs was not measured in experiment 12.",
        "Top-5: 90.81%",
        "a dropout of 20%",
        "an accuracy of 726.1%",
    ],
)
def test_other_numbers_are_none(text):
    assert found(text) == []


def test_several_are_found_in_order_and_in_their_places():
    text = "It got 71.5% accuracy.\nThe other: accuracy 0.72 (326 MFLOPs)."
    assert [(str(one.accuracy), text[one.start : one.end]) for one in accuracies(text)] == [
        ("71.5", "71.5%"),
        ("72", "0.72"),
    ]


@pytest.mark.parametrize("piece", ["accuracy 7", "72% ", "0.72 accuracy ", "[1, 2] ", "reached ", "top-1, "])
def test_a_long_line_is_read_at_once(piece):
    began = time.perf_counter()
    list(accuracies(piece * (100_000 // len(piece))))
    assert time.perf_counter() - began < 4  # a quadratic reader takes minutes
