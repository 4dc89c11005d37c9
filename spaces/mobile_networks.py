"""Building blocks of mobile networks with squeeze-and-excitation and hard-swish. Imports torch."""

from torch import Tensor, nn

from .networks import Residual, conv_bn


class SqueezeExcitation(nn.Module):
    """Weighs channels by a gate computed from the means of all (Hu et al. 2018): ReLU inside, hard-sigmoid gate.

    The means are no pooling layer: thop counts none here, as it counted none in the paper's networks.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(width, inner, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, width, 1),
            nn.Hardsigmoid(inplace=True),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, height, width) to the same shape."""
        weighed: Tensor = images * self.gate(images.mean((2, 3), keepdim=True))
        return weighed


def separable(width: int, inner: int) -> nn.Module:
    """Make the depthwise-separable convolution behind the stem, `inner` channels wide in its squeeze-and-excitation."""
    depthwise = conv_bn(width, width, 3, groups=width, activation=nn.Hardswish)
    return nn.Sequential(depthwise, SqueezeExcitation(width, inner), conv_bn(width, width, 1, activation=None))


def mobile_block(width_in: int, hidden: int, width: int, *, inner: int, kernel: int, stride: int) -> nn.Module:
    """Make MobileNetV3's block (Howard et al. 2019): 1×1 to `hidden`, depthwise, squeeze-and-excitation, 1×1 back."""
    body = nn.Sequential(
        conv_bn(width_in, hidden, 1, activation=nn.Hardswish),
        conv_bn(hidden, hidden, kernel, stride=stride, groups=hidden, activation=nn.Hardswish),
        SqueezeExcitation(hidden, inner),
        conv_bn(hidden, width, 1, activation=None),
    )
    return Residual(body) if stride == 1 and width_in == width else body


def head(width_in: int, neck: int, width: int, classes: int) -> nn.Module:
    """Make the end: 1×1 convolution to `neck`, global pooling, 1×1 convolution to `width`, dropout, linear layer."""
    return nn.Sequential(
        conv_bn(width_in, neck, 1, activation=nn.Hardswish),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(neck, width, 1),
        nn.Hardswish(inplace=True),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(width, classes),
    )
