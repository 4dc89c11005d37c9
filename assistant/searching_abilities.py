"""The tools of an assistant that search: start, go on, watch, answer and stop, each search in a process of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ..errors import GeniusError
from ..graph.run_folder import unused_folder
from ..record.budget import NOTHING_SPENT, Spent
from ..record.result import read
from ..record.result_json import iteration_json
from ..record.settings import OPTIONS, SETTINGS_FILE, Settings
from .abilities import GivenRange, RunNamed, SpaceNamed, as_ends, summary
from .permits import Permits, budgets_of, enforced, limited
from .plain_results import Json, plain, units
from .run_folders import RunFolders
from .search_processes import SearchProcess, SearchProcesses

_BEGIN, _END, _ANSWERED = 45.0, 25.0, 10.0  # seconds that a tool waits at most
_Few = Annotated[int | None, Field(ge=1)]
_Most = Annotated[float | None, Field(gt=0)]
_Set = Annotated[
    Sequence[str],
    Field(description="Further settings by path, as in llm.timeout=60; `genius search --help` and docs list them."),
]
_Proposer = Annotated[
    str | None, Field(description="hybrid, model, guided, random, evolution, …; default: as fits the llm.")
]
_Llm = Annotated[str | None, Field(description="A language model, PROVIDER:MODEL or local.")]
_Objectives = Annotated[Sequence[str], Field(description="The first steers; default: the space's.")]
_Limits = Annotated[
    Mapping[str, tuple[float | None, float | None]] | None,
    Field(description='Ranges of measured quantities, as in {"latency_ms": [null, 5]}.'),
]
_Keeps = Annotated[bool, Field(description="The search goes on when this server ends; otherwise it ends with it.")]


@dataclass(frozen=True)
class SearchingAbilities:
    """Tools that search, within the permits of the server."""

    folders: RunFolders
    permits: Permits
    processes: SearchProcesses = field(default_factory=SearchProcesses)

    async def start_search(
        self,
        space: SpaceNamed,
        proposer: _Proposer = None,
        llm: _Llm = None,
        iterations: _Few = None,
        trials: _Few = None,
        workers: _Few = None,
        seed: int | None = None,
        flops: GivenRange | None = None,
        params: GivenRange | None = None,
        objectives: _Objectives = (),
        limits: _Limits = None,
        pareto: Annotated[bool, Field(description="Search the front of all objectives.")] = False,
        approve: Annotated[bool, Field(description="Ask before each training; `answer` answers.")] = False,
        max_cost: Annotated[_Most, Field(description="US dollars of the language model.")] = None,
        max_llm_tokens: _Few = None,
        max_hours: Annotated[_Most, Field(description="Device-hours of training.")] = None,
        settings: _Set = (),
        run: Annotated[str | None, Field(description="A name for the new run; default: one of space and time.")] = None,
        keep_running: _Keeps = False,
    ) -> Json:
        """Start a search in a process of its own, and return once it has begun: watch_search tells how it goes."""
        self.permits.check_space(space)
        self.permits.check_quantities([*objectives, *(limits or ())])
        budgets = {"max_cost": max_cost, "max_llm_tokens": max_llm_tokens, "max_hours": max_hours}
        ranges = {name: as_ends(ends) for name, ends in (("flops", flops), ("params", params)) if ends}
        numbers = {"iterations": iterations, "trials": trials, "workers": workers, "seed": seed}
        who = {"llm": [llm] if llm else None, "proposer": proposer}
        flags = {"approve": approve or None, **budgets, **ranges, **numbers, **who}
        options = self._merged({name: value for name, value in flags.items() if value is not None})
        asked = self.permits.asked(options, [*self.permits.set, *settings])
        aim = {"objectives": list(objectives), "limits": limits, "pareto": pareto}
        async with self.processes.starting:
            folder = self._new(run, asked.changed({"space": space}))
            most = limited(asked, self._left(asked, NOTHING_SPENT))
            arguments = {"space": space, "run": str(folder), **aim, **options}
            arguments["set"] = [*self.permits.set, *settings, *enforced(self.permits.base, most)]
            started = await self.processes.start("search", folder, arguments, keeps=keep_running, limits=most)
        return await self._begun(started)

    async def resume_search(
        self,
        run: RunNamed,
        iterations: Annotated[_Few, Field(description="How many a trial makes in all from now on.")] = None,
        settings: _Set = (),
        keep_running: _Keeps = False,
    ) -> Json:
        """Go on with a run that was stopped, cut off or paused, or make more iterations of it."""
        folder = self.folders.run(run)
        more = [*settings, *([f"loop.iterations={iterations}"] if iterations else [])]
        async with self.processes.starting:
            if (known := self.processes.latest(folder)) and known.runs:
                raise GeniusError(f"{run} is running: watch_search tells how it goes")
            asked, before = self.permits.resumed(Settings.load(folder), more), read(folder).spent
            most = limited(asked, self._left(asked, before))
            arguments = {"run": str(folder), **self.permits.named_again(asked)}
            arguments["set"] = [*more, *enforced(self.permits.base, most)]
            started = await self.processes.start(
                "resume", folder, arguments, keeps=keep_running, limits=most, before=before
            )
        return await self._begun(started)

    async def watch_search(
        self,
        run: RunNamed,
        last: Annotated[int, Field(ge=0, le=50, description="How many of the last experiments are told.")] = 5,
        wait: Annotated[float, Field(ge=0, le=50, description="Seconds to wait for a change of state.")] = 0,
    ) -> Json:
        """Tell how a search goes: its state, an open question, epochs, the last experiments, the best, the cost."""
        folder = self.folders.new(run)
        if (process := self.processes.latest(folder)) and wait:
            state = process.state
            await process.until(lambda each: each.state != state, wait)
        return self._watched(folder, last)

    async def answer(
        self,
        run: RunNamed,
        answer: Annotated[str, Field(description="yes, no or edit; of another question than an approval, the answer.")],
        reason: Annotated[str, Field(description="Why not; the language model reads it.")] = "",
        architecture: Annotated[
            Sequence[Any] | Mapping[str, Any] | None, Field(description="With edit: what is trained instead.")
        ] = None,
    ) -> Json:
        """Answer the question that a search waits for, such as the approval of a training."""
        process = self.processes.running(self.folders.new(run))
        asked = (process.question or {}).get("question")
        approves = isinstance(asked, Mapping) and "architecture" in asked
        await process.answer(_approval(answer, reason, architecture) if approves else answer)
        stage = dict(process.steps)
        await process.until(lambda each: each.question is not None or each.steps != stage, _ANSWERED)
        return self._watched(process.run, 1)

    async def stop_search(self, run: RunNamed) -> Json:
        """Stop a search in order: everything so far is kept, and resume_search goes on with it."""
        process = self.processes.running(self.folders.new(run))
        await process.tell(stop=True)
        await process.until(lambda _: False, _END)
        return self._watched(process.run, 1)

    def _merged(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of a search: those of the server, but for those that are asked for."""
        left_out = {"llm", "proposer"} if {"llm", "proposer"} & set(asked) else set()
        kept = {name: value for name, value in self.permits.options.items() if name not in left_out}
        return {**kept, **asked}

    def _new(self, name: str | None, settings: Settings) -> Path:
        named = settings if settings.proposer else settings.changed({"proposer": "hybrid"})
        folder = self.folders.new(name) if name else unused_folder(self.folders.root, named)
        if folder.exists() or self.processes.latest(folder):
            raise GeniusError(f"there is a run {self.folders.name(folder)} already: name another one, or resume it")
        return folder

    def _left(self, asked: Settings, before: Spent) -> dict[str, float]:
        """Return the limits on a run that the budgets of the server leave, with what the run had spent before.

        Raises: GeniusError where nothing is left.
        """
        left = {}
        for path, of in budgets_of(asked).items():
            if (most := self.permits.base.at(path)) is None:
                continue
            unused = float(str(most)) - sum(_used(path, of, *each) for each in self.processes.of_runs())
            if unused <= 0:
                raise GeniusError(
                    f"the searches of this server have used its budget, {OPTIONS[path].flag} {most}, or those that run "
                    "may use it: wait for them, stop one, or start searches with smaller budgets"
                )
            left[path] = of(before) + unused
        return left

    async def _begun(self, process: SearchProcess) -> Json:
        await process.until(lambda each: each.began, _BEGIN)
        if not process.runs and not process.began:
            raise GeniusError(process.error or "; ".join([process.state, *process.said]))
        return self._watched(process.run, 0)

    def _watched(self, folder: Path, last: int) -> Json:
        process = self.processes.latest(folder)
        if process is None or (folder / SETTINGS_FILE).exists():
            return self._run_json(folder, process, last)
        return {"run": self.folders.name(folder), **_process_json(process)}

    def _run_json(self, folder: Path, process: SearchProcess | None, last: int) -> Json:
        name = self.folders.name(folder)
        result = read(self.folders.run(name))
        convention = result.settings.limits.convention
        latest = (
            sorted(result.candidates, key=lambda each: each.started)[len(result.candidates) - last :] if last else []
        )
        experiments = [
            {"trial": each.trial, "rationale": each.rationale, **iteration_json(each, result.goal, convention)}
            for each in latest
        ]
        told = {
            "run": name,
            **(_process_json(process) if process else {"state": "no process of this server"}),
            **summary(result),
            "last_experiments": experiments,
            "spent": {"cost": result.spent.cost, "tokens": result.spent.tokens, "hours": result.spent.hours},
            "units": units(result.goal),
        }
        found: Json = plain(told)
        return found


def _process_json(process: SearchProcess) -> Json:
    asked = (process.question or {}).get("question")
    told: dict[str, Any] = {"state": process.state, "keeps_running": process.keeps}
    told |= {"question": asked} if asked is not None else {}
    told |= {"now": [process.steps[trial] for trial in sorted(process.steps)]} if process.runs else {}
    told |= {"notes": list(process.notes)} if process.notes else {}
    told |= {"error": process.error} if process.error else {}
    found: Json = plain(told)
    return found


def _used(path: str, of: Callable[[Spent], float], first: SearchProcess, latest: SearchProcess) -> float:
    """Return what a run counts against a budget: all that it may spend while it runs, and then what it has spent."""
    if latest.runs:
        return max(0.0, latest.limits.get(path, 0.0) - of(first.before))
    begun = (latest.run / SETTINGS_FILE).exists()
    return max(0.0, of(read(latest.run).spent) - of(first.before)) if begun else 0.0


def _approval(answer: str, reason: str, architecture: object) -> Json:
    word: Literal["yes", "no", "edit"] | str = answer.strip().lower()
    told: Json = {"answer": word}
    told |= {"reason": reason} if reason else {}
    return told | ({"architecture": architecture} if architecture is not None else {})
