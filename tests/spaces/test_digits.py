import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from genius.spaces.cost import FIELDS, Cost, count
from genius.spaces.digits import DIGITS
from genius.spaces.space import Architecture, BadArchitecture

_SAMPLES = [(0,) * 9, (1,) * 9, (2,) * 9, *(DIGITS.sample(np.random.default_rng(seed)) for seed in range(12))]


def test_the_space_is_large_enough() -> None:
    assert DIGITS.size == 3**9
    assert len(DIGITS.decisions) == 9


@pytest.mark.parametrize("architecture", _SAMPLES, ids=str)
def test_the_fast_cost_is_what_the_network_computes(architecture: Architecture) -> None:
    assert DIGITS.cost_of(architecture) == count(DIGITS.build(architecture), DIGITS.input_shape)


def test_the_whole_space_is_costed_fast() -> None:
    architectures = list(DIGITS.architectures())
    started = time.perf_counter()
    costs = DIGITS.costs(architectures)
    assert time.perf_counter() - started < 2
    assert costs.shape == (DIGITS.size, FIELDS)
    assert Cost(*costs[-1].tolist()) == DIGITS.cost_of((2,) * 9)


def test_networks_are_what_the_description_says() -> None:
    network = DIGITS.build((0, 1, 2, 1, 2, 0, 2, 0, 1))
    convs = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in convs] == [
        (1, 4, 3, 1),
        (4, 4, 3, 1),
        (4, 4, 3, 1),
        (4, 16, 5, 2),
        (16, 64, 1, 1),
        (64, 64, 1, 1),
    ]
    images = torch.zeros(2, *DIGITS.input_shape)
    assert network.features(images).shape == (2, 64, 4, 4)
    assert network(images).shape == (2, 10)


def test_every_option_is_described() -> None:
    lines = {line.split(":")[0]: line for line in DIGITS.description.splitlines() if line.startswith("- w")}
    for decision in DIGITS.decisions[::3]:
        widths = (option.removesuffix(" channels") for option in decision.options)
        expected = ", ".join(f"{number} = {width}" for number, width in enumerate(widths))
        assert lines[f"- {decision.name}"] == f"- {decision.name}: {expected} channels"
    order = "w1, k1, d1, w2, k2, d2, w3, k3 and d3"
    assert order in DIGITS.description
    assert [decision.name for decision in DIGITS.decisions] == order.replace(" and", ",").split(", ")


def test_an_option_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadArchitecture, match="k3 takes a number from 0 to 2, got 3"):
        DIGITS.cost_of((0, 0, 0, 0, 0, 0, 0, 3, 0))


def test_the_space_is_imported_without_torch() -> None:
    subprocess.run(
        [sys.executable, "-c", "import genius.spaces.digits, sys; assert 'torch' not in sys.modules"], check=True
    )
