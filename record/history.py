"""A trial's history, indexed as it grows, so that tried and best architectures are looked up in constant time."""

from bisect import bisect_left, insort
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from typing import overload

from ..spaces.space import Architecture, SearchSpace
from .candidate import Candidate, Refusal
from .goal import GOAL, Goal
from .notebook import Beliefs
from .option_tally import OptionTally


class Index:
    """The finished candidates of a trial in the order they finished; it only grows."""

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self.candidates: list[Candidate] = []
        self.measured: list[Candidate] = []
        self.places: list[int] = []  # of the measured ones among all
        self.refused: list[tuple[int, Refusal]] = []  # with their candidate's place
        self.replies = [0]  # how many replies were used before each place
        self.totals = [0.0]  # the sum of the first so many values
        self._space: SearchSpace | None = None
        self._first: dict[Hashable, int] = {}  # the place of each identity's first architecture in that space
        self._known = 0  # candidates in it
        self._tally: OptionTally | None = None
        self._goal = GOAL
        self._ranked: list[tuple[float, int]] = []  # the negative utility and the place of each, the best first
        for candidate in candidates:
            self.add(candidate)

    def add(self, candidate: Candidate) -> None:
        """Take in a finished candidate."""
        place = len(self.candidates)
        self.candidates.append(candidate)
        self.replies.append(self.replies[-1] + _replies(candidate))
        self.refused += [(place, refusal) for refusal in candidate.refusals]
        if candidate.value is not None:
            self.measured.append(candidate)
            self.places.append(place)
            self.totals.append(self.totals[-1] + candidate.value)

    def ranked(self, goal: Goal) -> list[tuple[float, int]]:
        """Return the negative utility and the place of each measured candidate, the best first."""
        if goal != self._goal:
            self._goal, self._ranked = goal, []
        for candidate, place in zip(self.measured[len(self._ranked) :], self.places[len(self._ranked) :], strict=True):
            insort(self._ranked, (-goal.utility(candidate), place))
        return self._ranked

    def first(self, space: SearchSpace) -> dict[Hashable, int]:
        """Return the place of the first architecture of each identity."""
        if space is not self._space:
            self._space, self._first, self._known = space, {}, 0
        for place in range(self._known, len(self.candidates)):
            architecture = self.candidates[place].architecture
            if architecture is not None:
                self._first.setdefault(space.identity(architecture), place)
        self._known = len(self.candidates)
        return self._first

    def tally(self, space: SearchSpace, before: int) -> OptionTally:
        """Return the tries of a space's options by the candidates before a place."""
        if self._tally is None or space is not self._tally.space or before < self._tally.candidates:
            self._tally = OptionTally(space)
        for candidate in self.candidates[self._tally.candidates : before]:
            self._tally.add(candidate)
        return self._tally


def _replies(candidate: Candidate) -> int:
    return len(candidate.refusals) + candidate.rounds + bool(candidate.reply)


class History(Sequence[Candidate]):
    """The first candidates of a trial that finished, and behind them those in flight, which have no measurement.

    `indexed` are the finished ones, and perhaps later ones. `goal` is that of the search, `asked` are the refusals of
    the iteration that is being made, `rounds` its replies that called tools, `beliefs` those of the model before
    anything was measured, None where none were asked for, and `notebook` its notes since.
    """

    def __init__(
        self,
        index: Index,
        finished: int,
        running: Sequence[Candidate] = (),
        goal: Goal = GOAL,
        asked: Sequence[Refusal] = (),
        beliefs: Beliefs | None = None,
        notebook: str = "",
        rounds: int = 0,
    ) -> None:
        self.indexed, self.finished, self.running, self.goal, self.asked = index, finished, running, goal, asked
        self.beliefs, self.notebook, self._rounds = beliefs, notebook, rounds

    @classmethod
    def of(cls, candidates: Sequence[Candidate], goal: Goal = GOAL, beliefs: Beliefs | None = None) -> "History":
        """Index candidates that all count as finished; a History stays as it is."""
        if isinstance(candidates, History):
            return candidates
        return cls(Index(candidates), len(candidates), (), goal, beliefs=beliefs)

    def __len__(self) -> int:
        return self.finished + len(self.running)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> list[Candidate]: ...
    def __getitem__(self, place: int | slice) -> Candidate | list[Candidate]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        at = range(len(self))[place]
        return self.indexed.candidates[at] if at < self.finished else self.running[at - self.finished]

    def __iter__(self) -> Iterator[Candidate]:
        yield from self.indexed.candidates[: self.finished]
        yield from self.running

    @property
    def measured(self) -> list[Candidate]:
        """The candidates that have a value, in the order they were measured."""
        return self.indexed.measured[: self._measured]

    @property
    def total(self) -> float:
        """The sum of their values."""
        return self.indexed.totals[self._measured]

    @property
    def _measured(self) -> int:
        return bisect_left(self.indexed.places, self.finished)

    def best_first(self, *, worst_first: bool = False) -> Iterator[Candidate]:
        """Go through the measured candidates by utility; of equals, the one measured first is the better one."""
        found = self.indexed.ranked(self.goal)
        ranked = reversed(found) if worst_first else iter(found)
        return (self.indexed.candidates[place] for _, place in ranked if place < self.finished)

    def feasible_first(self) -> Iterator[Candidate]:
        """Go through the measured candidates that keep the limits, the best first."""
        return (candidate for candidate in self.best_first() if not self.goal.beyond(candidate))

    @property
    def sent_back(self) -> list[str]:
        """The replies that were refused."""
        return [refusal.reply for refusal in self._refused()]

    @property
    def weighed(self) -> list[tuple[Architecture, Mapping[str, float]]]:
        """The networks that were measured and refused, with their measurements; also those of this iteration."""
        refused = (*self._refused(), *self.asked)
        return [(refusal.architecture, refusal.metrics) for refusal in refused if refusal.architecture]

    def _refused(self) -> Iterator[Refusal]:
        yield from (refusal for place, refusal in self.indexed.refused if place < self.finished)
        yield from (refusal for candidate in self.running for refusal in candidate.refusals)

    @property
    def replies(self) -> int:
        """How many replies the trial has used, refused ones included."""
        return self.indexed.replies[self.finished] + sum(map(_replies, self.running))

    def tally(self, space: SearchSpace) -> OptionTally:
        """Return how often each option was tried by the finished candidates, and the values measured with it."""
        return self.indexed.tally(space, self.finished)

    @property
    def attempts(self) -> int:
        """How many replies the iteration that is being made has used so far."""
        return len(self.asked) + self._rounds

    def find(self, space: SearchSpace, architecture: Architecture) -> Candidate | None:
        """Return the first candidate whose architecture computes the same function; None where there is none."""
        identity = space.identity(architecture)
        place = self.indexed.first(space).get(identity)
        if place is not None and place < self.finished:
            return self.indexed.candidates[place]
        running = (c for c in self.running if c.architecture and space.identity(c.architecture) == identity)
        return next(running, None)

    def tried(self, space: SearchSpace, others: Iterable[Architecture] = ()) -> Set[Hashable]:
        """Return the identities of the architectures that were tried, and of some others."""
        running = [candidate.architecture for candidate in self.running if candidate.architecture]
        return _Tried(self.indexed.first(space), self.finished, {space.identity(a) for a in (*running, *others)})


class _Tried(Set[Hashable]):
    """The identities that first stand before a place, and some more; nothing is copied."""

    def __init__(self, first: dict[Hashable, int], before: int, more: Collection[Hashable]) -> None:
        self._first, self._before, self._more = first, before, more

    def __contains__(self, identity: object) -> bool:
        return self._is_finished(identity) or identity in self._more

    def _is_finished(self, identity: object) -> bool:
        return self._first.get(identity, self._before) < self._before

    def __iter__(self) -> Iterator[Hashable]:
        yield from (identity for identity, place in self._first.items() if place < self._before)
        yield from (identity for identity in self._more if not self._is_finished(identity))

    def __len__(self) -> int:
        return sum(1 for _ in self)
