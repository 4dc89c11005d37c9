"""The space of a network as a file: written, edited, and read back."""

import sys
from pathlib import Path

import pytest
from genius import GeniusError, get_space
from genius.spaces.network_space.space_text import space_text

NAME = "network_names:Residual"


@pytest.fixture(autouse=True)
def names(tmp_path, monkeypatch):
    """Have the networks found as a user's module, and as a file beside the space."""
    from . import varied_networks

    text = Path(varied_networks.__file__).read_text()
    (tmp_path / "network_names.py").write_text(text)
    (tmp_path / "beside.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "network_names", raising=False)
    return tmp_path


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a space from a text."""

    def read(text):
        path = tmp_path / "space.yaml"
        path.write_text(text)
        return get_space(str(path))

    return read


def test_what_is_written_is_read_back(read):
    from genius import space_of

    from .varied_networks import Residual

    text = space_text(NAME, (1, 8, 8))
    assert text.startswith("# The decisions of a network, for you to edit")
    assert "  blocks width: [12, 16, 24, 36]  # channels; the network's own: 24\n" in text
    space = read(text)
    assert space.name == "Residual"
    assert space.decisions == space_of(Residual(), input_shape=(1, 8, 8)).decisions
    assert space.parts


def test_what_is_taken_out_stays_and_what_is_put_in_is_built(read):
    text = f"network: {NAME}\ninput: [1, 8, 8]\nwords: Mine.\n"
    space = read(text + "decisions: {blocks width: [20, 40], more depth: {range: [1, 4]}, stem kernel: [1, 3]}")
    assert space.name == "space"
    assert space.description == "Mine."
    assert [decision.stage for decision in space.decisions] == ["blocks", "more", "stem"]
    built = space.build((1, 3, 0))
    assert built.blocks[0].first.weight.shape == (48 - 8, 24, 3, 3) or built.stem.weight.shape == (40, 1, 1, 1)
    assert len(built.more) == 4
    assert len(built.blocks) == 3
    assert built.down.out_channels == 48
    assert space.cost_of((1, 3, 0)).params == sum(parameter.numel() for parameter in built.parameters())


def test_a_decision_may_count_under_another_s_options_alone(read):
    text = f"network: {NAME}\ninput: [1, 8, 8]\n"
    space = read(text + "decisions: {more depth: [2, 1], blocks depth: {options: [1, 4], when: {more depth: 2}}}")
    hidden = space.build((1, 0))
    assert (len(hidden.blocks), len(hidden.more)) == (1, 1)
    assert space.cost_of((1, 0)).params == sum(parameter.numel() for parameter in hidden.parameters())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "decisions: {blocks widht: [24]}",
            r"no decision 'blocks widht'; those of its network are: stem kernel, blocks",
        ),
        ("decisions: {blocks width: [24.5]}", "'blocks width' takes whole numbers up to 65,536.*, got 24.5"),
        ("decisions: {blocks width: [0, 24]}", "'blocks width' takes whole numbers up to 65,536.*, got 0"),
        ("decisions: {blocks depth: [0]}", "'blocks depth' takes whole numbers from 1 to 1,000, got 0"),
        ("decisions: {stem kernel: [2]}", "'stem kernel' takes odd whole numbers up to 99, got 2"),
        ("decisions: {}", "the decisions of a space are a dict by their names"),
        ("input: [1, 0, 8]\ndecisions: {stem kernel: [1]}", "input.1 must be at least 1, got 0"),
        ("input: [1, 9, 9]\ndecisions: {stem kernel: [1]}", r"Residual takes no inputs of shape \[1, 9, 9\]"),
    ],
)
def test_an_edit_that_cannot_be_built_is_refused_by_its_rule(read, text, error):
    head = f"network: {NAME}\n" + ("" if "input" in text else "input: [1, 8, 8]\n")
    with pytest.raises(GeniusError, match=error) as raised:
        read(head + text)
    assert "\n" not in str(raised.value)


def test_activations_and_shares_are_checked(read):
    text = "network: network_names:perceptron\ndecisions: "
    assert read(text + "{activation: [Mish, ELU]}").build((0,))[1]._get_name() == "Mish"
    with pytest.raises(GeniusError, match=r"'activation' takes one of ReLU, GELU, .* got 'Softmax'"):
        read(text + "{activation: [Softmax]}")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("network_names:needing", "needs arguments: write a function without any"),
        (
            "network_names:no_network",
            "is no torch.nn.Module, nor a class or function that .* but the str 'text'",
        ),
        ("network_names:failing", "cannot be made: ValueError: broken"),
        ("network_names:nothing", "there is no network 'network_names:nothing'"),
        ("nowhere_at_all:nothing", "there is no network 'nowhere_at_all:nothing'"),
        ("resnet18", "a network is named as MODULE:NAME or FILE.py:NAME, got 'resnet18'"),
    ],
)
def test_a_name_that_leads_to_no_network_is_refused(name, error):
    with pytest.raises(GeniusError, match=error):
        space_text(name)


def test_weights_are_never_loaded():
    assert '"0 width": [4, 6, 8, 12]' in space_text("network_names:loading", (1, 8, 8))


def test_a_network_in_a_file_lies_beside_the_space(read, monkeypatch):
    space = read("network: beside.py:small\ninput: [1, 8, 8]\ndecisions: {0 width: [8, 16]}")
    assert space.build((1,))[0].out_channels == 16


def test_an_input_without_a_network_is_refused(read):
    with pytest.raises(GeniusError, match="its input is that of a network: name that one as network: MODULE:NAME"):
        read("input: [3, 8, 8]\ndecisions: {a: [1, 2]}")


def test_a_network_of_one_s_own_is_a_space_by_its_name(names):
    (names / "network_value.py").write_text("import network_names\nNET = network_names.perceptron()\n")
    assert [decision.name for decision in get_space("network_value:NET").decisions] == [
        "0-2 width",
        "4 width",
        "activation",
    ]
