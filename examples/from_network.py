"""A start from a network that exists: a space of a torchvision ResNet's variants, searched within a limit on FLOPs.

Run it in the root of the repository, where the workers find this module too:

genius spaces examples.from_network:SPACE
genius search examples.from_network:SPACE --data digits --recipe digits --flops - 6M --proposer guided --iterations 4

Or with the space as a file, in which decisions and options can be taken out:

genius spaces --of examples.from_network:network --input 1 8 8 > space.yaml
genius search space.yaml --data digits --recipe digits --flops - 6M --proposer guided --iterations 4
"""

import genius
from torch import nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock


def network() -> ResNet:
    """Make a small ResNet for images of 8×8 pixels: a stem that leaves them their size."""
    made = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=10)
    made.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
    made.maxpool = nn.Identity()
    return made


SPACE = genius.space_of(network(), "small-resnet", input_shape=(1, 8, 8))
