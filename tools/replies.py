"""Reading of the architecture that a language model's reply declares.

The visible text of a reply is rewritten until every notation is a plain list in square brackets. Then one rule decides:

- A declaration is the list behind `Architecture:`, `Final answer:` and the like, on the line or directly below, or the
  field `architecture` of a JSON object. It takes precedence over all other lists. If declarations differ, the last one
  counts where the reply ends with it.
- Without a declaration the only architecture in the reply counts. Two, or one that is only quoted, are refused.
- `-` alone, or `Architecture: -` at the end, declares that nothing better is left.

A reply is hostile data: every pattern is matched in linear time.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ..spaces.decision import Decision
from ..spaces.space import Architecture, BadArchitecture, SearchSpace
from .expectation import EXPECTATION_FIELDS, NO_EXPECTATION, Expectation, expectation_told, is_told_apart, said_in
from .notation import LIST, as_lists, is_list, is_partial, options_of
from .seen import normalise, short, visible
from .values import UNKNOWN, names_a_decision, number_marked, objects_as_lists, rounded_values

RATIONALE_LENGTH = 500
READ_LENGTH = 50_000
"""Characters; of a longer reply only the lines within its last ones are read."""

REPLY_FORM = "end with one line `Architecture: […]`"
_NOTHING = ["\0"]  # a character that no visible text holds
_LABEL = r"""(?:^[^\w\n]{0,20}+|[{,]\s?["'])(?:\d\d?[.)]\s+)?(?:(?:so|thus|hence|therefore|finally|here(?:'?s|\sis)
    |this\sis|my|our|the|an?|i|we|final|proposed?|new|revised|updated|improved|adjusted|corrected|modified|chosen|choose
    |suggest(?:ed)?|recommend(?:ed)?|selected|complete|full|total|overall|resulting)[\s,:_-]{1,3}){0,6}+
    (?:(?P<strict>architecture|answer)|arch|design|proposal|choice|config(?:uration)?|solution|op_?list|recommendation)
    ["'*_\s]{0,4}(?:(?P<colon>:)|=|[-=]>|→|(?:is|would\sbe|will\sbe)\b:?|(?=[^\w\n]*$))"""
_DECLARED = re.compile(
    rf"""{_LABEL}(?:(?P<nothing>[^\w\n–—-]*[–—-][^\w\n–—-]*$)
    |(?P<gap>\W*?(?:\w[\w.]{{0,30}}\s?[=(]\W*?)?)(?P<list>{LIST})
    (?:(?:[^\w.;\n]|\b(?:or|and|vs)\b)*?(?P<beside>{LIST})|[^\w\n]*\n[^\w\n]*(?P<below>{LIST})(?=[^\w\n]*$))?)?""",
    re.I | re.M | re.X,
)
_QUOTED = re.compile(
    r"\b(?:not|never|instead\sof|than|unlike|reject\w*|discard\w*|avoid\w*|consider\w*|tried|(?:iteration|experiment)\s\d+)"
    r"\b(?:[^\w,.:;!?\n]+\w+){0,3}[^\w,.;!?\n]*\Z|^\W*(?:previous|earlier|former|old|original|rejected|tried|failed|baseline"
    r"|alternative|(?:current|my|the)?\s?(?:best|worst)|(?:iteration|experiment|trial)\s?\d+)\b[^:\n]{0,60}:\W*\Z",
    re.I | re.M,
)
_REPORTED = re.compile(
    r"[^\w.\n]+(?:\w+ )?(?:(?:reached|achieved|got|gave|had|scored|obtained|attained)\b[^.\n]{0,40}?\d+(?:\.\d+)?\s?%"
    r"|(?:was|were|is)\s(?:\w+\s)?(?:reject|discard|tried|tested|worse)|failed)",
    re.I,
)
_BOXED = re.compile(r"\\boxed\s*(?=\{)|<(?:final_)?(?:answer|architecture)>", re.I)


class UnreadableReply(ValueError):
    """A reply that declares no architecture of the space; the message states the rule and the value."""


@dataclass(frozen=True)
class Reading:
    """The content of a reply: an architecture, or None where it declares that nothing better is left; the rationale.

    `rounded` names the values that were taken to the nearest level, `expectation` is the value that the reply expects.
    """

    architecture: Architecture | None
    rationale: str
    rounded: str = ""
    expectation: Expectation = NO_EXPECTATION


def read_reply(text: str, space: SearchSpace) -> Reading:
    """Read the architecture that a reply declares, or its declaration that nothing better is left.

    Raises: UnreadableReply, with the broken rule or the ambiguity.
    """
    text, reason, expectation = _unwrapped(text.strip(), space)
    text = text if len(text) <= READ_LENGTH else text[-READ_LENGTH:].partition("\n")[2]
    text = objects_as_lists(text, space) if space.by_value else text  # before the escapes of JSON are taken for markup
    text = normalise(_BOXED.sub("\nArchitecture: ", text))
    if is_told_apart(space):
        text, found = said_in(text)
        expectation = expectation or found
    text = as_lists(text, space, _LABEL)
    options = _NOTHING if text.strip(" \n\"'`*_.") in ("-", "–", "—") else _declared(text, space) or _only(text, space)
    said = re.sub(LIST, lambda one: one[0] * (one[0].count(",") + 1 != len(space.decisions)), _DECLARED.sub(" ", text))
    architecture = None if options == _NOTHING else _architecture(options, space)
    taken = "" if architecture is None else short("; ".join(rounded_values(options, space)), RATIONALE_LENGTH)
    return Reading(architecture, short(reason or said, RATIONALE_LENGTH), taken, expectation or NO_EXPECTATION)


def _unwrapped(text: str, space: SearchSpace) -> tuple[str, str, Expectation | None]:
    """Return the visible text of a reply, and the reason and the expectation of a JSON object.

    The object's declaration is rewritten as a line.

    Raises: UnreadableReply where the reply ends inside its reasoning.
    """
    value = _decoded(text, space)
    shown = text if value else visible(text)
    if shown is None:
        raise UnreadableReply(f"the reply ends inside its reasoning; {REPLY_FORM}")
    start, end = shown.find("{"), shown.rfind("}") + 1
    value = value or _decoded(shown[start:end], space)
    if not value:
        return shown, "", None
    answer = value["architecture"]
    line = (
        answer if isinstance(answer, str) else "-" if answer in (None, []) else json.dumps(answer, ensure_ascii=False)
    )
    reason = next((str(value[key]) for key in ("rationale", "reason", "reasoning") if value.get(key)), "")
    written = f"{shown[:start]}\nArchitecture: {line}\n{shown[end:]}"
    return written, normalise(visible(reason) or ""), expectation_told(value)


def _decoded(text: str, space: SearchSpace) -> dict[str, object]:
    """Decode a JSON object with the field `architecture`; empty for any other text."""
    try:
        value = json.loads(text, object_pairs_hook=partial(_object, space)) if text.startswith("{") else {}
    except UnreadableReply:
        raise
    except (ValueError, RecursionError):  # no JSON, or beyond Python's limits of digits and nesting
        return {}
    inner = value.get("architecture")
    if isinstance(inner, dict) and names_a_decision(list(inner), space):
        return value
    others = [key for key in value if key not in EXPECTATION_FIELDS or not is_told_apart(space)]
    if space.by_value and names_a_decision(others, space):
        return {}  # it is the architecture itself
    return value if "architecture" in value else {}


def _object(space: SearchSpace, pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in ((key.lower(), value) for key, value in pairs):
        if made.setdefault(key, value) != value and not (key in EXPECTATION_FIELDS and is_told_apart(space)):
            raise UnreadableReply(f"{short(key)} is given twice, as {short(made[key])} and as {short(value)}")
    return made


def _declared(text: str, space: SearchSpace) -> list[str]:
    """Return the declared options, `_NOTHING` where nothing is left; empty without a declaration."""
    found, end, is_key, size = [], 0, False, len(space.decisions)
    for match in _DECLARED.finditer(text):
        options = options_of(match["list"], space) if match["list"] else _NOTHING
        if not (match["list"] or match["nothing"]) or not (match["strict"] or len(options) == size):
            continue
        found.append(options)
        end, is_key = max(match.end("nothing"), match.end("list")), match[0].lstrip()[0] in "{,\"'"
        other = options_of(match["beside"] or ("\n" in (match["gap"] or "") and match["below"]) or "", space)
        if len(other) == size and is_list(other, space) and not _fits(other, options):
            raise UnreadableReply(f"two lists are declared at once; {REPLY_FORM}")
    differ = _NOTHING in found or not all(_fits(options, found[-1]) for options in found)
    if differ and (is_key or re.search(r"\w", text[end:])):
        raise UnreadableReply(f"declarations differ, and the reply does not end with one of them; {REPLY_FORM}")
    return found[-1] if found else []


def _only(text: str, space: SearchSpace) -> list[str]:
    """Return the options of the only architecture in a reply without a declaration, or those of the closest list."""
    size = len(space.decisions)
    start = max((match.end() for match in _DECLARED.finditer(text) if match["colon"] and match["strict"]), default=0)
    found = [(match, options_of(match[0], space)) for match in re.compile(LIST).finditer(text, start)]
    lists = [(match, options) for match, options in found if is_list(options, space)]
    whole = [(match, options) for match, options in lists if len(options) == size and not is_partial(options)]
    if not whole:
        return max((options for _, options in lists), key=len, default=[])
    match, options = whole[-1]
    if not all(_fits(other, options) for _, other in lists if len(other) == size):
        raise UnreadableReply(f"the reply holds different architectures and declares none; {REPLY_FORM}")
    if _QUOTED.search(text[max(0, match.start() - 150) : match.start()]) or _REPORTED.match(text, match.end()):
        raise UnreadableReply(f"the reply mentions an architecture and declares none; {REPLY_FORM}")
    return options


def _fits(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Tell whether a partial list, with a `?` for each missing option, agrees with a complete one."""
    return len(part) == len(whole) and all(
        one == other or one.startswith(UNKNOWN) for one, other in zip(part, whole, strict=True)
    )


def _architecture(options: Sequence[str], space: SearchSpace) -> Architecture:
    """Convert options to an architecture.

    Raises: UnreadableReply, with the first broken rule.
    """
    size = len(space.decisions)
    if len(options) != size:
        kind = "values" if space.by_value else "numbers"
        found = f"expected {size} {kind}, got {len(options)}: [{short(', '.join(options))}]"
        raise UnreadableReply(
            found if options else f"no architecture found: expected a list of {size} {kind}; {REPLY_FORM}"
        )
    if space.by_value:
        options = [_number(option, decision) for option, decision in zip(options, space.decisions, strict=True)]
    for option, decision in zip(options, space.decisions, strict=True):
        if not re.fullmatch(r"-?\d{1,9}", option):
            rule = f"{decision.name} takes a number from {decision.numbers[0]} to {decision.numbers[-1]}"
            raise UnreadableReply(f"{rule}, got {short(option).removeprefix(UNKNOWN) or 'none'}")
    try:
        return space.check(tuple(map(int, options)))
    except BadArchitecture as error:
        raise UnreadableReply(short(error, 300)) from error


def _number(item: str, decision: Decision) -> str:
    """Return the option number of a mark.

    Raises: UnreadableReply where a value stands for no option of the decision.
    """
    number, _ = number_marked(item, decision) or (None, "")
    if number is None:
        kind = "one of" if decision.scale is None else "a number from"
        rule = f"{decision.name} takes {kind} {decision.allowed}"
        raise UnreadableReply(f"{rule}, got {short(item).removeprefix(UNKNOWN).strip() or 'none'}")
    return str(number)
