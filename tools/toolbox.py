"""The tools of a proposer: costs, rules, forecasts and shortlists of architectures, and the experiments so far.

Their arguments are the words of a language model: they are read, bounded and answered in text, and a wrong one is
answered by a sentence. An answer is a function of the region, the history and the seed alone, so that a search that is
made again gives the same ones.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from ..errors import GeniusError
from ..guide.shortlists import Purpose, forecast, shortlist, swaps
from ..record.call import shortened
from ..record.candidate import Candidate, Suggestion
from ..record.history import History
from ..spaces.objective import Objective
from ..spaces.region import HIDDEN_UNIT, Limits, Region, cost_within
from ..spaces.space import Architecture, CannotBuild
from .arguments import BadArgument, as_choice, as_conditions, as_number, one_architecture, several_architectures
from .prices import amount_in_words
from .proposal import architecture_schema
from .refused import refused_architectures
from .seen import short
from .standing import beyond_as_measured, standing
from .validator import Broken, check_architecture

MOST_ASKED = 20
"""Architectures of one call, and lines of an answer, at most."""
_LONGEST = 6_000  # characters of an answer
_REASON = 200  # characters of a reason
_SWAPS = 8  # that `neighbours` names
_SUGGESTED = 5  # architectures that `suggest` gives unless it is asked for another number

ORDERS = ("best", "latest", "failed")
"""The orders in which `history` lists experiments."""


@dataclass(frozen=True)
class Tool:
    """A tool as a model sees it: its name, its purpose and the JSON schema of its arguments; `use` answers a call.

    `use` raises BadArgument for arguments that are none of its own.
    """

    name: str
    doc: str
    schema: Mapping[str, object]
    use: Callable[[Mapping[str, object]], str]

    def answer(self, arguments: Mapping[str, object]) -> str:
        """Answer a call, in text of a bounded length; a sentence names its fault."""
        try:
            _check_names(self, arguments)
            found = self.use(arguments)
        except (BadArgument, GeniusError) as error:
            found = f"{self.name} gives no answer: {short(error, _REASON)}"
        return shortened(found, _LONGEST - 1_000, 900)


def _check_names(tool: Tool, arguments: Mapping[str, object]) -> None:
    taken = tool.schema["properties"]
    assert isinstance(taken, Mapping)
    if unknown := [name for name in arguments if name not in taken]:
        raise BadArgument(f"it takes {' and '.join(taken)}, got {short(unknown[0], 60)}")


@dataclass(frozen=True)
class Toolbox:
    """The knowledge of the tools: the region, the trial's history, its seed, and the refusals of now."""

    region: Region
    history: History
    seed: Sequence[int]

    @property
    def _objective(self) -> Objective:
        return self.history.goal.objective

    def tools(self) -> list[Tool]:
        """Return the tools."""
        space = self.region.space
        one: dict[str, object] = architecture_schema(space)
        many = {"architectures": {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_ASKED}}
        kinds = {"type": "string", "enum": list(get_args(Purpose))}
        number = {"type": "integer", "minimum": 1, "maximum": MOST_ASKED}
        names = {"type": "object", "description": "decisions by name, each with the option that experiments must have"}
        order = {"type": "string", "enum": list(ORDERS)}
        return [
            Tool("cost", _COST, _schema(many, "architectures"), self._cost),
            Tool("allowed", _ALLOWED, _schema(many, "architectures"), self._allowed),
            Tool("predict", _PREDICT, _schema(many, "architectures"), self._predict),
            Tool("suggest", _SUGGEST, _schema({"kind": kinds, "n": number}, "kind"), self._suggest),
            Tool("neighbours", _NEIGHBOURS, _schema({"architecture": one}, "architecture"), self._neighbours),
            Tool("history", _HISTORY, _schema({"filter": names, "order": order}), self._history),
        ]

    def _read(self, arguments: Mapping[str, object]) -> list[Architecture | str]:
        return several_architectures(arguments.get("architectures"), self.region.space, MOST_ASKED)

    def _each(self, read: Sequence[Architecture | str], words: Callable[[Architecture], str]) -> str:
        """Write a line for each architecture, and for each that could not be read the reason."""
        return "\n".join(f"- {one}" if isinstance(one, str) else self._line(one, words(one)) for one in read)

    def _line(self, architecture: Architecture, words: str) -> str:
        return f"- {self.region.space.written(architecture)}: {words}"

    def _cost(self, arguments: Mapping[str, object]) -> str:
        if not self.region.space.costed and not self.region.limits.limited:
            return "This space has no costs."
        return self._each(self._read(arguments), self._cost_in_words)

    def _cost_in_words(self, architecture: Architecture) -> str:
        if forbidden := self.region.space.forbids(architecture):
            return f"none, {short(forbidden, _REASON)}"
        limits = self.region.limits
        try:
            cost = cost_within(limits, self.region.space, architecture)
        except CannotBuild as error:
            return f"none, {short(error, _REASON)}"
        if cost is None:
            return "none"
        how = HIDDEN_UNIT if limits.units else limits.convention
        counted = [f"{limits.told(0, cost.counted(limits.convention))} FLOPs ({how})"]
        counted += [f"{limits.told(1, cost.params)} parameters"]
        named = [f"{name} {amount:g}" for name, amount in list(cost.named.items())[:MOST_ASKED]]
        off = () if limits.accept(cost) else limits.gap(cost)
        gaps = [_gap(limits, at, gap) for at, gap in enumerate(off) if gap]
        return ", ".join([*counted, *named, *(gaps or ["within the limits"] * limits.limited)])

    def _allowed(self, arguments: Mapping[str, object]) -> str:
        return self._each(self._read(arguments), self._allowed_in_words)

    def _allowed_in_words(self, architecture: Architecture) -> str:
        found = check_architecture(architecture, self.region, self.history)
        if isinstance(found, Broken):
            return f"no, {short(found.reason.splitlines()[0], _REASON)}"
        broken = beyond_as_measured(architecture, self.region, self.history)
        return f"no, {broken}" if broken else "yes"

    def _predict(self, arguments: Mapping[str, object]) -> str:
        read = self._read(arguments)
        kept = [one for one in read if not isinstance(one, str) and self.region.space.forbids(one) is None]
        found = dict(zip(kept, forecast(self.region, self.history, self.seed, kept), strict=True))
        lines = self._each(read, lambda one: self._expected(one, found.get(one)))
        return "\n".join([self._title(), lines])

    def _expected(self, architecture: Architecture, suggestion: Suggestion | None) -> str:
        """Write a forecast, and why the architecture would not be trained."""
        if suggestion is None:
            return f"none, it is not allowed: {short(self.region.space.forbids(architecture), _REASON)}"
        told = forecast_in_words(suggestion, self._objective) or "no forecast"
        return "; ".join([told, *standing(architecture, self.region, self.history)])

    def _title(self) -> str:
        best = self.history.goal.best(self.history.measured)
        if best is None or best.value is None:
            return "Nothing is measured yet." if not self.history.measured else "Nothing feasible is measured yet."
        value = self._objective.text(best.value)
        return f"The best so far: {self.region.space.written(best.architecture or ())}, {value}."

    def _suggest(self, arguments: Mapping[str, object]) -> str:
        kind = as_choice(arguments.get("kind"), "kind", get_args(Purpose))
        count = as_number(arguments.get("n", _SUGGESTED), "n", MOST_ASKED)
        return self.suggested(kind, count) or "There is none: nothing is measured yet, or there is no prior to test."

    def suggested(self, kind: Purpose, count: int) -> str:
        """Return a shortlist as lines; empty where there is none."""
        refused = refused_architectures(self.region.space, (), self.history)
        found = shortlist(kind, self.region, self.history, self.seed, count, refused)
        return "\n".join(self._line(each.architecture, _reasons(each, self._objective)) for each in found)

    def _neighbours(self, arguments: Mapping[str, object]) -> str:
        architecture = one_architecture(arguments.get("architecture"), self.region.space)
        tried = self.history.tried(self.region.space)
        near = [tuple(row) for row in self.region.neighbours(architecture).tolist()]
        untried = [one for one in near if self.region.space.identity(one) not in tried]
        found = sorted(forecast(self.region, self.history, self.seed, untried), key=self._place)
        title = (
            f"{len(near)} architectures within the limits differ in one decision; {len(untried)} of them are untried"
        )
        more = ", the highest expected value first" if self.history.measured else ""
        more += f", {MOST_ASKED} of them" if len(found) > MOST_ASKED else ""
        return "\n".join([f"{title}{more}:", *self._untried(found[:MOST_ASKED]), *self._swaps(architecture)])

    def _swaps(self, architecture: Architecture) -> list[str]:
        """List architectures within limits where more in one decision is made up for by less in another."""
        found = swaps(self.region, self.history, self.seed, architecture, _SWAPS)
        return [_SWAPPED, *self._untried(found)] if found else []

    def _untried(self, found: Sequence[Suggestion]) -> list[str]:
        return [self._line(each.architecture, forecast_in_words(each, self._objective) or "untried") for each in found]

    def _place(self, suggestion: Suggestion) -> float:
        return 0.0 if suggestion.value is None else -self._objective.utility(suggestion.value)

    def _history(self, arguments: Mapping[str, object]) -> str:
        order = as_choice(arguments.get("order", ORDERS[0]), "order", ORDERS)
        conditions = as_conditions(arguments.get("filter"), self.region.space)
        listed = [c for c in _ordered(self.history, order) if _has(c, conditions)]
        title = f"{len(listed)} of {len(self.history)} experiments{'; the first' * (len(listed) > MOST_ASKED)}:"
        return "\n".join([title, *(self._experiment(candidate) for candidate in listed[:MOST_ASKED])])

    def _experiment(self, candidate: Candidate) -> str:
        architecture = (
            self.region.space.written(candidate.architecture) if candidate.architecture else "no architecture"
        )
        if candidate.value is not None:
            told = self._objective.text(candidate.value)
        else:
            told = f"failed: {short(candidate.error, _REASON)}" if candidate.error else "pending"
        return f"- iteration {candidate.iteration}: {architecture}, {told}"


def _schema(properties: Mapping[str, object], *required: str) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _gap(limits: Limits, at: int, gap: float) -> str:
    side = "above" if gap > 0 else "below"
    return f"{amount_in_words(limits, at, abs(gap))} {side} the limit"


def forecast_in_words(suggestion: Suggestion, objective: Objective) -> str:
    """Write the expected value of an architecture and its probability of improvement; empty without a forecast."""
    if suggestion.value is None or suggestion.sd is None:
        return ""
    near = objective.near(suggestion.value, suggestion.sd)
    return near if suggestion.improvement is None else f"{near}, {chance_in_words(suggestion.improvement)} to improve"


def chance_in_words(probability: float) -> str:
    """Write a probability in percent."""
    return "under 1%" if probability < 0.01 else f"{100 * min(probability, 0.99):.0f}%"


def _reasons(suggestion: Suggestion, objective: Objective) -> str:
    return "; ".join(filter(None, [forecast_in_words(suggestion, objective), suggestion.why])) or "untried"


def _ordered(history: History, order: str) -> Iterable[Candidate]:
    if order == "best":
        return history.feasible_first()
    ones = reversed(list(history))
    return (one for one in ones if one.error) if order == "failed" else ones


def _has(candidate: Candidate, conditions: Mapping[int, int]) -> bool:
    architecture = candidate.architecture
    return not conditions or (architecture is not None and all(architecture[at] == o for at, o in conditions.items()))


def read_arguments(written: str) -> dict[str, object] | None:
    """Read the arguments of a call, a JSON object as a model writes it; None for another text."""
    try:
        found = json.loads(written or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


_COST = "FLOPs, parameters and other costs of architectures, and by how much they miss the limits."
_ALLOWED = "Whether architectures may be proposed: untried, within the limits and the rules of the space; if not, why."
_PREDICT = """\
Forecasts of a statistical model that was fitted to the experiments: the expected value, its standard deviation, and \
the probability to improve on the best so far; and whether they break a limit or were tried."""
_SUGGEST = """\
Architectures to try, with their forecasts. exploit: the highest expected value within two changes of the best. \
explore: the most uncertain value among the promising ones, and why. test: those that would speak against the prior."""
_NEIGHBOURS = """\
The untried architectures that differ from one in a single decision, with their forecasts; where a limit is close, \
also swaps that have more in one decision and less in another."""
_SWAPPED = "Untried within the limits by two changes, of which one alone would break them:"
_HISTORY = "Experiments so far, perhaps only those with certain options, ordered from the best or from the latest."
