"""RetinaNet on the levels of a network (Lin et al. 2017, "Focal Loss for Dense Object Detection"), of torchvision's
parts. Imports torch."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models.detection import RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelP6P7

from .card import ChannelScale
from .levels import Level, outputs_at
from .recipes import Recipe

_ANCHOR = 4  # the side of a level's smallest anchor, in strides: 32 pixels on P3
_SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
_SHAPES = (0.5, 1.0, 2.0)  # height over width
_EXTRA = 2  # levels above the deepest: P6 and P7


class Backbone(nn.Module):
    """A network up to its deepest level, and a feature pyramid with two more levels on top."""

    def __init__(self, body: nn.Module, levels: Sequence[Level], width: int) -> None:
        super().__init__()
        self.body, self.levels, self.out_channels = body, tuple(levels), width
        channels = [level.channels for level in levels]
        self.fpn = FeaturePyramidNetwork(channels, width, LastLevelP6P7(channels[-1], width))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images of shape (n, channels, height, width) to the pyramid's levels, in full precision.

        Anchors have the precision of the levels, and with bfloat16 they would lie 8 pixels off.
        """
        found = outputs_at(self.body, self.levels, images)
        pyramid = self.fpn(OrderedDict((str(place), output) for place, output in enumerate(found)))
        return OrderedDict((name, level.float()) for name, level in pyramid.items())


class Head(RetinaNetHead):  # type: ignore[misc]  # torchvision has no types
    """RetinaNet's heads, whose outputs have full precision, since boxes are computed from them."""

    def forward(self, levels: list[Tensor]) -> dict[str, Tensor]:
        """Map the pyramid's levels to the scores and the offsets of all anchors."""
        return {name: output.float() for name, output in super().forward(levels).items()}


def detector_of(
    body: nn.Module, levels: Sequence[Level], classes: int, recipe: Recipe, scale: ChannelScale
) -> RetinaNet:
    """Put RetinaNet on the levels of a network; images are values from 0 to 1 of any size, normalised by the scale.

    Its smallest anchor on each level is 4 strides long, as on RetinaNet's own levels.
    """
    backbone = Backbone(body, levels, recipe.pyramid)
    strides = [level.stride for level in levels]
    strides += [strides[-1] * 2**more for more in range(1, _EXTRA + 1)]
    sizes = tuple(tuple(int(_ANCHOR * stride * scale) for scale in _SCALES) for stride in strides)
    anchors = AnchorGenerator(sizes, (_SHAPES,) * len(sizes))
    return RetinaNet(
        backbone,
        classes,
        min_size=recipe.size,
        max_size=recipe.longest or 2**31,
        image_mean=list(scale.mean),
        image_std=list(scale.sd),
        anchor_generator=anchors,
        head=Head(recipe.pyramid, anchors.num_anchors_per_location()[0], classes),
        size_divisible=max(32, strides[-1] // 2**_EXTRA),
    )
