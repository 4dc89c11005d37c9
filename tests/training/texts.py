"""Small texts with structure, of which a language model learns more than how frequent each character is."""

from pathlib import Path
from random import Random

_NOUNS = ["river", "stone", "window", "garden", "letter", "morning", "captain", "engine", "island", "winter"]
_VERBS = ["sees", "holds", "finds", "moves", "keeps", "takes"]
_KINDS = ["old", "small", "green", "quiet", "heavy"]


def write_text(path: Path, characters: int = 12_000, seed: int = 0) -> Path:
    """Write sentences of one form, of about so many characters; return the path."""
    draw, found, length = Random(seed), [], 0
    while length < characters:
        one, other = draw.choice(_NOUNS), draw.choice(_NOUNS)
        found.append(f"The {draw.choice(_KINDS)} {one} {draw.choice(_VERBS)} the {other}.\n")
        length += len(found[-1])
    path.write_text("".join(found), encoding="utf-8")
    return path
