"""Mixup and CutMix: the labels are mixed as the images are, by random numbers of the epoch and of the process."""

import pytest
import torch
from genius.training.batches import Rank
from genius.training.epochs import cross_entropy, learner, train_epochs
from genius.training.mixing import mixing
from genius.training.recipes import RECIPES, override
from torch import nn

CPU = torch.device("cpu")
RECIPE = override(RECIPES.find("vit-cifar"), ["drop_path=0", "mixup=0", "cutmix=0", "batch=6"])
MIXED = override(RECIPE, ["mixup=0.8", "cutmix=1"])


def batch(classes=6):
    """Return a batch whose images are as bright as the numbers of their classes."""
    labels = torch.arange(classes)
    images = labels.float()[:, None, None, None].expand(-1, 3, 8, 8)
    return images.contiguous(memory_format=torch.channels_last), labels


def brightness(labels):
    return labels @ torch.arange(labels.shape[1]).float()


def test_a_recipe_without_mixing_mixes_nothing():
    assert mixing(RECIPE, 6) is None


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_labels_are_mixed_in_the_proportion_of_the_pixels(kind):
    torch.manual_seed(1)
    mix = mixing(override(RECIPE, [f"{kind}=1"]), 6)
    for _ in range(20):
        images, labels = mix(batch())
        assert labels.shape == (6, 6)
        assert torch.allclose(labels.sum(1), torch.ones(6))
        assert torch.allclose(images.mean((1, 2, 3)), brightness(labels), atol=1e-4)
        pure = {*batch()[1].tolist()} >= {*images.unique().tolist()}
        assert pure or kind == "mixup"  # CutMix pastes pixels, and blends none
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_either_is_taken_at_random():
    torch.manual_seed(0)
    mix = mixing(MIXED, 6)
    blended = [mix(batch())[0].frac().any().item() for _ in range(40)]
    assert 8 < sum(blended) < 32


class Told(nn.Module):
    """Keeps the images that it is given."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.weight = nn.Parameter(torch.zeros(3, 6))

    def forward(self, images):
        self.seen.append(images.clone())
        return images.mean((2, 3)) @ self.weight


class Same:
    """The same batch twice in each epoch."""

    steps, batch = 2, 6

    def epoch(self, number):
        return iter([batch(), batch()])


def seen(seed=0, done=0, rank=0):
    network = Told()
    learns = learner(network, override(MIXED, ["epochs=3", "warmup=0"]), CPU)
    recipe = override(MIXED, ["epochs=3", "warmup=0"])
    mix = mixing(recipe, 6)

    def loss(forward, given, recipe):
        return cross_entropy(forward, mix(given), recipe)

    # a world of one: no processes are joined, and yet this one has its number
    for _ in train_epochs(learns, Same(), recipe, loss, seed=seed, device=CPU, rank=Rank(rank), done=done):
        torch.rand(3)  # what lies between two epochs has no say
    return torch.stack(network.seen)


def test_the_mixing_is_a_function_of_seed_epoch_and_process():
    first = seen()
    assert torch.equal(first, seen())
    assert torch.equal(first[4:], seen(done=2))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[:2], first[2:4])
    assert not torch.equal(first, seen(seed=1))
    assert not torch.equal(first, seen(rank=1))
