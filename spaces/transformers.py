"""The costs of Transformers: of their blocks, and of layers that are applied to each token."""

from .cost import Cost, linear


def of_tokens(tokens: int, width_in: int, width: int) -> Cost:
    """Count a linear layer with bias that is applied to each token."""
    once = linear(width_in, width)
    return Cost(tokens * once.flops, once.params)


def layer_norm(width: int) -> Cost:
    """Count a layer norm: a scale and a shift for each channel."""
    return Cost(params=2 * width)


def transformer_block(tokens: int, width: int, inner: int, ratio: int) -> Cost:
    """Count a block whose heads are `inner` wide together; a causal mask saves nothing."""
    hidden = ratio * width
    attention = of_tokens(tokens, width, 3 * inner) + of_tokens(tokens, inner, width)
    products = Cost(2 * tokens * tokens * inner)  # of queries with keys, and of their weights with values
    mlp = of_tokens(tokens, width, hidden) + of_tokens(tokens, hidden, width)
    return attention + products + mlp + layer_norm(width) * 2
