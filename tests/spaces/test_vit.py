"""The space of small vision Transformers: exact costs, images of other sizes, and blocks that do what they say."""

import numpy as np
import pytest
import torch
from genius import get_space
from genius.guide.features import encoder
from genius.spaces.cost import count
from genius.spaces.transformer_networks import Attention, Block
from genius.spaces.vit_networks import Patches
from genius.training.optimizer import make_optimizer
from genius.training.recipes import RECIPES
from torch import nn
from torchvision.ops import StochasticDepth

VIT = get_space("vit-cifar")
SMALL = (1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0)  # 4×4 patches; 64 wide, then 128 wide


def changed(architecture, place, option):
    return (*architecture[:place], option, *architecture[place + 1 :])


@pytest.mark.parametrize("place", range(len(VIT.decisions)), ids=[decision.name for decision in VIT.decisions])
def test_every_option_costs_what_its_network_computes(place):
    base = VIT.sample(np.random.default_rng(place))
    for option in VIT.decisions[place].numbers:
        architecture = changed(base, place, option)
        assert count(VIT.build(architecture), VIT.input_shape, strict=True) == VIT.cost_of(architecture), architecture


def test_attention_is_in_the_costs_and_grows_with_the_square_of_the_tokens():
    """One block 64 wide, of 2 heads 32 wide and an MLP as wide, in each of three stages, by hand."""
    for patch, tokens in enumerate((16, 64, 256)):
        architecture = (patch, *(0,) * 12)
        linear = tokens * (64 * 192 + 64 * 64 + 2 * 64 * 64)
        ends = tokens * 3 * (32 * 32 // tokens) * 64 + 64 * 10
        assert VIT.cost_of(architecture).flops == 3 * (linear + 2 * tokens**2 * 64) + ends


def test_networks_take_other_sizes_channels_and_classes():
    network = VIT.build_for(SMALL, 7, 16, 1).eval()
    with torch.no_grad():
        for height, width in ((16, 16), (32, 32), (8, 24)):
            assert network(torch.zeros(2, 1, height, width)).shape == (2, 7)


@pytest.mark.parametrize(("patch", "size"), [(0, 36), (1, 30), (2, 15)])
def test_patches_that_do_not_fill_an_image_are_refused_with_the_way_out(patch, size):
    wide = (8, 4, 2)[patch]
    words = rf"images of {size}×{size} pixels cannot be cut into patches of {wide}×{wide}: choose a patch size that"
    with pytest.raises(ValueError, match=words):
        VIT.build_for(changed(SMALL, 0, patch), 10, size)


def test_weights_of_another_image_size_are_loaded_with_their_places_resized():
    small, large = VIT.build_for(SMALL, 10, 16), VIT.build_for(SMALL, 10, 32)
    weights = {name: weight.clone() for name, weight in small.state_dict().items()}
    large.load_state_dict(weights)
    resized = nn.functional.interpolate(weights["patches.position"], (8, 8), mode="bicubic")
    assert torch.equal(large.patches.position, resized)
    again = VIT.build_for(SMALL, 10, 16)
    again.load_state_dict(weights)
    assert torch.equal(again.patches.position, small.patches.position)
    assert weights["patches.position"].shape == (1, 64, 4, 4)  # the caller's own stay as they were
    # a network on images of another size does what one for that size does with these weights
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(small.eval()(images), large.eval()(images))
    with pytest.raises(RuntimeError, match=r"size mismatch for patches\.position"):
        VIT.build_for(changed(SMALL, 2, 1), 10, 32).load_state_dict(weights)


def test_attention_is_pytorchs():
    torch.manual_seed(0)
    ours, theirs = Attention(64, 2, 32), nn.MultiheadAttention(64, 2, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.taken.weight,
            "in_proj_bias": ours.taken.bias,
            "out_proj.weight": ours.given.weight,
            "out_proj.bias": ours.given.bias,
        }
    )
    tokens = torch.randn(3, 5, 64)
    with torch.no_grad():
        expected, _ = theirs(tokens, tokens, tokens)
        torch.testing.assert_close(ours(tokens), expected)
        assert Attention(64, 6, 32)(tokens).shape == tokens.shape  # the heads need not divide the width


def test_the_order_of_patches_counts_by_their_places_alone():
    torch.manual_seed(0)
    network = VIT.build_for(SMALL, 10, 8).eval()
    images = torch.randn(1, 3, 8, 8)
    turned = images.roll(4, 2)  # the patches change places
    with torch.no_grad():
        assert not torch.allclose(network(images), network(turned), atol=1e-6)
        network.patches.position.zero_()
        torch.testing.assert_close(network(images), network(turned))


def test_a_block_that_is_skipped_is_a_shortcut():
    torch.manual_seed(0)
    block, tokens = Block(64, 2, 32, 2).train(), torch.randn(4, 5, 64)
    assert not torch.equal(block(tokens), tokens)
    block.skipped.p = 1.0
    assert torch.equal(block(tokens), tokens)
    block.skipped.p = 0.5
    kept = block.eval()(tokens)
    block.skipped.p = 0.0
    assert torch.equal(block(tokens), kept)


def test_the_depth_that_the_guide_knows_is_the_number_of_blocks():
    drawn = VIT.draw(np.random.default_rng(0), 5)
    for architecture, depth in zip(drawn.tolist(), VIT.depth(drawn), strict=True):
        network = VIT.build(tuple(architecture))
        blocks = [module for module in network.modules() if isinstance(module, Block)]
        assert len(blocks) == depth == sum(isinstance(module, StochasticDepth) for module in network.modules())
    shallow, deep = encoder(VIT).encode([changed(SMALL, 1, 0), changed(SMALL, 1, 3)]).promises
    assert (deep > shallow).all()


def test_places_biases_and_norms_do_not_decay():
    network = VIT.build(SMALL)
    groups = make_optimizer(network, RECIPES.find("vit-cifar"), torch.device("cpu")).param_groups
    spared = {id(weight) for group in groups if not group["weight_decay"] for weight in group["params"]}
    assert {name for name, weight in network.named_parameters() if id(weight) not in spared} == {
        name for name, weight in network.named_parameters() if name.endswith("weight") and weight.ndim > 1
    }
    assert isinstance(network.patches, Patches)
    assert id(network.patches.position) in spared
