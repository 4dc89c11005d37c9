"""Search for words in a text in any spelling: escaped for JSON, Python, URLs or HTML, coloured, wrapped, encoded.

Texts and words are converted to one canonical form, in small letters, with escapes undone and without blanks and
invisible characters.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import unescape
from itertools import chain

_ESCAPE = re.compile(
    r"%(?P<url>[0-9a-fA-F]{2})"
    r"|\\\\*(?:(?:u|x|U000)(?P<code>(?<=u)[0-9a-fA-F]{4}|(?<=x)[0-9a-fA-F]{2}|(?<=U000)[0-9a-fA-F]{5})|(?P<blank>[nrtbfv]))?"
    r"|&#?\w{1,8};"
)
_QUOTED = re.compile("%[0-9a-fA-F]{2}")
_UNSEEN = re.compile(
    r"\s+|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2060\ufeff]"
)
_NESTED = 4  # escapes of escapes that are undone
_SHORTEST = 6  # characters; shorter words are no secrets
_KEPT, _LONGEST_KEPT = 512, 8_192  # texts in the cache, since many are met again, and their most characters

Span = tuple[int, int]


class Finder:
    """Finds words in texts and replaces them; `words` maps each word to its replacement."""

    def __init__(self, words: Mapping[str, str]) -> None:
        forms = {form: name for word, name in words.items() for form in _forms(word)}
        self._forms = sorted(forms.items(), key=lambda form: -len(form[0]))
        self._shortest = min(map(len, forms), default=0)
        self._replaced = lru_cache(_KEPT)(self._replace)

    def replace(self, text: str) -> str:
        """Return the text with every word replaced."""
        if not self._forms or len(text) < self._shortest:
            return text
        return self._replaced(text) if len(text) <= _LONGEST_KEPT else self._replace(text)

    def _replace(self, text: str) -> str:
        bare = _bare(text)
        found = [(form, name) for form, name in self._forms if form in bare]
        for start, end, name in _merged(_places(text, found)) if found else ():
            text = text[:start] + name + text[end:]
        return text


def _places(text: str, forms: list[tuple[str, str]]) -> list[tuple[int, int, str]]:
    """Return the places of canonical forms in a text: start, end, and replacement."""
    bare, spans = _traced(text)
    places = []
    for form, name in forms:
        at = bare.find(form)
        while at >= 0:
            places.append((spans[at][0], spans[at + len(form) - 1][1], name))
            at = bare.find(form, at + 1)
    return places


def _merged(places: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Merge overlapping places, the last place first; the one that begins first gives the replacement."""
    apart: list[tuple[int, int, str]] = []
    for start, end, name in sorted(places, key=lambda place: (place[0], -place[1])):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]), apart[-1][2])
        else:
            apart.append((start, end, name))
    return apart[::-1]


def _forms(word: str) -> set[str]:
    """Return the canonical forms of a word: as it is, in base64 at each of three offsets, and in hexadecimal."""
    word = word.strip()
    raw = word.encode(errors="surrogateescape")
    written = {word, raw.decode("latin-1"), raw.hex(), "+".join(word.split())}
    for before in range(3):
        whole = b64encode(bytes(before) + raw).decode()[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        written |= {whole, whole.replace("+", "-").replace("/", "_")}
    return {form for form in map(_bare, written) if len(form) >= _SHORTEST}


def _bare(text: str) -> str:
    """Convert a text to the canonical form."""
    for _ in range(_NESTED):
        if "\\" in text or "&" in text or _QUOTED.search(text):
            text = _ESCAPE.sub(_meant, text)
    text = text.replace(" ", "").replace("\n", "")
    return _lower(text if text.isprintable() else _UNSEEN.sub("", text))


def _traced(text: str) -> tuple[str, list[Span]]:
    """Convert a text to the canonical form, and return the span in the text that each character comes from."""
    spans = [(at, at + 1) for at in range(len(text))]
    for _ in range(_NESTED):
        text, spans = _rewritten(text, spans, _ESCAPE, _meant)
    text, spans = _rewritten(text, spans, _UNSEEN, lambda _: "")
    return _lower(text), spans


def _rewritten(
    text: str, spans: list[Span], pattern: re.Pattern[str], mean: Callable[[re.Match[str]], str]
) -> tuple[str, list[Span]]:
    pieces, places, at = [], [], 0
    for found in pattern.finditer(text):
        start, end = found.span()
        meant = mean(found)
        pieces += [text[at:start], meant]
        places += [spans[at:start], [(spans[start][0], spans[end - 1][1])] * len(meant)]
        at = end
    return "".join([*pieces, text[at:]]), list(chain(*places, spans[at:]))


def _meant(found: re.Match[str]) -> str:
    """Return the character that an escape stands for; nothing for a backslash before any other letter."""
    code = found["url"] or found["code"]
    if code:
        return chr(int(code, 16))
    if found["blank"]:
        return " "
    return "" if found[0].startswith("\\") else unescape(found[0])


def _lower(text: str) -> str:
    return text.replace("İ", "i").lower()  # its small form has two characters, which would shift the spans
