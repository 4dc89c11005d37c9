"""The state of the graph, which is checkpointed, and the context of an invocation, which is not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from langgraph.channels import UntrackedValue
from langgraph.runtime import Runtime
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypedDict

from ..agents.conversation import Room
from ..agents.prompting import Prompts
from ..agents.proposer import Asking, Proposer, Thinking, reads_prompts
from ..agents.provider import ProviderError
from ..errors import GeniusError
from ..evaluators.evaluator import Evaluator
from ..evaluators.meter import Weigh
from ..printable import named
from ..record.budget import NO_BUDGET, Budget, Spent
from ..record.candidate import Candidate, Message
from ..record.confirmation import CONFIRMATION, UNCONFIRMED, Confirmation, Confirming
from ..record.files import BrokenRun
from ..record.goal import UNNAMED, Goal, default_goal
from ..record.hints import shown_hints
from ..record.history import History
from ..record.journal import Journal
from ..record.notebook import BELIEFS, PAGE, Beliefs, Page
from ..record.settings import MODEL, Memory, Order, RepairMode, WhenDone
from ..schema import BadRecord
from ..spaces.region import Region
from ..spaces.space import SearchSpace
from .progress import Progress, Stage, ignore
from .slots import Question, Slots


def _add_new(known: list[dict[str, Any]], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the candidates, or pages, of new iterations, since a returned state may be passed in again."""
    there = {(each["iteration"], each.get("kind")) for each in known}
    return [*known, *(each for each in more if (each["iteration"], each.get("kind")) not in there)]


def _add_confirmed(known: list[dict[str, Any]], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the further evaluations that are new."""
    there = {(each["iteration"], each["repeat"]) for each in known}
    return [*known, *(each for each in more if (each["iteration"], each["repeat"]) not in there)]


class InFlight(TypedDict, total=False):
    """The progress of a trial, and its pending candidates.

    `done` counts the finished iterations; `candidate` is on its way through the nodes, None between invocations;
    `running` are the candidates with pending evaluations; `stopped` is the reason for an end before the last iteration.
    `beliefs` are those that the model stated before anything was measured, None where it was not asked; `notebook` are
    its notes since, `hints` those of a person; `considered` counts the finished candidates that were looked at
    for surprises. The first node fills in missing fields.
    """

    trial: int
    done: int
    candidate: dict[str, Any] | None
    running: list[dict[str, Any]]
    stopped: str | None
    beliefs: dict[str, Any] | None
    notebook: str
    hints: list[str]
    considered: int


FIRST = InFlight(
    trial=1,
    done=0,
    candidate=None,
    running=[],
    stopped=None,
    beliefs=None,
    notebook="",
    hints=[],
    considered=0,
)
"""The first state of a trial."""


class Kept(InFlight, total=False):
    """The checkpointed state of a trial, which an invocation also returns; plain JSON types.

    `history` holds the finished candidates, `confirmed` their further evaluations, and `pages` those of the notebook,
    where no run folder does. `question` is the open question of an evaluation, `answers` are the answers that pending
    evaluations have had, by `answers_key`.
    """

    question: Question | None
    answers: dict[str, list[Any]]
    history: Annotated[list[dict[str, Any]], _add_new]
    confirmed: Annotated[list[dict[str, Any]], _add_confirmed]
    pages: Annotated[list[dict[str, Any]], _add_new]


class SearchState(Kept, total=False):
    """The whole state of a trial, with the proposer's `prompt`, which is not checkpointed."""

    prompt: Annotated[list[Message], UntrackedValue]


@dataclass(frozen=True)
class Context:
    """The tools and facts that an invocation of the graph works with; never checkpointed.

    `arms` are those of a hybrid search, by their names, of which `model` is the proposer; without any the proposer
    makes every proposal. `goal` is that of the search; where none is named, the objective of the evaluator, else
    that of the space. `budget` limits the spending of the run. `advice` is whether prompts hold a surrogate's
    advice, with the trial's `seed`, and `tools` whether a language model may call tools. `memory` is how prompts
    tell of earlier iterations, `prompts` are their templates, `procedure` says how a value is measured, and `room`
    how long a conversation may be. `approve` is whether a person is asked before each training. `iterations` is how
    many a trial makes in all, None for as many as the graph is invoked for; `whole` is whether one invocation makes
    all of them. `slots` are the evaluations in flight. `told` is whether values are told from outside: then an
    invocation hands one candidate out and ends. `weigh` measures a network before it is trained, where limits are
    held against that.

    `beliefs` is whether a proposer that is `Thinking` is asked for its starts and beliefs before anything is measured,
    `reflect_every` after how many iterations it rewrites its notebook, 0 for never, and `principles` whether it is
    asked for design principles in the end; `reflector` writes the latter two in its place. `confirming` is how many of
    the best are evaluated again when the `iterations` are made, and how often; `again` makes the evaluator of the
    repeats of a number, with a seed of its own, None where `evaluator` is the same for all. `is_last_try` is whether a
    node that raises now is not tried again.
    """

    region: Region
    proposer: Proposer
    evaluator: Evaluator
    journal: Journal = field(default_factory=Journal)
    goal: Goal = UNNAMED
    arms: Mapping[str, Proposer] = field(default_factory=dict)
    repair: RepairMode = "ask"
    max_replies: int = 10
    when_done: WhenDone = "ask"
    budget: Budget = NO_BUDGET
    order: Order = "best"
    advice: bool = False
    tools: bool = False
    memory: Memory = "summary"
    prompts: Prompts = field(default_factory=Prompts)
    procedure: str = ""
    room: Room = field(default_factory=Room)
    seed: Sequence[int] = (0,)
    iterations: int | None = None
    approve: bool = False
    whole: bool = False
    told: bool = False
    weigh: Weigh | None = None
    confirming: Confirming = UNCONFIRMED
    again: Callable[[int], Evaluator] | None = None
    beliefs: bool = False
    reflect_every: int = 0
    principles: bool = False
    reflector: Thinking | None = None
    is_last_try: bool = True
    slots: Slots = field(default_factory=Slots)
    progress: Callable[[Progress], None] = ignore

    def __post_init__(self) -> None:
        """Raises GeniusError for parts that are none, such as their names."""
        if not isinstance(self.region, Region):
            raise GeniusError(
                "a context's region is a Region of a space, as of genius.Region(genius.get_space(name)), got "
                f"{named(self.region)}"
            )
        for name in ("proposer", "evaluator"):
            if not callable(getattr(self, name)):
                raise GeniusError(f"a context's {name} is a function, got {named(getattr(self, name))}")
        if self.goal is UNNAMED:
            object.__setattr__(self, "goal", default_goal(self.region.space, self.evaluator))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """Let servers of graphs write the schema down, though it holds functions: they ask for one of every context."""
        return core_schema.is_instance_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, object]:
        return {"title": cls.__name__, "type": "object", "description": "A genius.Context, made in Python."}

    def tell(
        self,
        stage: Stage,
        candidate: Candidate,
        note: str = "",
        confirmed: tuple[int, int] = (0, 0),
        repeat: int = 0,
    ) -> None:
        """Tell whoever shows the search how far it is."""
        tokens = self.journal.tokens(candidate.trial)
        spent, folder = self.journal.spent, self.journal.folder
        step = Progress(stage, candidate, tokens, spent, self.budget, note, folder, None, self.goal, confirmed, repeat)
        self.progress(step)

    @property
    def writer(self) -> Thinking | None:
        """Who writes the notebook and the principles; None where nobody can."""
        return self.reflector or (self.proposer if isinstance(self.proposer, Thinking) else None)

    @property
    def reads_prompts(self) -> bool:
        """Whether anybody reads the prompts."""
        return reads_prompts(self.proposer, self.arms)

    @property
    def has_other_arms(self) -> bool:
        """Whether there are arms that go on where the language model is down, or its budget is spent."""
        return any(name != MODEL and not isinstance(arm, Asking) for name, arm in self.arms.items())

    def goes_on_without(self, error: ProviderError, trial: int) -> bool:
        """Tell whether a search goes on by its other arms after the last try of a call to its language model.

        Until a model has answered once, its key or its server's address may be wrong: then the search ends. A call that
        will be refused again ends it, too, as long as nothing is lost by that.
        """
        later = self.is_last_try if error.transient else bool(self.journal.finished(trial))
        return self.has_other_arms and self.journal.was_answered and later

    @property
    def is_spent(self) -> bool:
        """Whether the budget leaves no room for a further proposal, be it by an arm without a model."""
        return self.is_spent_on_training if self.has_other_arms else self.is_spent_on_models

    @property
    def is_spent_on_models(self) -> bool:
        """Whether the budget leaves no room for a further call to a language model."""
        return self.budget.reached(self.journal.spent) is not None

    @property
    def is_spent_on_training(self) -> bool:
        """Whether the budget leaves no room for a further training; a proposal that was paid for is trained."""
        return self.budget.reached(Spent(hours=self.journal.spent.hours)) is not None


def ready(state: SearchState, runtime: Runtime[Context], tries: int = 1) -> Context:
    """Return the context of an invocation; its journal gets the finished candidates that only checkpoints hold.

    `tries` is how often the node is tried in all, where a language model gives no answer in passing. Raises:
    GeniusError without a context; BrokenRun where finished candidates are missing.
    """
    context = runtime.context
    if not isinstance(context, Context):
        need = "ainvoke(…, context=genius.Context(region, proposer, evaluator))"
        raise GeniusError(f"the graph needs a context, as in {need}, got {type(context).__name__}")
    _check_kinds(state)
    trial, done = state.get("trial", 1), state.get("done", 0)
    if len(context.journal.finished(trial)) < done:
        pages, confirmed = _read_pages(state.get("pages", [])), _read_confirmed(state.get("confirmed", []))
        context.journal.restore(_read(state.get("history", [])), pages, confirmed)
    if (known := len(context.journal.finished(trial))) < done:
        raise BrokenRun(f"the journal of trial {trial} holds {known} lines, its checkpoint stands on {done}")
    made = runtime.execution_info.node_attempt if runtime.execution_info else tries
    return context if made >= tries else replace(context, is_last_try=False)


def _check_kinds(state: SearchState) -> None:
    """Raises GeniusError for fields of other types."""
    for name, kinds in _KINDS.items():
        if name in state and not isinstance(state[name], kinds):  # type: ignore[literal-required]
            raise GeniusError(f"{_PASS} {name} is {named(state[name])}")  # type: ignore[literal-required]


def filled(state: SearchState, space: SearchSpace) -> InFlight:
    """Return the state of a search of a space that was passed in, with the initial values of missing fields.

    Raises: GeniusError for other candidates, and for beliefs about another space.
    """
    found: Any = {name: state.get(name, value) for name, value in FIRST.items()}
    _read([*found["running"], *filter(None, [found["candidate"]])])
    _read_confirmed(state.get("confirmed", []))
    if beliefs := _beliefs_of(found):
        beliefs.check(space)
    return found  # type: ignore[no-any-return]


_PASS = "pass a graph nothing, or the state that its last invocation returned: the state's"
_KINDS: dict[str, Any] = {"trial": int, "done": int, "running": list, "history": list, "pages": list}
_KINDS |= {"candidate": dict | None, "stopped": str | None, "beliefs": dict | None}
_KINDS |= {"notebook": str, "hints": list, "considered": int, "confirmed": list}


def _read(candidates: Sequence[Any]) -> list[Candidate]:
    try:
        return [Candidate.from_json(candidate) for candidate in candidates]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise GeniusError(f"{_PASS} candidates cannot be read: {error}") from error


def _read_confirmed(confirmations: Sequence[Any]) -> list[Confirmation]:
    try:
        return [CONFIRMATION.take(confirmation) for confirmation in confirmations]
    except BadRecord as error:
        raise GeniusError(f"{_PASS} further evaluations cannot be read: {error}") from error


def _read_pages(pages: Sequence[Any]) -> list[Page]:
    try:
        return [PAGE.take(page) for page in pages]
    except BadRecord as error:
        raise GeniusError(f"{_PASS} pages cannot be read: {error}") from error


def _beliefs_of(state: InFlight) -> Beliefs | None:
    """Return the beliefs in a state.

    Raises: GeniusError where they are none.
    """
    try:
        return None if state["beliefs"] is None else BELIEFS.take(state["beliefs"])
    except BadRecord as error:
        raise GeniusError(f"{_PASS} beliefs cannot be read: {error}") from error


def candidate_of(state: InFlight) -> Candidate | None:
    """Return the candidate that is on its way through the nodes."""
    return None if state["candidate"] is None else Candidate.from_json(state["candidate"])


def in_flight(state: InFlight) -> Candidate:
    """Return the candidate that is on its way through the nodes, where there must be one."""
    assert state["candidate"] is not None
    return Candidate.from_json(state["candidate"])


def running_of(state: InFlight) -> list[Candidate]:
    """Return the candidates whose evaluation goes on."""
    return [Candidate.from_json(candidate) for candidate in state["running"]]


def answers_of(state: Kept, iteration: int, repeat: int = 0) -> Sequence[object]:
    """Return the answers that an evaluation has had to its questions."""
    return state.get("answers", {}).get(answers_key(iteration, repeat), ())


def answers_key(iteration: int, repeat: int = 0) -> str:
    """Name an evaluation among the answers: its iteration, and a repeat behind a dot."""
    return f"{iteration}.{repeat}" if repeat else str(iteration)


def history_of(state: InFlight, context: Context) -> History:
    """Return the trial's finished candidates, and those in flight: neither may be proposed again.

    A line that was written just before a crash is not in the state's history yet: the iteration is made again.
    """
    candidate = candidate_of(state)
    asked = candidate.refusals if candidate else ()
    return context.journal.history(
        state["trial"],
        state["done"],
        running_of(state),
        context.goal,
        asked,
        _beliefs_of(state),
        _notes(state, context),
        candidate.rounds if candidate else 0,
    )


def _notes(state: InFlight, context: Context) -> str:
    """Return the notes for prompts: a person's words as such, and the model's notebook."""
    hints, notebook = shown_hints(state["hints"]), state["notebook"]
    return context.prompts.render("notes", hints=hints, notebook=notebook) if hints or notebook else ""
