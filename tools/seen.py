"""The visible text of a language model's reply: without hidden reasoning, markup and invisible characters."""

import re
import unicodedata

_REASONING = re.compile(  # where it begins and ends: tags, `[THINK]`, `<|START_THINKING|>`, the channels of gpt-oss
    r"(?P<answer><\|channel\|>final\b[^<>]{0,80}<\|message\|>|assistantfinal(?=\W|[A-Z]))|(?P<end><\|end\|>)"
    r"|<\|channel\|>\w[^<>]{0,80}<\|message\|>|(?:<\|?|[\[◁](?=/?think\w*[\]▷]))(?P<close>/|end_)?(?:[a-z]{1,8}:|start_|ant)?"
    r"(?:think|thought|reason|scratch|reflect|analysis|inner_|internal|monologue|deliberat|brainstorm|chain_of_|cot\b)"
    r"\w{0,12}(?:\s[^<>]{0,200})?(?<!/)\|?[>\]▷]",
    re.IGNORECASE,
)
_UNSEEN = re.compile(  # terminal escapes, control and formatting characters, struck out and commented out text
    r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]{0,2000}+(?:\x07|\x1b\\)?)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad"
    r"\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
    r"|~~[^~\n]{1,400}~~|<!--(?s:.*?)(?:-->|\Z)"
)
_MARKUP = re.compile(
    r"```+(?:[a-z]\w*)?|(?<!/)\*\*+(?!/)|</?[a-z]\w{0,20} ?/?>|<\|[^|<>\n]{1,40}\|>|\\(?:left|right|text)?",
    re.IGNORECASE,
)
_PLAIN = str.maketrans("、【】「」《》“”‘’−‐‑‒\r\u2028\u2029\u3000\xa0\u2009\u202f", ",[][][]\"\"''----\n\n\n    ")
_PLAIN |= {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full-width forms


def visible(text: str) -> str | None:
    """Return a text without its hidden reasoning; None where it ends inside the reasoning."""
    kept: list[str] = []
    depth = start = 0
    for mark in _REASONING.finditer(text):
        kept += [text[start : mark.start()]] * (depth == 0)
        if mark["answer"] or (mark["close"] and depth == 0):
            kept, depth = [], 0  # all before it was reasoning
        else:
            depth = max(0, depth - 1) if mark["close"] or mark["end"] else depth + 1
        start = mark.end()
    return None if depth else "\n".join([*kept, text[start:]])


def normalise(text: str) -> str:
    """Remove markup and invisible characters; replace all spaces, brackets, quotes and digits by one kind of each."""
    text = _UNSEEN.sub("", text.encode(errors="replace").decode().replace("\r\n", "\n")).translate(_PLAIN)
    return re.sub(r"(?![0-9])\d", lambda digit: str(unicodedata.decimal(digit[0])), _MARKUP.sub(" ", text))


def short(value: object, length: int = 100) -> str:
    """Write a value in one printable line of at most `length` characters, without lone punctuation marks."""
    words = " ".join(word for word in str(value)[: 10 * length].split() if word.strip("[](){},;\"'|*`#-•"))
    line = "".join(filter(str.isprintable, words))
    return line if len(line) <= length else line[: length - 1] + "…"
