"""A space of tiny networks for digits or small images, which train in a moment."""

from genius.spaces.decision import Decision
from genius.spaces.space import SearchSpace


def build(architecture, num_classes=10, input_size=8, input_channels=1):
    """Build a network of two layers."""
    from torch import nn

    width, activation = 2 ** (architecture[0] + 1), (nn.ReLU, nn.Tanh)[architecture[1]]
    inputs = input_channels * input_size**2
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), activation(), nn.Linear(width, num_classes))


SPACE = SearchSpace(
    "tiny",
    (Decision("width", ("2", "4", "8", "16", "32")), Decision("activation", ("ReLU", "Tanh"))),
    "A network of two layers. An architecture is a list of 2 numbers.",
    build,
    input_shape=(1, 8, 8),
    data="digits",
    recipe="digits",
)
