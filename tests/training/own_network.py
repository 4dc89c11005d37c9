"""A space of a user's own, found as `own_network:SPACE`: lazy layers, batch norm, dropout, weights under two names."""

import torch
from genius.spaces.decision import Decision
from genius.spaces.space import SearchSpace
from torch import nn


class Network(nn.Module):
    """Its layers have names that sort behind the classifier's, and two of them share their weights."""

    def __init__(self, width, classes):
        super().__init__()
        self.stem = nn.LazyConv2d(width, 3, padding=1)
        self.twin = nn.Conv2d(width, width, 3, padding=1)
        self.again = nn.Conv2d(width, width, 3, padding=1)
        self.again.weight = self.twin.weight
        self.zz_norm = nn.BatchNorm2d(width)
        self.drop = nn.Dropout(0.3)
        self.classifier = nn.Linear(width, classes)

    def forward(self, images):
        features = torch.relu(self.zz_norm(self.stem(images)))
        features = torch.relu(self.again(torch.relu(self.twin(features))))
        return self.classifier(self.drop(features.mean((2, 3))))


def build(architecture, num_classes=10):
    return Network(8 * (1 + architecture[0]), num_classes)


class Choosy(Network):
    """Goes by what it sees, which nothing can trace."""

    def forward(self, images):
        return super().forward(images) if images.sum() > 0 else super().forward(-images)


SPACE = SearchSpace("own", (Decision("width", ("8", "16")),), "", build, (3, 32, 32))
CHOOSY = SearchSpace("choosy", (Decision("width", ("8", "16")),), "", lambda architecture: Choosy(8, 3), (3, 16, 16))
