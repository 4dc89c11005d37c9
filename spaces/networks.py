"""Building blocks that several search spaces share. Imports torch: spaces import this file only when they build."""

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn


def conv_bn(
    width_in: int,
    width: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[..., nn.Module] | None = nn.ReLU,
) -> nn.Module:
    """Make a convolution without bias that keeps the size at stride 1, its batch norm and its activation, if any."""
    conv = nn.Conv2d(width_in, width, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [conv, nn.BatchNorm2d(width)]
    return nn.Sequential(*layers, activation(inplace=True)) if activation else nn.Sequential(*layers)


def inverted_residual(width_in: int, hidden: int, width: int, kernel: int, stride: int) -> nn.Module:
    """Make MobileNetV2's block (Sandler et al. 2018): 1×1 to `hidden` channels, depthwise, 1×1 back without ReLU."""
    body = nn.Sequential(
        conv_bn(width_in, hidden, 1),
        conv_bn(hidden, hidden, kernel, stride=stride, groups=hidden),
        conv_bn(hidden, width, 1, activation=None),
    )
    return Residual(body) if stride == 1 and width_in == width else body


class Residual(nn.Module):
    """Adds a body's input to its output, with a ReLU after the sum where `relu` says so."""

    def __init__(self, body: nn.Module, *, relu: bool = False) -> None:
        super().__init__()
        self.body = body
        self.after = nn.ReLU() if relu else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, height, width) to the same shape."""
        summed: Tensor = self.after(images + self.body(images))
        return summed


def classifier(features: nn.Module, width: int, classes: int) -> nn.Module:
    """Put global average pooling and a linear layer behind a feature extractor that ends in `width` channels."""
    return nn.Sequential(
        OrderedDict(
            features=features,
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            linear=nn.Linear(width, classes),
        )
    )
