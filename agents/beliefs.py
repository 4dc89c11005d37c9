"""The question for a model's starts and beliefs before anything was measured, and the reading of its answer.

Unreadable parts are left out and named. An answer is hostile data: parts beyond a bound are not looked at.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from ..printable import one_line
from ..record.call import Reply
from ..record.candidate import Message
from ..record.goal import Goal
from ..record.notebook import Beliefs, CostBelief, OptionBelief, PairBelief
from ..spaces.decision import Decision, number_near
from ..spaces.region import Region
from ..spaces.space import Architecture, SearchSpace
from ..tools.proposal import proposal_schema
from ..tools.replies import UnreadableReply, read_reply
from ..tools.seen import short, visible
from ..tools.values import part_of, plain_name
from .prompting import Prompts
from .proposer import Form

_STARTS, _OPTIONS, _PAIRS, _COSTS = 3, 60, 20, 8
"""How many starts, and beliefs on options, pairs and costs, are taken from an answer."""
_NAMED = 60  # decisions, and options, up to which a schema names each
_WHY = 200  # characters of a reason
_STRONGEST = 2.0  # score
_LEFT_OUT = 5  # faults that are named
_DEEPEST = 10  # objects and lists in one another


class UnreadableAnswer(ValueError):
    """An answer of a model that holds nothing of its form; the message names the missing parts."""


@dataclass(frozen=True)
class Stated:
    """The statement of a model: its beliefs, and their omitted or changed parts, each in words."""

    beliefs: Beliefs
    notes: tuple[str, ...] = ()


def costs_named(space: SearchSpace) -> list[str]:
    """Name the costs on which a model may have a belief."""
    depth = ["depth"] if space.depth is not None else []
    return ["flops", "params", *depth] if space.costed else depth


# --- the question


def beliefs_form(space: SearchSpace) -> Form:
    """Return the form of starts and beliefs; the schema names decisions and options where they are few."""
    architecture = proposal_schema(space)["properties"]["architecture"]  # type: ignore[index]
    score = {"type": "number", "description": "from -2, much worse, to 2, much better"}
    judged = {"score": score, "why": {"type": "string", "description": "why, in a sentence"}}
    one = {"decision": _of_decision(space), "option": _of_option(space)}
    other = {f"other_{name}": kind for name, kind in one.items()}
    parts = {
        "starts": _list(architecture, _STARTS, "architectures to evaluate first, the best one first"),
        "options": _list(_object({**one, **judged}), _OPTIONS, "judgements of single options"),
        "pairs": _list(_object({**one, **other, **judged}), _PAIRS, "judgements of two options together"),
    }
    if costs := costs_named(space):
        cost = {"type": "string", "enum": costs}
        parts["costs"] = _list(_object({"cost": cost, **judged}), _COSTS, "whether more of a cost is better")
    words = "The architectures to try first, and the beliefs before anything was measured."
    return Form("beliefs", {"title": "beliefs", "description": words, **_object(parts)})


def _object(fields: Mapping[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": dict(fields), "required": list(fields), "additionalProperties": False}


def _list(items: object, most: int, words: str) -> dict[str, object]:
    return {"type": "array", "description": words, "items": items, "maxItems": most}


def schema_of_option(space: SearchSpace) -> dict[str, object]:
    """Return the schema of an option of a decision."""
    return _object({"decision": _of_decision(space), "option": _of_option(space)})


def _of_decision(space: SearchSpace) -> dict[str, object]:
    names = [decision.name for decision in space.decisions]
    return {"type": "string", **({"enum": names} if len(names) <= _NAMED else {"description": "the decision's name"})}


def _of_option(space: SearchSpace) -> dict[str, object]:
    """Describe an option: its number where architectures are lists of numbers, else its value as a text."""
    if not space.by_value:
        return {"type": "integer", "enum": sorted({n for decision in space.decisions for n in decision.numbers})}
    names = list(dict.fromkeys(name for decision in space.decisions for name in decision.names))
    few = len(names) <= _NAMED and not any(decision.scale for decision in space.decisions)
    return {"type": "string", **({"enum": names} if few else {"description": "the option's name or value"})}


def ask_beliefs(prompts: Prompts, region: Region, goal: Goal, evaluations: int | None) -> list[Message]:
    """Write the question for starts and beliefs."""
    space = region.space
    words = prompts.render(
        "beliefs",
        space=space.words,
        rule=space.rule,
        limits=region.words if region.limits.limited else "",
        objectives="; ".join(objective.words for objective in goal.objectives),
        evaluations=evaluations or 0,
        starts=_STARTS,
        options=_OPTIONS,
        pairs=_PAIRS,
        costs=costs_named(space),
        text_form=beliefs_in_text(prompts, space),
    )
    return [Message(role="user", content=words)]


def beliefs_in_text(prompts: Prompts, space: SearchSpace) -> str:
    """Describe the form of starts and beliefs in plain text."""
    decision = space.decisions[0]
    return prompts.render(
        "beliefs_text",
        example="{" + json.dumps(decision.name) + ": <its value>, …}" if space.by_value else "[<number>, …]",
        decision=decision.name,
        option="<its value>" if space.by_value else "<number of its option>",
        costs=costs_named(space),
    )


# --- the answer


def read_beliefs(reply: Reply, region: Region) -> Stated:
    """Read the starts and beliefs of an answer: a JSON object, or a line for each.

    Raises: UnreadableAnswer where there are none.
    """
    text = seen(reply)
    said = json_object(text, ("starts", "options", "pairs", "costs")) or _of_lines(text)
    reading = _Reading(region)
    for name, (most, read) in reading.parts.items():
        reading.take(name, said.get(name), most, read)
    if not reading.beliefs.starts and not reading.beliefs.states_anything:
        why = f": {reading.faults[0]}" if reading.faults else ""
        raise UnreadableAnswer(f"it holds no start and no belief{why}; write one line for each, of the forms above")
    return Stated(replace(reading.beliefs, model=short(reply.llm or reply.model or "")), reading.notes)


def seen(reply: Reply) -> str:
    """Return the visible text of an answer.

    Raises: UnreadableAnswer for one that is not to be read.
    """
    if reply.fault:
        raise UnreadableAnswer(reply.fault)
    text = visible(reply.text.strip())
    if not text or not text.strip():
        raise UnreadableAnswer("it is empty, or ends inside its reasoning")
    return text


def json_object(text: str, fields: Sequence[str]) -> dict[str, Any] | None:
    """Return the JSON object in a text that has one of some fields; None where there is none."""
    try:
        found = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):  # no JSON, or beyond Python's limits of digits and nesting
        return None
    return found if isinstance(found, dict) and any(field in found for field in fields) and _is_flat(found) else None


def _is_flat(value: object) -> bool:
    """Tell whether a JSON value is nested as an answer is, and no deeper."""
    level = [value]
    for _ in range(_DEEPEST):
        inner = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [one for each in inner if isinstance(each, list) for one in each]
    return not level


_LINE = re.compile(r"^[\s>*#•\-\d.)`]{0,20}(start|option|pair|cost)s?\s?\d{0,2}[*`\s]{0,4}[:=]\s*(.+)$", re.I | re.M)
_JUDGED = re.compile(
    r"^(.{1,400}?)\s*(?::|=>|→)\s*([+−-]?\s?\d{1,3}(?:[.,]\d{1,6})?)(?![\d.])\W*(?:because\b)?\s*(.*)$"
)


def _of_lines(text: str) -> dict[str, list[object]]:
    """Return the parts of an answer in plain text, in the form of the JSON object."""
    found: dict[str, list[object]] = {}
    for line in _LINE.finditer(text):
        kind, words = line[1].lower(), line[2].strip().strip("*`")
        found.setdefault(f"{kind}s", []).append(words if kind == "start" else _judged(words))
    return found


def _judged(words: str) -> object:
    """Return the fields of a judgement in a line; its text where it is none."""
    if (match := _JUDGED.match(words)) is None:
        return words
    judged = {"score": match[2].replace("−", "-").replace(" ", "").replace(",", "."), "why": match[3]}
    subject, both, other = match[1].partition("&")
    (decision, is_option, option), (other_decision, _, other_option) = subject.partition("="), other.partition("=")
    if not is_option:
        return {"cost": subject.strip(), **judged}
    named = {"decision": decision.strip(), "option": option.strip(), **judged}
    others = {"other_decision": other_decision.strip(), "other_option": other_option.strip()}
    return named | (others if both else {})


@dataclass
class _Reading:
    """Reads the parts of an answer one by one; the faults name the parts left out."""

    region: Region
    beliefs: Beliefs = Beliefs()  # noqa: RUF009 - it is frozen
    faults: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    known: set[object] = field(default_factory=set)

    @property
    def parts(self) -> dict[str, tuple[int, Callable[[Any], None]]]:
        """How many items of each part are taken, and the reading of one."""
        return {
            "starts": (_STARTS, self._start),
            "options": (_OPTIONS, self._option),
            "pairs": (_PAIRS, self._pair),
            "costs": (_COSTS, self._cost),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """The changed and the omitted parts, bounded."""
        more = len(self.faults) - _LEFT_OUT
        return (*self.changes, *self.faults[:_LEFT_OUT], *([f"{more} more parts were left out"] if more > 0 else []))

    def take(self, name: str, items: object, most: int, read: Callable[[Any], None]) -> None:
        """Read the items of a part; one that cannot be read is left out."""
        if items is None:
            return
        if not isinstance(items, list):
            self.faults.append(f"{name} were left out: they are no list")
            return
        for item in items[:most]:
            try:
                read(item)
            except (UnreadableAnswer, UnreadableReply) as error:
                self.faults.append(f"{name.removesuffix('s')} {short(item, 60)} was left out: {error}")
        if len(items) > most:
            self.faults.append(f"{len(items) - most} of {len(items)} {name} were left out: {most} are taken")

    def _start(self, item: object) -> None:
        written = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        told = read_reply(f"Architecture: {written}", self.region.space.without_rule).architecture
        if told is None:
            raise UnreadableAnswer("it is no architecture")
        start = self._feasible(told)
        self._once(self.region.space.identity(start))
        self.beliefs = replace(self.beliefs, starts=(*self.beliefs.starts, start))

    def _feasible(self, start: Architecture) -> Architecture:
        """Return the nearest architecture of the region.

        Raises: UnreadableAnswer where none is found.
        """
        if self.region.allows([start])[0]:
            return start
        nearest, space = self.region.nearest(start), self.region.space
        if nearest is None:
            raise UnreadableAnswer("it is not allowed, and nothing near it is")
        self.changes.append(f"the start {space.written(start)} is not allowed: {space.written(nearest)} is the nearest")
        return nearest

    def _once(self, place: object) -> None:
        """Raises UnreadableAnswer for a part that was read before."""
        if place in self.known:
            raise UnreadableAnswer("it is there twice")
        self.known.add(place)

    def _option(self, item: object) -> None:
        fields = _fields(item)
        decision, option = read_option(self.region.space, fields.get("decision"), fields.get("option"))
        score = _score(fields.get("score"))
        self._once((decision, option))
        belief = OptionBelief(decision, option, score, _why(fields))
        self.beliefs = replace(self.beliefs, options=(*self.beliefs.options, belief))

    def _pair(self, item: object) -> None:
        fields, space = _fields(item), self.region.space
        one = read_option(space, fields.get("decision"), fields.get("option"))
        other = read_option(space, fields.get("other_decision"), fields.get("other_option"))
        if one[0] == other[0]:
            raise UnreadableAnswer("a pair is of two decisions")
        score = _score(fields.get("score"))
        self._once(frozenset((one, other)))
        belief = PairBelief((one[0], other[0]), (one[1], other[1]), score, _why(fields))
        self.beliefs = replace(self.beliefs, pairs=(*self.beliefs.pairs, belief))

    def _cost(self, item: object) -> None:
        fields, known = _fields(item), costs_named(self.region.space)
        name = next((cost for cost in known if plain_name(cost) == plain_name(str(fields.get("cost", ""))[:60])), None)
        if name is None:
            raise UnreadableAnswer(f"the costs are {', '.join(known) or 'none'}")
        score = _score(fields.get("score"))
        self._once(name)
        self.beliefs = replace(self.beliefs, costs=(*self.beliefs.costs, CostBelief(name, score, _why(fields))))


def _fields(item: object) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise UnreadableAnswer("it has no score of the forms above")
    return item


def _why(fields: Mapping[str, Any]) -> str:
    why = fields.get("why")
    return one_line(why[: 10 * _WHY], _WHY).strip() if isinstance(why, str) else ""


def _score(value: object) -> float:
    """Read a score.

    Raises: UnreadableAnswer.
    """
    try:
        score = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        score = None
    if score is None or not isfinite(score) or abs(score) > _STRONGEST:
        raise UnreadableAnswer(f"a score is a number from -2 to 2, got {short(value, 40) or 'none'}")
    return score


def read_option(space: SearchSpace, decision: object, option: object) -> tuple[int, int]:
    """Return the numbers of a decision, from 0, and of one of its options, as an architecture holds it.

    Raises: UnreadableAnswer for names of none.
    """
    spelled = plain_name(str(decision)[:200])
    at = next((at for at, each in enumerate(space.decisions) if plain_name(each.name) == spelled), None)
    if at is None:
        raise UnreadableAnswer(f"there is no decision {short(decision, 60)!r}")
    number = _number_of(option, space.decisions[at], by_value=space.by_value)
    if number is None:
        raise UnreadableAnswer(f"{space.decisions[at].name} has no option {short(option, 60)!r}")
    return at, number


def _number_of(option: object, decision: Decision, *, by_value: bool) -> int | None:
    """Return the number of an option that is named, by its number where architectures are lists of these."""
    written = str(option)[:200].strip().strip("\"'")
    if not by_value and re.fullmatch(r"\d{1,6}", written) and int(written) in decision.numbers:
        return int(written)
    if written in decision.names:
        return decision.first + decision.names.index(written)
    try:
        near = None if isinstance(option, bool) else number_near(float(written), decision)
    except (ValueError, OverflowError):
        near = None
    return near[0] if near else part_of("None" if option is None else written, decision)


def beliefs_in_words(space: SearchSpace, beliefs: Beliefs) -> Iterator[str]:
    """Write beliefs for a person, a line each."""
    for start in beliefs.starts:
        yield f"start: {space.written(start)}"
    for one in beliefs.options:
        yield _line(f"option: {option_named(space, one.decision, one.option)}", one.score, one.why)
    for pair in beliefs.pairs:
        both = (option_named(space, *each) for each in zip(pair.decisions, pair.options, strict=True))
        yield _line(f"pair: {' & '.join(both)}", pair.score, pair.why)
    for cost in beliefs.costs:
        yield _line(f"cost: {cost.cost}", cost.score, cost.why)


def option_named(space: SearchSpace, decision: int, option: int) -> str:
    """Write an option of a decision by its name."""
    chosen = space.decisions[decision]
    return f"{chosen.name} = {chosen.names[option - chosen.first]}"


def _line(subject: str, score: float, why: str) -> str:
    return f"{subject}: {score:+g}" + (f" because {why}" if why else "")
