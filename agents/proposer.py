"""The contract of a proposer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from inspect import isawaitable
from typing import Literal

from ..errors import GeniusError
from ..plugins import signature_refusing
from ..record.call import Agent, Reply
from ..record.candidate import Candidate, Message
from ..spaces.region import Region
from ..tools.toolbox import Tool
from .prompting import Prompts

Proposer = Callable[[Sequence[Message], Sequence[Candidate]], Awaitable["Reply | str"] | Reply | str]
"""Maps a prompt and the trial's finished candidates to a reply: text or a Reply. A plain function is enough.

It keeps no state of its own: the same prompt and history give the same reply, so that an interrupted search can
continue.
"""


FormName = Literal["proposal", "beliefs", "notebook", "principles"]


@dataclass(frozen=True)
class Form:
    """A question to a language model: the name of the answer, its JSON schema, and the tools it may call.

    Without a schema the answer is free text; a proposal has the schema of the space unless it has another one. `arm` is
    the further arm of a hybrid search that asks for a proposal. `texts` are the parts of the prompt that
    describe the answer in plain text: a model that is sent the schema is not shown them.
    """

    name: FormName
    schema: Mapping[str, object] | None = None
    tools: Sequence[Tool] = ()
    arm: str = ""
    texts: Sequence[str] = ()

    @property
    def agent(self) -> Agent:
        """Who asks."""
        return agent_of_arm(self.arm) if self.arm else AGENTS[self.name]


PROPOSAL = Form("proposal")

AGENTS: Mapping[FormName, Agent] = {
    "proposal": "proposer",
    "beliefs": "starter",
    "notebook": "reflector",
    "principles": "concluder",
}
"""Who asks a model for each form."""


class ToolsRefused(GeniusError):
    """A language model takes no tools: whoever asks it asks again, without them."""


def agent_of_arm(arm: str) -> Agent:
    """Name an arm of a hybrid search as the agent that asks a model."""
    return f"arm:{arm}"


Think = Callable[[Sequence[Message], Sequence[Candidate], Form], Awaitable[Reply]]
"""Maps a prompt, the trial's finished candidates and a form to a reply."""


@dataclass(frozen=True)
class Thinking:
    """A proposer that can be asked for more than proposals: a language model, or a program that plays one."""

    think: Think

    def __call__(self, prompt: Sequence[Message], history: Sequence[Candidate]) -> Awaitable[Reply]:
        """Ask for a proposal."""
        return self.think(prompt, history, PROPOSAL)


async def asked(
    proposer: Proposer, prompt: Sequence[Message], history: Sequence[Candidate], form: Form = PROPOSAL
) -> Reply | str:
    """Ask a proposer for a proposal, which may answer at once or be awaited; one that thinks reads the form, too."""
    if isinstance(proposer, Thinking):
        return await proposer.think(prompt, history, form)
    answer = proposer(prompt, history)
    return await answer if isawaitable(answer) else answer


MakeProposer = Callable[[Region, Sequence[int]], Proposer]
"""Makes the proposer of a trial from the region that is searched and the trial's seed."""


class Seeded:
    """A function that makes the proposer of each trial from the region that is searched and the trial's seed."""

    def __init__(self, make: MakeProposer) -> None:
        self._make = make
        update_wrapper(self, make)

    def __call__(self, region: Region, seed: Sequence[int]) -> Proposer:
        """Make a proposer."""
        return self._make(region, seed)


def seeded(make: MakeProposer) -> Seeded:
    """Mark a function of a region and a seed that makes the proposer of each trial; any other is a proposer itself."""
    return Seeded(make)


Brief = Callable[[Sequence[Message], Sequence[Candidate]], Awaitable[Sequence[Message]] | Sequence[Message]]
"""Maps an iteration's prompt, and the trial's finished candidates, to the messages that a language model is sent."""

MakeBrief = Callable[[Region, Sequence[int], Prompts], Brief]
"""Makes the brief of a trial from the region that is searched, the trial's seed and the templates of prompts."""


class Briefing(Seeded):
    """A function that makes an arm of a hybrid search: it adds words to the prompt of the search's
    language model."""

    def __init__(self, make: MakeBrief) -> None:
        self._make_brief = make
        update_wrapper(self, make)

    def __call__(self, region: Region, seed: Sequence[int]) -> Proposer:
        """Raises GeniusError: without a model there is nobody to ask."""
        name = getattr(self, "__name__", "this proposer")
        raise GeniusError(f"{name} asks a language model: name it as an arm, with --proposer hybrid and an --llm")

    def brief(self, region: Region, seed: Sequence[int], prompts: Prompts) -> Brief:
        """Make the brief of a trial."""
        return self._make_brief(region, seed, prompts)


def briefing(make: MakeBrief) -> Briefing:
    """Mark a function of a region, a seed and prompts that makes the brief of an arm that asks the language model."""
    return Briefing(make)


def maker_of(value: object) -> MakeProposer | None:
    """Return the maker of a search's proposers, given a proposer or a function that `seeded` marks.

    None stands for a value that is no function. Raises: GeniusError for a function that takes other arguments.
    """
    if not callable(value):
        return None
    if not isinstance(value, Seeded) and (takes := signature_refusing(value, 2)):
        raise GeniusError(
            f"{getattr(value, '__name__', type(value).__name__)} takes {takes}: a proposer takes (prompt, history); "
            "mark a function that makes one with @genius.seeded"
        )
    return value if isinstance(value, Seeded) else lambda *_: value


@dataclass(frozen=True)
class Unprompted:
    """A proposer that reads only the refused replies of a prompt, so that the reflector writes no prompt for it."""

    propose: Proposer

    def __call__(self, prompt: Sequence[Message], history: Sequence[Candidate]) -> Awaitable[Reply | str] | Reply | str:
        """Call the proposer."""
        return self.propose(prompt, history)


@dataclass(frozen=True)
class Asking:
    """An arm of a hybrid search that asks the search's language model, by its own brief."""

    name: str
    brief: Brief
    model: Proposer

    async def messages(self, prompt: Sequence[Message], history: Sequence[Candidate]) -> Sequence[Message]:
        """Return the messages that the model is sent."""
        told = self.brief(prompt, history)
        return await told if isawaitable(told) else told

    async def ask(
        self, messages: Sequence[Message], history: Sequence[Candidate], texts: Sequence[str] = ()
    ) -> Reply | str:
        """Send the model messages, and return its reply; `texts` are those of the form."""
        return await asked(self.model, messages, history, Form(PROPOSAL.name, arm=self.name, texts=texts))

    async def __call__(self, prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply | str:
        """Propose."""
        return await self.ask(await self.messages(prompt, history), history)


def reads_prompts(proposer: Proposer, arms: Mapping[str, Proposer]) -> bool:
    """Tell whether a trial's proposer or one of its arms reads prompts."""
    return not all(isinstance(each, Unprompted) for each in (proposer, *arms.values()))
