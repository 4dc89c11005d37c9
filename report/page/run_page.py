"""All that the page tells of a run, gathered from its folder."""

import difflib
import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev

from markupsafe import Markup

from ...agents.backends import REPLAY
from ...agents.principles import is_shown, measured_effects
from ...errors import GeniusError
from ...graph.fits import fingerprint
from ...graph.run_folder import check_plain
from ...graph.trust import resume_command
from ...record.candidate import measured
from ...record.goal import Goal
from ...record.history import History
from ...record.notebook import OptionEffect, Page
from ...record.result import SearchResult, TrialResult, read
from ...record.settings import HYBRID, Settings
from ...record.settings.settings import SETTINGS
from ...spaces import SPACES, short_name
from ...spaces.mapping import space_of
from ...spaces.objective import Objective
from ...spaces.region import Region
from ...spaces.space import SearchSpace
from ..show import sentences
from .architecture_picture import Drawing
from .effect_picture import draw_effects
from .experiment import Experiment, Experiments
from .logged_calls import Conversation, by_iteration, read_conversations
from .pending import Pending, pending_evaluations
from .run_charts import Figure, Peer, front_figures, rank_figure, value_figure

_EFFECTS = 8  # measurements from which the effects of options are estimated


@dataclass(frozen=True)
class ModelVerdict:
    """Whether a run's model was worth it: sentences, the table behind them, and the trials of its peers."""

    sentences: Sequence[str]
    rows: Sequence[tuple[str, ...]] = ()
    peers: Sequence[Peer] = ()


@dataclass(frozen=True)
class Note:
    """A page of the notebook: its kind, its author, its iteration, and its lines, each with the mark of its change."""

    trial: int
    kind: str
    author: str
    iteration: int
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class RunPage:
    """A run as the page shows it; it is the `number`-th of the page. Texts are as their authors wrote them."""

    number: int
    result: SearchResult
    space: SearchSpace | None
    trials: Sequence[tuple[TrialResult, Sequence[Experiment]]]
    figures: Sequence[Figure]
    effects: Markup | None
    clear_effects: Sequence[str]
    notes: Sequence[Note]
    other_calls: Sequence[Conversation]
    pending: Sequence[Pending] = ()
    verdict: ModelVerdict | None = None
    picture: Markup | None = None

    @property
    def settings(self) -> Settings:
        """The settings of the search."""
        return self.result.settings

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.result.run.resolve().name

    @property
    def space_name(self) -> str:
        """The name of the space, without folders."""
        return short_name(self.settings.space)

    @property
    def proposed_by(self) -> str:
        """The proposer, and the language model where one was asked."""
        llm, proposer = self.settings.llm.first, self.settings.proposer
        if not llm:
            return proposer
        kind, _, file = llm.partition(":")
        named = f"{kind}:{Path(file).name}" if kind == REPLAY else llm
        return f"{HYBRID} of {named}" if proposer == HYBRID else named

    @cached_property
    def best(self) -> Experiment | None:
        """The experiment of the best architecture."""
        return next((each for _, found in self.trials for each in found if each.is_best), None)

    @property
    def best_value(self) -> str:
        """The value of the best, by all its runs where it was confirmed."""
        best = self.result.best
        return self.result.goal.objective.text(best.value) if best and best.value is not None else ""

    @property
    def columns_left_out(self) -> str:
        """The columns that no experiment fills, as classes of the table."""
        made = [each for _, found in self.trials for each in found]
        return " ".join(f"no-{name}" for name in ("rank", "cost") if not any(getattr(each, name) for each in made))

    @property
    def mean_best(self) -> str:
        """The mean of the best of each trial, with the standard deviation; empty of a single trial."""
        objective = self.result.goal.objective
        values = [trial.best.value for trial in self.result.trials if trial.best and trial.best.value is not None]
        if len(values) < 2:
            return ""
        return f"{objective.near(fmean(values), stdev(values))}{objective.suffix}"

    @property
    def state(self) -> str:
        """How far the search is."""
        made = len(self.result.candidates)
        of = self.settings.loop.iterations * len(self.result.trials)
        state = "finished" if self.result.finished else "not finished"
        return f"{state}: {made:,} of {of:,} evaluations"

    @property
    def sentences(self) -> list[str]:
        """The search in sentences."""
        return sentences(self.result)

    @property
    def arms(self) -> list[tuple[str, ...]]:
        """Who proposed: the arm, or the proposer, its proposals, those that improved, their best and their mean."""
        goal, candidates = self.result.goal, self.result.candidates
        made = Counter(c.arm or self.proposed_by for c in candidates)
        improving = [c for trial in self.result.trials for c in goal.improving(trial.candidates)]
        improved = Counter(c.arm or self.proposed_by for c in improving)
        rows: list[tuple[str, ...]] = []
        for arm, count in made.most_common():
            known = measured([c for c in candidates if (c.arm or self.proposed_by) == arm])
            values = [c.value for c in known if c.value is not None]
            best = goal.best(known)
            mean = goal.objective.text(sum(values) / len(values)) if values else "–"
            top = goal.objective.text(best.value) if best and best.value is not None else "–"
            rows.append((arm, f"{count:,}", f"{improved[arm]:,}", top, mean))
        return rows

    @property
    def costs(self) -> list[tuple[str, str]]:
        """What the run cost: calls, tokens, dollars, hours of devices, time."""
        usage = [trial.usage for trial in self.result.trials]
        spent, seconds = self.result.spent, sum(trial.seconds for trial in self.result.trials)
        found = []
        if calls := sum(each.llm_calls for each in usage):
            tokens = sum(each.input_tokens for each in usage), sum(each.output_tokens for each in usage)
            unpriced = f", {spent.unpriced:,} replies without a known price" if spent.unpriced else ""
            found += [("calls of models", f"{calls:,}"), ("tokens", "{:,} in, {:,} out".format(*tokens))]
            found += [("dollars", f"${spent.cost:.4g}{unpriced}")]
        found += [("device-hours", f"{spent.hours:.3g}")]
        held = self.result.device_seconds().items()
        found += [(f"device-hours of {device}", f"{held_for / 3600:.3g}") for device, held_for in held]
        return [*found, ("time", f"{seconds:,.1f} s")]

    @property
    def commands(self) -> list[tuple[str, str]]:
        """The commands that go on from here, with their purposes."""
        folder, best = str(self.result.run), self.result.best
        found = [("go on, or allow more evaluations", resume_command(self.result.run, self.settings))]
        at = str(best.iteration if best else 0)
        found += [
            ("go on from an earlier iteration, in a new folder", shlex.join(["genius", "fork", folder, "--at", at]))
        ]
        found += [("print it, or as JSON", shlex.join(["genius", "show", folder, "--json"]))]
        if self.space is not None and self.space.build is not None:
            found += [("train the best to the end", shlex.join(["genius", "train", folder]))]
            found += [("export the best", shlex.join(["genius", "export", folder]))]
        return [*found, ("make this page again", shlex.join(["genius", "view", folder]))]

    @property
    def settings_json(self) -> str:
        """The settings, as `search.json` holds them."""
        return json.dumps(SETTINGS.plain(self.settings), indent=2, ensure_ascii=False)


@dataclass(frozen=True)
class Gathering:
    """How a run is read: `space` is its own space where the user named it, `judge` tells the worth of its model."""

    space: SearchSpace | None = None
    judge: Callable[[SearchResult], ModelVerdict | None] = field(default=lambda result: None)


def gather_run(run: Path, number: int = 1, how: Gathering = Gathering()) -> RunPage:
    """Read a run as the page shows it.

    Raises: BrokenRun, NotPlain, GeniusError.
    """
    check_plain(run)
    result = read(run)
    space = _space(result, how.space)
    calls = by_iteration(read_conversations(run))
    drawing = Drawing(space, result.candidates)
    made = Experiments(result, number, drawing, calls)
    trials = [(trial, list(made.of(trial))) for trial in result.trials]
    places = {(each.trial, each.iteration) for each in result.candidates}
    verdict = how.judge(result)
    figures = [value_figure(result, number), rank_figure(result, number, verdict.peers if verdict else ())]
    effects = _effects(result, space)
    return RunPage(
        number,
        result,
        space,
        trials,
        [*filter(None, figures), *front_figures(result, number)],
        draw_effects(effects, space, result.goal.objective) if space else None,
        list(_clear(effects, space, result.goal.objective)) if space else [],
        [note for trial in result.trials for note in _notes(trial)],
        [call for place, found in calls.items() if place not in places for call in found],
        pending_evaluations(run) if not result.finished else (),
        verdict,
        drawing.draw(result.best, ()) if result.best else None,
    )


def _space(result: SearchResult, named: SearchSpace | None) -> SearchSpace | None:
    """Return the space of a run, or the one that the user named for it.

    Raises: GeniusError where the run searched another one.
    """
    if (known := known_space(result.settings)) is not None or named is None:
        return known
    if result.settings.run.fingerprint not in ("", fingerprint(named)):
        raise GeniusError(f"{result.run} searched another space than {named.name}: name the one that it searched")
    return named


def known_space(settings: Settings) -> SearchSpace | None:
    """Return a space of this package, or one that the settings hold as a dict; nothing else is imported."""
    if settings.decisions:
        return space_of(settings.decisions, settings.space)
    return None if "space" in settings.run.custom else SPACES.get(settings.space)


def _effects(result: SearchResult, space: SearchSpace | None) -> Sequence[OptionEffect]:
    """Estimate the effects of options on the first objective, by the measurements of all trials."""
    limits = result.settings.limits
    if space is None or limits.others or len(measured(result.candidates)) < _EFFECTS:
        return ()
    history = History.of(result.candidates, Goal((result.goal.objective,)))
    return measured_effects(Region(space, limits.ranges), history, [result.settings.loop.first_seed])


def _clear(effects: Sequence[OptionEffect], space: SearchSpace, objective: Objective) -> Iterator[str]:
    """Write the effects that the measurements show, the clearest first."""
    shown = sorted(filter(is_shown, effects), key=lambda each: -abs(each.effect or 0.0) / (each.sd or 1.0))
    for each in shown:
        decision = space.decisions[each.decision]
        change = objective.change(each.effect or 0.0, each.sd or 0.0)
        yield f"{decision.name} {decision.names[each.option - decision.first]}: {change}{objective.suffix}"


def _notes(trial: TrialResult) -> Iterator[Note]:
    """Yield the pages of a trial's notebook, each with its changes since the last one of its kind."""
    before: dict[str, Page] = {}
    for page in trial.pages:
        old = before.get(page.kind) if page.kind == "notebook" else None
        before[page.kind] = page
        author = page.author or "the model"
        yield Note(trial.trial, page.kind, author, page.iteration, list(_marked(old.text if old else None, page.text)))


def _marked(old: str | None, new: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a text, marked as added, gone or kept; of a text without an older one all are kept."""
    if old is None:
        yield from (("kept", line) for line in new.splitlines())
        return
    for line in difflib.ndiff(old.splitlines(), new.splitlines()):
        mark = {"+": "added", "-": "gone", " ": "kept"}.get(line[0])
        if mark:
            yield mark, line[2:]
