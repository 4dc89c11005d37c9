"""Networks as users write them, whose variants are searched."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """A residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(images + self.second(functional.relu(self.norm(self.first(images)))))


class Residual(nn.Module):
    """Blocks in a Sequential and in a list, and a head that goes by the number of pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 24, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(24) for _ in range(3)))
        self.down = nn.Conv2d(24, 48, 3, 2, 1)
        self.more = nn.ModuleList(Block(48) for _ in range(2))
        self.head = nn.Linear(48 * 16, 10)

    def forward(self, images: Tensor) -> Tensor:
        images = self.down(self.blocks(self.stem(images)))
        for block in self.more:
            images = block(images)
        return self.head(images.flatten(1))


class Attention(nn.Module):
    """Attention with queries, keys and values in one layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        n, length, width = tokens.shape
        parts = self.qkv(tokens).reshape(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts)
        return self.out(attended.transpose(1, 2).reshape(n, length, width))


class AttentionBySize(nn.Module):
    """Attention with layers of their own, which goes by a number that it holds."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, width // heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        n, length, _ = tokens.shape
        query, key, value = (
            layer(tokens).view(n, length, self.heads, self.head_dim).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        attended = (query @ key.transpose(-1, -2) * self.head_dim**-0.5).softmax(-1) @ value
        return self.out(attended.transpose(1, 2).reshape(n, length, self.heads * self.head_dim))


class Transformer(nn.Module):
    """A vision transformer of a user's own."""

    def __init__(self, attention: type[nn.Module]) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 48, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 48))
        self.places = nn.Parameter(torch.randn(1, 17, 48) * 0.02)
        self.blocks = nn.ModuleList(TransformerBlock(attention) for _ in range(4))
        self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 10)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(images), -1, -1), tokens], 1) + self.places
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens)[:, 0])


class TransformerBlock(nn.Module):
    """Attention and a perceptron."""

    def __init__(self, attention: type[nn.Module]) -> None:
        super().__init__()
        self.before, self.attention, self.between = nn.LayerNorm(48), attention(48, 6), nn.LayerNorm(48)
        self.perceptron = nn.Sequential(nn.Linear(48, 192), nn.GELU(), nn.Linear(192, 48))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.before(tokens))
        return tokens + self.perceptron(self.between(tokens))


class Segmenter(nn.Module):
    """A network with a concatenation, whose output is a map of scores."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, 2, 1)
        self.up, self.last = nn.ConvTranspose2d(32, 16, 2, 2), nn.Conv2d(32, 16, 3, padding=1)
        self.scores = nn.Conv2d(16, 5, 1)

    def forward(self, images: Tensor) -> Tensor:
        wide = self.first(images).relu()
        return self.scores(self.last(torch.cat([wide, self.up(self.down(wide).relu())], 1)).relu())


class Grouped(nn.Module):
    """A gate that halves channels, a grouped convolution and a grouped norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(16, 24, 3, padding=1, groups=4)
        self.norm, self.head = nn.GroupNorm(6, 24), nn.Linear(24, 7)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.norm(self.second(functional.glu(self.first(images), 1))).mean((2, 3)))


class Tied(nn.Module):
    """Two layers that share their weights, and one that is called three times."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = nn.Linear(16, 32), nn.Linear(32, 32)
        self.one, self.other = nn.Linear(32, 16), nn.Linear(32, 16)
        self.head = nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 4))
        self.other.weight = self.one.weight

    def forward(self, values: Tensor) -> Tensor:
        values = self.first(values).relu()
        for _ in range(3):
            values = values + self.again(values).relu()
        return self.head(self.one(values) + self.other(values))


class Recurrent(nn.Module):
    """A recurrent layer, which stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.cells = nn.Linear(8, 16), nn.GRU(16, 32, batch_first=True)
        self.hidden, self.head = nn.Linear(32, 64), nn.Linear(64, 3)

    def forward(self, steps: Tensor) -> Tensor:
        return self.head(self.hidden(self.cells(self.enter(steps))[0][:, -1]).relu())


class ByValues(nn.Module):
    """A network that goes by the values of its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, values: Tensor) -> Tensor:
        values = self.layer(values)
        return self.head(values if values.sum() > 0 else -values)


def perceptron() -> nn.Module:
    """Make hidden layers of two widths."""
    layers = (nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 30), nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(30, 3))


def convolutions() -> nn.Module:
    """Make convolutions of which one is not padded, a flattened image, and dropout in place."""
    features = (nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5))
    head = (nn.Linear(32 * 4 * 4, 50), nn.ReLU(inplace=True), nn.Dropout(0.1, inplace=True), nn.Linear(50, 10))
    return nn.Sequential(*features, nn.ReLU(), nn.Flatten(), *head)


def signals() -> nn.Module:
    """Make a network of signals, not of images."""
    layers = (nn.Conv1d(2, 16, 5, padding=2), nn.ReLU(), nn.Conv1d(16, 32, 3, padding=1, stride=2), nn.ReLU())
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 4))


def encoder() -> nn.Module:
    """Make torch's own transformer."""
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.Sequential(
        nn.Linear(6, 32), nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), nn.Flatten(), nn.Linear(160, 2)
    )


def small() -> nn.Module:
    """Make a network for digits."""
    layers = (nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(32, 10))


def needing(width: int) -> nn.Module:
    """Need an argument."""
    return nn.Linear(width, 2)


def no_network() -> str:
    """Make no network."""
    return "text"


def failing() -> nn.Module:
    """Fail."""
    raise ValueError("broken")


def loading(weights: str = "DEFAULT") -> nn.Module:
    """Load weights by default, as some libraries do."""
    assert weights is None, "weights would be downloaded"
    return small()
