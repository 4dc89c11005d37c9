"""The space of language models: exact costs, networks that look at nothing that is still to come, and its disguise."""

import numpy as np
import pytest
import torch
from genius import GeniusError, SearchSpace, get_space
from genius.spaces.cost import count
from genius.spaces.decision import Decision
from genius.spaces.disguise import draw_disguise
from genius.spaces.transformer_networks import Attention, Block
from genius.training.optimizer import make_optimizer
from genius.training.recipes import RECIPES

GPT = get_space("gpt-tiny")
SMALL = (1, 0, 1, 0, 0)  # 2 blocks 32 wide with 2 heads, an MLP as wide, and 32 characters


def changed(architecture, place, option):
    return (*architecture[:place], option, *architecture[place + 1 :])


@pytest.mark.parametrize("place", range(len(GPT.decisions)), ids=[decision.name for decision in GPT.decisions])
def test_every_option_costs_what_its_network_computes(place):
    base = GPT.sample(np.random.default_rng(place))
    for option in GPT.decisions[place].numbers:
        architecture = changed(base, place, option)
        network = GPT.build(architecture)
        found = count(network, (GPT.values(architecture)["context"],), text=True, strict=True)
        assert found == GPT.cost_of(architecture), architecture


def test_costs_are_those_of_one_sequence_as_long_as_the_context():
    """By hand: 2 blocks 32 wide with an MLP as wide, on 32 and on 64 characters."""
    for option, places in ((0, 32), (1, 64)):
        linear = places * (32 * 96 + 32 * 32 + 2 * 32 * 32)
        weights = 2 * (32 * 96 + 96 + 3 * (32 * 32 + 32) + 4 * 32)
        cost = GPT.cost_of(changed(SMALL, 4, option))
        assert cost.flops == 2 * (linear + 2 * places**2 * 32) + places * 32 * 97
        assert cost.params == weights + (97 + places) * 32 + 2 * 32


def test_networks_score_every_character_and_look_at_none_that_is_to_come():
    torch.manual_seed(0)
    network = GPT.build_for(SMALL, 11, 32).eval()
    numbers = torch.randint(11, (2, 32))
    other = numbers.clone()
    other[:, 20:] = (other[:, 20:] + 1) % 11
    with torch.no_grad():
        scores = network(numbers)
        assert scores.shape == (2, 32, 11)
        assert torch.equal(scores[:, :20], network(other)[:, :20])
        assert not torch.allclose(scores[:, 20:], network(other)[:, 20:], atol=1e-6)
        torch.testing.assert_close(network(numbers[:, :7]), scores[:, :7])  # shorter texts are read, too
        with pytest.raises(ValueError, match="reads up to 32 characters at once, got 33"):
            network(torch.zeros(1, 33, dtype=torch.long))


def test_places_count_and_earlier_characters_are_seen():
    torch.manual_seed(0)
    network = GPT.build_for(SMALL, 11, 32).eval()
    with torch.no_grad():
        same = network(torch.zeros(1, 32, dtype=torch.long))[0]
        assert not torch.allclose(same[3], same[9], atol=1e-6)
        first = torch.zeros(1, 32, dtype=torch.long)
        first[0, 0] = 5
        assert not torch.allclose(network(first)[0, 31], same[31], atol=1e-6)


def test_attention_without_a_mask_sees_all():
    torch.manual_seed(0)
    free, causal = Attention(32, 2, 16), Attention(32, 2, 16, causal=True)
    causal.load_state_dict(free.state_dict())
    tokens = torch.randn(1, 6, 32)
    with torch.no_grad():
        torch.testing.assert_close(free(tokens)[:, -1], causal(tokens)[:, -1])
        assert not torch.allclose(free(tokens)[:, 0], causal(tokens)[:, 0], atol=1e-6)


def test_scores_share_their_weights_with_the_embeddings_and_both_learn():
    network = GPT.build(SMALL)
    assert network.scores.weight is network.characters.weight
    assert sum(p.numel() for p in network.parameters()) == GPT.cost_of(SMALL).params
    groups = make_optimizer(network, RECIPES.find("gpt-tiny"), torch.device("cpu")).param_groups
    spared = {id(weight) for group in groups if not group["weight_decay"] for weight in group["params"]}
    assert id(network.position) in spared
    assert id(network.characters.weight) not in spared


def test_the_depth_that_the_guide_knows_is_the_number_of_blocks():
    drawn = GPT.draw(np.random.default_rng(0), 5)
    for architecture, depth in zip(drawn.tolist(), GPT.depth(drawn), strict=True):
        network = GPT.build(tuple(architecture))
        assert sum(isinstance(module, Block) for module in network.modules()) == depth


def test_a_disguise_builds_and_counts_the_same_networks():
    disguise = draw_disguise(GPT, 3)
    hidden = disguise.of(GPT)
    for shown in hidden.draw(np.random.default_rng(0), 3).tolist():
        real = disguise.reveal(tuple(shown))
        assert hidden.shape_of(tuple(shown)) == GPT.shape_of(real)
        assert count(hidden.network(tuple(shown)), hidden.shape_of(tuple(shown)), text=True) == GPT.cost_of(real)
    assert "character" not in hidden.words


def test_a_space_of_ones_own_may_read_text_and_is_counted():
    def build(architecture, num_classes=5):
        return torch.nn.Sequential(torch.nn.Embedding(num_classes, 4), torch.nn.Linear(4, num_classes))

    space = SearchSpace("mine", (Decision("none", ("0",)),), "", build, (8,), context=lambda architecture: 8)
    assert space.cost_of((0,)).flops == 8 * 4 * 5
    with pytest.raises(GeniusError, match=r"mine has a context, .*: its input_shape is .the longest context,., got"):
        SearchSpace("mine", (Decision("none", ("0",)),), "", build, (1, 8, 8), context=lambda architecture: 8)


def test_the_words_say_what_a_model_needs_to_know():
    for words in ("Lower is\nbetter", "- context: 32, 64, 128, 256", "heads cost nothing", "one sequence"):
        assert words in GPT.words
