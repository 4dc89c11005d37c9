"""Accuracy and the measured latency of a CPU as two objectives, with a limit on the latency: the front of both.

genius search digits --evaluator examples.latency:evaluate --objective accuracy --objective examples.latency:LATENCY \
    --limit latency - 0.5 --pareto --proposer guided --iterations 8
"""

from statistics import median
from time import perf_counter

import genius
import torch
from sklearn.datasets import load_digits
from torch import nn

LATENCY = genius.Objective("latency", "ms", "lower", 0)
SPACE = genius.get_space("digits")


def evaluate(architecture: genius.Architecture) -> genius.Measurement:
    """Train a network on 500 digits; measure its accuracy on 500 others, and its latency."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = SPACE.network(architecture)
    digits = load_digits()
    images, labels = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images[:500]), labels[:500]).backward()
        optimiser.step()
    network.eval()
    with torch.inference_mode():
        right = network(images[500:1000]).argmax(1) == labels[500:1000]
        return genius.Measurement(100 * right.float().mean().item(), metrics={"latency": latency_of(network)})


def latency_of(network: nn.Module, repeats: int = 50) -> float:
    """Measure the median time of one image, in milliseconds."""
    image, seconds = torch.zeros(1, 1, 8, 8), []
    for _ in range(repeats):
        started = perf_counter()
        network(image)
        seconds.append(perf_counter() - started)
    return 1000 * median(seconds)
