"""Prices of calls to language models, in dollars."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..record.call import Reply

_MILLION = 1e6
_FREE = {"local", "human", "replay"}


def cost_of(reply: "Reply", llm: str, price: tuple[float, float] | None = None) -> float | None:
    """Return the cost of a reply in dollars; `price` is in dollars per million tokens of prompt, and of reply.

    Without a price the library genai-prices is asked, by the names of provider and model; None where it does not know
    the model.
    """
    if price is not None:
        return (reply.input_tokens * price[0] + reply.output_tokens * price[1]) / _MILLION
    return look_up(llm, reply.input_tokens, reply.output_tokens)


def priced_name(told: Mapping[str, object]) -> str:
    """Return PROVIDER:MODEL from the parameters that a model object reports of itself."""
    return f"{told.get('provider', '')}:{told.get('model', '')}"


def look_up(llm: str, input_tokens: int = 1, output_tokens: int = 1) -> float | None:
    """Return the cost in dollars of tokens of a language model, PROVIDER:MODEL; None where its price is unknown."""
    from genai_prices import Usage, calc_price

    provider, _, model = llm.partition("@http")[0].partition(":")
    if provider in _FREE:
        return 0.0
    try:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return float(calc_price(usage, model, provider_id=provider).total_price)
    except LookupError:
        return None
