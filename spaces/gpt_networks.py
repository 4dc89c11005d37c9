"""Small language models: Transformers that read the characters before a place and score the next one. Imports torch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .transformer_networks import INITIAL_SD, initialise


class LanguageModel(nn.Module):
    """Causal Transformer blocks between the embeddings of characters and of their places, and scores of the next one.

    Characters are scored by their own embeddings, as in GPT-2 (Radford et al. 2019).
    """

    def __init__(self, vocabulary: int, context: int, width: int, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.characters = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.empty(context, width))
        self.dropped = nn.Dropout(0.0)
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, vocabulary, bias=False)
        self.apply(initialise)
        nn.init.trunc_normal_(self.position, std=INITIAL_SD)
        self.scores.weight = self.characters.weight

    def forward(self, numbers: Tensor) -> Tensor:
        """Map character numbers of shape (n, places) to scores of the next ones, of shape (n, places, vocabulary).

        Raises: ValueError for more places than the context has.
        """
        places, context = numbers.shape[1], len(self.position)
        if places > context:
            raise ValueError(f"the network reads up to {context} characters at once, got {places}")
        placed = self.dropped(self.characters(numbers) + self.position[:places])
        scores: Tensor = self.scores(self.norm(self.blocks(placed)))
        return scores
