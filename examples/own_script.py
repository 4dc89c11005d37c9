"""A training script of one's own: a space and a generator that trains, epoch by epoch, on from its own checkpoint.

genius search examples/own_script.py --proposer guided --iterations 6 --workers 2
"""

from collections.abc import Iterator
from typing import Any

import genius
import torch
from sklearn.datasets import load_digits
from torch import nn

space = {
    "width": [16, 32, 64, 128],
    "activation": ["relu", "tanh"],
    "lr": {"range": [0.001, 0.1], "log": True},
}
ACTIVATIONS, EPOCHS = {"relu": nn.ReLU, "tanh": nn.Tanh}, 5


def train(config: dict[str, Any], trial: genius.Trial) -> Iterator[dict[str, float]]:
    """Train on 1,300 of scikit-learn's digits; yield the accuracy on the others, in percent, after each epoch."""
    torch.manual_seed(trial.seed)
    digits = load_digits()
    images, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    network = nn.Sequential(
        nn.Linear(64, config["width"]), ACTIVATIONS[config["activation"]](), nn.Linear(config["width"], 10)
    )
    optimiser = torch.optim.SGD(network.parameters(), lr=config["lr"], momentum=0.9)
    saved, done = trial.folder / "checkpoint.pt", 0
    if saved.exists():  # an earlier try was killed
        done, weights, state = torch.load(saved)
        network.load_state_dict(weights)
        optimiser.load_state_dict(state)
    for epoch in range(done + 1, EPOCHS + 1):
        for batch in torch.randperm(1300, generator=torch.Generator().manual_seed(epoch)).split(32):
            loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        right = (network(images[1300:]).argmax(1) == labels[1300:]).float().mean()
        yield {"epoch": epoch, "epochs": EPOCHS, "score": 100 * right.item(), "loss": loss.item()}
        torch.save((epoch, network.state_dict(), optimiser.state_dict()), saved.with_suffix(".new"))
        saved.with_suffix(".new").replace(saved)
