"""Eliciting design principles after a search: the words of a model beside the effects that the measurements show."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from ..agents.backends import open_llms
from ..agents.beliefs import option_named
from ..agents.principles import Verdict, effect_in_words, is_shown, judge_claim, measured_effects
from ..agents.prompting import Prompts
from ..agents.proposer import AGENTS, Thinking
from ..agents.provider import ProviderError
from ..errors import GeniusError, RunFailed
from ..record.call import CallPlace
from ..record.candidate import Candidate
from ..record.history import History
from ..record.journal import Journal, drop_torn_lines
from ..record.notebook import OptionEffect, Page, revealed_option
from ..record.result import check_journal, load
from ..record.settings import SETTINGS_FILE, Options, Settings, by_path
from ..record.settings.llm_settings import LLMSettings
from ..spaces import get_space
from ..spaces.objective import Objective
from ..spaces.region import Region
from ..spaces.space import SearchSpace
from ..tables.fetch import downloads_folder
from .concluder import state_principles
from .predictions import shown_region
from .progress import Progress, ignore
from .run_folder import locked
from .setup import Given, space_and_table
from .state import Context
from .thinking import author_of
from .trust import check_claims, claims

_USED = ("space", "measures.table", "training.table", "loop.prompts")
"""The claims of a run, besides those on its language models, that lead to what is read here."""
_UNNAMED = 5  # effects that no principle names, and that are told nevertheless


@dataclass(frozen=True)
class Elicited:
    """The design principles that a model draws from a trial, with the effects of the options that it names.

    `unnamed` are the clearest effects that the measurements show and that no principle names. Decisions and options are
    those of the `space`, also of a search in disguise. `asked` is whether the model was asked now.
    """

    trial: int
    space: SearchSpace
    objective: Objective
    measurements: int
    page: Page
    unnamed: Sequence[OptionEffect]
    asked: bool

    def verdict(self, option: OptionEffect) -> Verdict:
        """Hold a claim against the measurements."""
        return judge_claim(option, self.objective)

    def effect(self, option: OptionEffect) -> str:
        """Write the effect of an option that the measurements tell."""
        name = option_named(self.space, option.decision, option.option)
        return f"{name}{effect_in_words(option, self.objective)}"

    def words(self, option: OptionEffect) -> str:
        """Write a claim beside the effect that the measurements tell, and how they stand to each other."""
        said = f"said to be {option.claim}" if option.claim else "not said to be better or worse"
        return f"{self.verdict(option)}: {said}; {self.effect(option)}"

    @property
    def counts(self) -> dict[str, int]:
        """How many claims there are of each verdict."""
        verdicts = [self.verdict(option) for one in self.page.principles for option in one.options]
        return {kind: verdicts.count(kind) for kind in ("agreement", "contradiction", "not shown")}

    def to_json(self) -> dict[str, object]:
        """Return plain JSON types."""
        principles = [
            {"text": one.text, "options": [self._option_json(option) for option in one.options]}
            for one in self.page.principles
        ]
        told = {"trial": self.trial, "llm": self.page.author, "measurements": self.measurements}
        unnamed = [self._option_json(option) for option in self.unnamed]
        return {**told, "principles": principles, "unnamed": unnamed, "counts": self.counts, "asked": self.asked}

    def _option_json(self, option: OptionEffect) -> dict[str, object]:
        name = option_named(self.space, option.decision, option.option)
        return {"name": name, **asdict(option), "verdict": self.verdict(option)}


async def elicit(
    run: Path | str,
    *,
    llm: str | Sequence[str] | None = None,
    space: str | SearchSpace | None = None,
    downloads: Path | str | None = None,
    trust: bool = False,
    progress: Callable[[Progress], None] = ignore,
    **options: Unpack[Options],
) -> list[Elicited]:
    """Ask a model for the design principles that a run teaches, and hold them against the measurements, for each trial.

    Without an `llm` those that the search ended with count, else the run's own model is asked. Nothing of the run
    changes but for a line in `calls.jsonl` for each reply; one that is there is not asked for again. `options` are
    those of the model, and the limits on what it may spend, which count with what the run has spent.

    Raises: GeniusError where there is no model, or nothing was measured; BrokenRun; RunFailed where the model gives no
    answer that can be read.
    """
    folder = Path(run)
    async with locked(folder):
        old, journal = await asyncio.to_thread(load, folder)
        settings = _asking(folder, old, [llm] if isinstance(llm, str) else llm, options, trust=trust, own=space)
        given = Given(get_space(space) if isinstance(space, str) else space)
        found, _ = await asyncio.to_thread(space_and_table, settings, given)
        region = await asyncio.to_thread(shown_region, found, settings)
        check_journal(journal, settings, region.space)
        eliciting = _Eliciting(settings, journal, found, region, progress, afresh=llm is not None)
        async with eliciting.opened(downloads_folder(Path(downloads) if downloads else None)) as models:
            return [await eliciting.of(trial, models) for trial in range(1, settings.loop.trials + 1)]


def _asking(
    folder: Path, old: Settings, llms: Sequence[str] | None, options: Any, *, trust: bool, own: object
) -> Settings:
    """Return the settings to ask by.

    Raises: GeniusError for a run without a model where none is named, and for what its files alone name.
    """
    if not llms and not old.llm.models:
        raise GeniusError(f"{folder} was searched without a language model: name one with --llm")
    named = {**by_path(options)}
    if llms:
        old = replace(old, llm=LLMSettings())
        named["llm.models"] = tuple(llms)
    settings = old.changed(named)
    if not trust:
        mine = [claim for claim in claims(settings) if claim.setting in _USED or claim.setting.startswith("llm.")]
        alone = [claim for claim in mine if claim.setting not in named and not (own and claim.setting == "space")]
        check_claims(folder / SETTINGS_FILE, alone, None, old.run.working_folder)
    return settings


@dataclass(frozen=True)
class _Eliciting:
    """The run whose model is asked; `afresh` is whether a model was named for that."""

    settings: Settings
    journal: Journal
    space: SearchSpace
    region: Region
    progress: Callable[[Progress], None]
    afresh: bool

    @asynccontextmanager
    async def opened(self, data: Path) -> AsyncIterator[Callable[[int], Thinking]]:
        """Open the model, where it has to be asked; gives the one of each trial."""
        numbers = range(1, self.settings.loop.trials + 1)
        if all(self._written(trial) for trial in numbers):
            yield _nobody
            return
        assert self.journal.folder is not None
        await asyncio.to_thread(drop_torn_lines, self.journal.folder)
        llm = self.settings.llm
        named = [llm.reflector_llm] if llm.reflector_llm and not self.afresh else list(llm.models)
        async with open_llms(named, self.region.space, self.settings.asking, data) as opened:
            made = {trial: opened.proposer(trial) for trial in numbers}
            models = {trial: model for trial, model in made.items() if isinstance(model, Thinking)}
            if len(models) < len(made):
                raise GeniusError(f"{named[0]} proposes and states no principles: name a chat model with --llm")
            yield models.__getitem__

    def _written(self, trial: int) -> Page | None:
        page = self.journal.page(trial, len(self.journal.finished(trial)) + 1, "principles")
        return page if page and page.principles and not self.afresh else None

    async def of(self, trial: int, models: Callable[[int], Thinking]) -> Elicited:
        """Return the principles of a trial.

        Raises: GeniusError, RunFailed.
        """
        count = len(self.journal.finished(trial))
        notes = [page.text for page in self.journal.pages(trial) if page.kind == "notebook"]
        history = self.journal.history(trial, count, goal=self.settings.goal, notebook=notes[-1] if notes else "")
        if not history.measured:
            raise GeniusError(f"trial {trial} has measured nothing yet that teaches principles")
        at, page = Candidate(trial, count + 1), self._written(trial)
        asked = page is None and self.journal.reply(self._place(at, self._first_attempt(at))) is None
        page = page or await self._asked(at, history, models(trial))
        seed = (self.settings.loop.first_seed, trial)
        effects = await asyncio.to_thread(measured_effects, self.region, history, seed)
        if disguise := self.settings.disguise:
            page, effects = page.revealed(disguise), [revealed_option(each, disguise) for each in effects]
        unnamed, objective = _unnamed(page, effects), self.settings.goal.objective
        return Elicited(trial, self.space, objective, len(history.measured), page, unnamed, asked)

    async def _asked(self, at: Candidate, history: History, thinking: Thinking) -> Page:
        """Ask the model, and again while its server is in trouble.

        Raises: RunFailed.
        """
        loop = self.settings.loop
        prompts = Prompts(Path(loop.prompts) if loop.prompts else None)
        context = Context(
            self.region,
            thinking,
            _no_evaluation,
            self.journal,
            self.settings.goal,
            prompts=prompts,
            budget=loop.budget,
            seed=(loop.first_seed, at.trial),
            progress=self.progress,
        )
        page = await self._answered(at, history, thinking, context)
        if page is None:
            spent = loop.budget.reached(self.journal.spent)
            raise RunFailed(f"{spent}, and the model was not asked: allow more, or name no limit")
        if not page.principles:
            raise RunFailed(f"the answer of {page.author or 'the model'} holds no principle that can be read")
        return page

    async def _answered(self, at: Candidate, history: History, thinking: Thinking, context: Context) -> Page | None:
        tries, first = self.settings.llm.tries, self._first_attempt(at)
        for made in range(tries):
            try:
                return await state_principles(at, thinking, context, history, first=first)
            except ProviderError as error:
                if not error.transient or made == tries - 1:
                    raise RunFailed(f"{self.settings.llm.first} gave no answer: {error}; ask it again") from None
                await asyncio.sleep(2**made)
        return None

    def _place(self, at: Candidate, attempt: int) -> CallPlace:
        return AGENTS["principles"], at.trial, at.iteration, attempt

    def _first_attempt(self, at: Candidate) -> int:
        """Return the first attempt of the model that is asked: behind those of other models."""
        attempt = 1
        while reply := self.journal.reply(self._place(at, attempt)):
            if not self.afresh or author_of(reply) in self.settings.llm.models:
                return attempt
            attempt += 1
        return attempt


def _nobody(trial: int) -> Thinking:
    raise AssertionError("the principles of every trial are written down")


def _no_evaluation(architecture: object) -> float:
    raise AssertionError("nothing is evaluated here")


def _unnamed(page: Page, effects: Sequence[OptionEffect]) -> list[OptionEffect]:
    """Return the clearest effects that measurements show and no principle names."""
    named = {(option.decision, option.option) for one in page.principles for option in one.options}
    shown = [each for each in effects if is_shown(each) and (each.decision, each.option) not in named]
    return sorted(shown, key=lambda each: -abs(each.effect or 0.0) / (each.sd or 1.0))[:_UNNAMED]
