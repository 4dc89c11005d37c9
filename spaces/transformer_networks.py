"""Building blocks of Transformers, of images as of text. Imports torch."""

from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import StochasticDepth

INITIAL_SD = 0.02
"""The standard deviation of initial weights, as in ViT and GPT-2."""


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017), each head `head_width` wide whatever the width of the tokens.

    Where it is `causal`, no token sees those behind it.
    """

    def __init__(self, width: int, heads: int, head_width: int, *, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.taken = nn.Linear(width, 3 * heads * head_width)  # query, key and value
        self.given = nn.Linear(heads * head_width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same shape."""
        query, key, value = self.taken(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        found: Tensor = self.given(mixed.transpose(1, 2).flatten(2))
        return found


class Block(nn.Module):
    """A Transformer's block: attention and an MLP of `ratio` times the width, each behind a layer norm and a shortcut.

    Stochastic depth skips each of both for some examples of a batch, where a recipe sets its rate.
    """

    def __init__(self, width: int, heads: int, head_width: int, ratio: int, *, causal: bool = False) -> None:
        super().__init__()
        attention, hidden = Attention(width, heads, head_width, causal=causal), ratio * width
        self.attention = nn.Sequential(nn.LayerNorm(width), attention, nn.Dropout(0.0))
        mlp = (nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.mlp = nn.Sequential(nn.LayerNorm(width), *mlp, nn.Dropout(0.0))
        self.skipped = StochasticDepth(0.0, "row")

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same shape."""
        tokens = tokens + self.skipped(self.attention(tokens))
        found: Tensor = tokens + self.skipped(self.mlp(tokens))
        return found


def initialise(module: nn.Module) -> None:
    """Draw the weights of linear layers and of embeddings from a truncated normal distribution; biases are 0."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.trunc_normal_(module.weight, std=INITIAL_SD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
