"""Optimisers: the weights that decay, the rates of each step, and the memory that they take."""

import pytest
import torch
from genius.errors import GeniusError
from genius.training.epochs import learner
from genius.training.optimizer import copies_of_weights, make_optimizer, set_rates
from genius.training.recipes import RECIPES, override
from torch import nn
from torchvision.ops import StochasticDepth

CPU = torch.device("cpu")
SGD, ADAMW = RECIPES.find("nas-bench-macro"), RECIPES.find("vit-cifar")


class Network(nn.Module):
    """Has a weight of each kind."""

    def __init__(self):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, 4, 6))
        self.positions = nn.Embedding(4, 6)
        self.transpose = nn.Linear(6, 6, bias=False)
        self.conv = nn.Conv2d(3, 6, 1)
        self.norm = nn.LayerNorm(6)
        self.table = nn.Embedding(5, 6)


def decays(recipe):
    network = Network()
    names = {id(weight): name for name, weight in network.named_parameters()}
    groups = make_optimizer(network, recipe, CPU).param_groups
    return {names[id(weight)]: group["weight_decay"] for group in groups for weight in group["params"]}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_biases_norms_and_position_embeddings_do_not_decay_where_the_recipe_says_so(optimizer):
    recipe = override(ADAMW, [f"optimizer={optimizer}"])
    spared = {name for name, decay in decays(recipe).items() if not decay}
    assert spared == {"pos_embed", "positions.weight", "conv.bias", "norm.weight", "norm.bias"}
    assert {*decays(recipe).values()} == {0.0, 0.05}
    every = decays(override(recipe, ["no_bias_decay=false"]))
    assert {*every.values()} == {0.05}
    assert every.keys() == dict(Network().named_parameters()).keys()


def test_adamw_gets_the_rates_of_each_step():
    recipe = override(ADAMW, ["momentum=0.8", "beta2=0.95", "schedule=one-cycle"])
    optimizer = make_optimizer(Network(), recipe, CPU)
    assert isinstance(optimizer, torch.optim.AdamW)
    seen = []
    for step in range(100):
        set_rates(optimizer, recipe, step, 100)
        seen += [(group["lr"], *group["betas"]) for group in optimizer.param_groups]
    assert max(seen)[0] == pytest.approx(1e-3)
    assert {beta2 for *_, beta2 in seen} == {0.95}
    betas = [beta for _, beta, _ in seen]
    assert (min(betas), max(betas)) == pytest.approx((0.85, 0.95))  # PyTorch's one cycle, of the first moments
    constant = override(recipe, ["schedule=constant"])
    set_rates(optimizer, constant, 50, 100)
    assert {group["betas"] for group in optimizer.param_groups} == {(0.8, 0.95)}


def test_a_step_of_adamw_is_pytorchs():
    torch.manual_seed(0)
    ours = nn.Linear(4, 3)
    other = nn.Linear(4, 3)
    other.load_state_dict(ours.state_dict())
    recipe = override(ADAMW, ["no_bias_decay=false", "lr=0.1"])
    expected = torch.optim.AdamW(other.parameters(), 0.1, (0.9, 0.999), weight_decay=0.05)
    for network, optimizer in ((ours, make_optimizer(ours, recipe, CPU)), (other, expected)):
        for _ in range(3):
            optimizer.zero_grad()
            network(torch.arange(8.0).reshape(2, 4)).square().sum().backward()
            optimizer.step()
    assert torch.equal(ours.weight, other.weight)


def test_each_recipe_holds_the_weights_so_often():
    assert copies_of_weights(SGD) == 3
    assert copies_of_weights(ADAMW) == 4
    assert copies_of_weights(override(ADAMW, ["ema=0.9"])) == 5


def test_the_rates_of_stochastic_depth_rise_up_to_the_last_block():
    blocks = [StochasticDepth(0.0, "row") for _ in range(4)]
    network = nn.Sequential(nn.Linear(2, 2), *blocks)
    learner(network, override(ADAMW, ["drop_path=0.2"]), CPU)
    assert [block.p for block in blocks] == pytest.approx([0.05, 0.1, 0.15, 0.2])
    learner(network, override(ADAMW, ["drop_path=0"]), CPU)
    assert blocks[-1].p == 0.2  # 0 leaves the network as it was built
    with pytest.raises(GeniusError, match=r"drop_path=0.1 skips blocks, .* has no torchvision.ops.StochasticDepth"):
        learner(nn.Linear(2, 2), ADAMW, CPU)
