"""A model's strongest beliefs, as later prompts remind it of them."""

from collections.abc import Iterator

from ..printable import one_line
from ..record.notebook import Beliefs
from ..spaces.space import SearchSpace
from ..spaces.words import option_in_words

_STRONGEST = 20
_BELIEF = 60  # characters of its subject


def strongest_beliefs(space: SearchSpace, beliefs: Beliefs | None) -> str:
    """Write the strongest beliefs in a line, options as a prompt names them; nothing without any."""
    if beliefs is None:
        return ""
    found = sorted(_scored(space, beliefs), key=lambda pair: -abs(pair[1]))
    return "; ".join(f"{words} {score:+g}" for words, score in found[:_STRONGEST])


def _scored(space: SearchSpace, beliefs: Beliefs) -> Iterator[tuple[str, float]]:
    """Yield each belief in words, with its score; one about no option of the space is left out."""
    for one in beliefs.options:
        yield from ((words, one.score) for words in _options(space, one.decision, one.option))
    for pair in beliefs.pairs:
        first, second = (
            list(_options(space, at, option)) for at, option in zip(pair.decisions, pair.options, strict=True)
        )
        yield from ((f"{one} with {other}", pair.score) for one, other in zip(first, second, strict=False))
    for cost in beliefs.costs:
        yield f"more {one_line(cost.cost, _BELIEF)}", cost.score


def _options(space: SearchSpace, at: int, option: int) -> Iterator[str]:
    """Yield an option in words, with its decision; nothing where the space has no such option."""
    if at < len(space.decisions) and option in space.decisions[at].numbers:
        yield one_line(f"{space.decisions[at].name} = {option_in_words(space, space.decisions[at], option)}", _BELIEF)
