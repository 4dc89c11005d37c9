"""The levels of networks: found by strides, named by the network, and cut from their classifier."""

import pytest
import torch
import torchvision
from genius.errors import GeniusError
from genius.spaces import get_space
from genius.training.levels import cut_behind, find_levels, outputs_at
from torch import nn

OURS = {
    "mobile-imagenet": ((1,) * 30, [(8, 40), (16, 96), (32, 192)]),
    "nas-bench-macro": ((1,) * 8, [(2, 64), (4, 128), (8, 1280)]),
    "nas-bench-201-cifar10": ((3,) * 6, [(2, 32), (4, 64)]),
    "channel-bench-resnet": ((1,) * 7, [(2, 64), (4, 128)]),
    "channel-bench-mobilenet": ((1,) * 7, [(2, 32), (4, 256)]),
    "digits": ((0,) * 9, [(2, 16)]),
}
OF_TORCHVISION = {
    "resnet18": ["layer2", "layer3", "layer4"],
    "mobilenet_v2": ["features.6", "features.13", "features"],
    "vgg11": ["features.14", "features.19", "features"],
    "convnext_tiny": ["features.3", "features.5", "features"],
    "googlenet": ["inception3b", "inception4e", "inception5b"],
}


def of_torchvision(name):
    more = {"init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(**more)


class Chain(nn.Module):
    """Three convolutions of stride 2, of which the first layer runs twice, and a classifier of fixed size."""

    def __init__(self, pixels=32):
        super().__init__()
        self.down = nn.Conv2d(4, 4, 3, 2, 1)
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.deep = nn.Conv2d(4, 8, 3, 2, 1)
        self.spare = nn.Parameter(torch.ones(3))
        self.fc = nn.Linear(8 * (pixels // 8) ** 2, 5)

    def forward(self, images):
        images = torch.relu(self.down(torch.relu(self.down(self.stem(images)))))
        return self.fc(torch.relu(self.deep(images)).flatten(1)) * self.spare.sum()


class Tokens(nn.Module):
    """A patch embedding, and layers that take no images."""

    def __init__(self, last):
        super().__init__()
        self.embed, self.layer, self.last = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 8), last

    def forward(self, images):
        patches = self.embed(images)
        tokens = patches.permute(0, 2, 3, 1) if self.last else patches.flatten(2).transpose(1, 2)
        return self.layer(tokens).flatten(1, -2).mean(1)


@pytest.mark.parametrize("name", OURS)
def test_the_levels_of_our_spaces(name):
    architecture, expected = OURS[name]
    space = get_space(name)
    network = space.build(architecture)
    levels = find_levels(network, space.shape[0])
    assert [(level.stride, level.channels) for level in levels] == expected


@pytest.mark.parametrize("name", OF_TORCHVISION)
def test_the_levels_of_known_networks_are_the_ends_of_their_stages(name):
    levels = find_levels(of_torchvision(name), 3)
    assert [level.module for level in levels] == OF_TORCHVISION[name]
    assert [level.stride for level in levels] == [8, 16, 32]


def test_cutting_leaves_the_levels_as_they_were_and_names_the_classifier():
    network = of_torchvision("googlenet").eval()
    levels, images = find_levels(network, 3), torch.randn(1, 3, 96, 160)
    with torch.no_grad():
        before = outputs_at(network, levels, images)
        assert cut_behind(network, levels, 3) == ("aux1", "aux2", "fc")
        after = outputs_at(network, levels, images)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not any("fc" in name for name in network.state_dict())


def test_a_module_that_runs_several_times_gives_a_level_each_time():
    network = Chain()
    with pytest.raises(GeniusError, match=r"does not take images of 128 by 192 pixels.*name the modules of its levels"):
        find_levels(network, 3)
    network.pyramid_levels = ("down", "deep")
    levels = find_levels(network, 3)
    assert [(level.module, level.call, level.stride) for level in levels] == [("down", 1, 4), ("deep", 0, 8)]
    assert cut_behind(network, levels, 3) == ("fc",)
    assert [name for name, each in network.named_parameters() if not each.requires_grad] == ["spare"]
    assert [tuple(each.shape[1:]) for each in outputs_at(network, levels, torch.zeros(1, 3, 64, 32))] == [
        (4, 16, 8),
        (8, 8, 4),
    ]


@pytest.mark.parametrize("levels", [("deep", "down"), ("down", "other"), "down", (), ("fc",), ("down", "down")])
def test_names_of_levels_that_cannot_be_meant_are_refused(levels):
    network = Chain()
    network.pyramid_levels = levels
    with pytest.raises(GeniusError, match="its pyramid_levels"):
        find_levels(network, 3)


@pytest.mark.parametrize("last", [True, False])
def test_a_network_that_goes_on_with_tokens_is_refused(last):
    with pytest.raises(GeniusError, match="goes on with tokens"):
        find_levels(Tokens(last), 3)


def test_a_network_without_reduced_images_is_refused():
    with pytest.raises(GeniusError, match="no module of the network gives an image that is reduced"):
        find_levels(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), 3)


def test_a_stage_that_reduces_four_times_is_refused_with_a_hint():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 4, 4, 4), nn.Conv2d(4, 4, 2, 2), nn.AdaptiveAvgPool2d(1)
    )
    with pytest.raises(GeniusError, match=r"reduce an image \[4, 16, 32\] times"):
        find_levels(network, 3)
