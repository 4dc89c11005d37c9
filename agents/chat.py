"""The proposer that asks a chat model, and adapts its calls to the server's refusals and limits."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from ..record.call import Reply
from ..record.candidate import Candidate, Message
from ..record.settings.llm_settings import LLMSettings, Sent
from .answer import ending, is_cut_off, read_answer, reply_with_bad_calls
from .connections import without_kept_connections
from .pricing import cost_of, priced_name
from .proposer import PROPOSAL, Form, Proposer, Thinking, ToolsRefused, asked
from .provider import ProviderError, provider_errors
from .tool_messages import conversation_key, declared_tools, is_complete, wire_messages, without_text_forms

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

    Model = Runnable[Any, AIMessage]
    _Asked = tuple[LLMSettings, bool, Mapping[str, object] | None, tuple[str, ...]]

_DOUBLINGS = 3  # of the limit on a reply's tokens, after replies that were cut off at it
_UNTOLD_LIMIT = 2_048  # tokens; the first limit where the server tells none
_GIVEN = 32  # messages with calls of tools that are kept as their providers gave them
_REST = 60.0  # seconds without calls to a model that did not answer, where another one can be asked
_NOT_THE_FORMAT = {"invalid_api_key", "model_not_found", "insufficient_quota"}
_FORMAT = (
    "response_format",
    "json_schema",
    "structured",
    "schema",
    "tool",
    "tools",
    "tool_choice",
    "format",
    "grammar",
    *("function", "functions", "Function"),
)
"""Words in servers' refusals of structured output, and of tools."""


_turns: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = WeakKeyDictionary()


async def _its_turn() -> None:
    """Wait for a turn of the event loop in which no other call begins.

    Clients build a request without a pause, which takes milliseconds, and a hundred searches may ask at once.
    """
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        await asyncio.sleep(0)


@dataclass(kw_only=True)
class ChatModel:
    """A chat model, adapted to its server since the search began.

    - `name`: its name in messages and traces. `url`: its server's address, where known.
    - `make`: makes the LangChain model for options. `schema`: the JSON schema of a proposal.
    - `options`: with the limit that its replies need, and without `left_out`, the parameters that its server refuses.
    - `told`: the parameters that a model object reports of itself.
    - `as_text`: the forms that are asked for as text, since the server has refused their structured output.
    - `takes_tools`: False once the server has refused them, or the client has none.
    """

    name: str
    make: "Callable[[LLMSettings], Model]"
    schema: Mapping[str, Any]
    options: LLMSettings
    url: str | None = None
    told: Mapping[str, object] = field(default_factory=dict)
    as_text: set[str] = field(default_factory=set)
    takes_tools: bool = True
    left_out: list[str] = field(default_factory=list)
    _doublings: int = 0
    _doubted: bool = False
    _notes: list[str] = field(default_factory=list)
    _made: "dict[tuple[int, str, bool], tuple[_Asked, Model]]" = field(default_factory=dict)
    _given: "OrderedDict[str, AIMessage]" = field(default_factory=OrderedDict)

    def proposer(self, trial: int = 1) -> Thinking:
        """Make the proposer of a trial, with a seed of its own, so that sampling differs between trials."""

        async def think(prompt: Sequence[Message], history: Sequence[Candidate], form: Form) -> Reply:
            return await self.ask(prompt, trial, form)

        return Thinking(think)

    async def ask(self, prompt: Sequence[Message], trial: int = 1, form: Form = PROPOSAL) -> Reply:
        """Ask for an answer of a form. Parameters that the server refuses are left out of this and all later calls.

        Raises: ProviderError where the server fails or refuses, or where its replies outgrow every limit; ToolsRefused
        where the form has tools and the server or the client takes none.
        """
        while True:
            if form.tools and not self.takes_tools:
                raise ToolsRefused(f"{self.name} takes no tools")
            self._check_length()
            sent = self._asking(form)
            try:
                reply = await self._call(prompt, trial, form)
            except ProviderError as error:
                if sent == self._asking(form) and not self._adapt(error, form):
                    self._doubted = False
                    raise
                continue
            if sent == self._asking(form):
                self._learn(reply, form)
            if self._doubted and not form.tools:
                self._take_no_tools()
            notes, self._notes = self._notes, []
            return replace(reply, notes=tuple(notes))

    def _schema(self, form: Form) -> Mapping[str, Any] | None:
        return form.schema or (self.schema if form.name == PROPOSAL.name else None)

    def _is_structured(self, form: Form) -> bool:
        """Tell whether structured output is asked for; with tools the final answer is one of them."""
        return not form.tools and self._schema(form) is not None and form.name not in self.as_text

    def _asking(self, form: Form) -> "_Asked":
        """Return all that a call depends on besides its prompt and its trial."""
        tools = tuple(tool.name for tool in form.tools) if self.takes_tools else ()
        return self.options, self._is_structured(form), form.schema, tools

    async def _call(self, prompt: Sequence[Message], trial: int, form: Form) -> Reply:
        with provider_errors(self.url):
            model = self.model(trial, form)
            if form.tools and not self.takes_tools:
                raise ToolsRefused(f"{self.name} takes no tools")
            shown = without_text_forms(prompt, form.texts) if self._is_structured(form) else prompt
            messages = wire_messages(shown, self._given)
            found: Any
            await _its_turn()
            try:
                async with asyncio.timeout(self.options.timeout) as clock:
                    found = await model.ainvoke(messages, config={"run_name": self.name})
            except Exception as error:
                if clock.expired():
                    limit = f"{self.options.timeout:g} s (--timeout)"
                    raise ProviderError(f"timed out: no whole answer within {limit}", transient=True) from None
                if misread := reply_with_bad_calls(error, self.name):
                    return misread
                # openai's client raises where a structured reply was cut off or withheld; the exception holds it
                if (found := getattr(error, "completion", None)) is None:
                    raise
            title = str((self._schema(form) or {}).get("title", ""))
            reply = read_answer(found, self.name, title, [tool.name for tool in form.tools])
        self._keep(prompt, reply, found)
        priced = priced_name(self.told) if self.told else self.name
        return replace(reply, cost=cost_of(reply, priced, self.options.price))

    def model(self, trial: int, form: Form = PROPOSAL) -> "Model":
        """Return the LangChain model of a trial and a form for the current options."""
        place = trial, form.name, bool(form.tools)
        if place not in self._made or self._made[place][0] != self._asking(form):
            seed = None if self.options.seed is None else self.options.seed + trial - 1
            model = self._formed(self.make(replace(self.options, seed=seed)), form)
            self._made[place] = self._asking(form), without_kept_connections(model)
        return self._made[place][1]

    def _formed(self, model: Any, form: Form) -> Any:
        """Bind a model to the tools or to the schema of a form, where its client has a way to do so."""
        try:
            if form.tools:
                return model.bind_tools(declared_tools(form.tools, self.schema))
            if self._is_structured(form):
                # the model with its schema, without the parser behind it: `read_answer` reads the answer
                return model.with_structured_output(self._schema(form)).first
        except (NotImplementedError, AttributeError, ValueError, TypeError, ImportError):
            self._give_up(form)
        return model

    def _keep(self, prompt: Sequence[Message], reply: Reply, answer: Any) -> None:
        """Keep a message with calls as its provider gave it, in this process: it may hold blocks of reasoning."""
        if reply.tool_calls and is_complete(answer, reply.tool_calls):
            said = Message(role="assistant", content="", tool_calls=reply.tool_calls)
            self._given[conversation_key([*prompt, said])] = answer
            while len(self._given) > _GIVEN:
                self._given.popitem(last=False)

    def _learn(self, reply: Reply, form: Form) -> None:
        """Double the limit on tokens after a cut-off reply; ask for text, without tools, after an empty one."""
        if is_cut_off(reply):
            self._doublings += 1
            if self._doublings <= _DOUBLINGS:
                limit = self.options.max_tokens or reply.output_tokens or _UNTOLD_LIMIT
                self.options = replace(self.options, max_tokens=2 * limit)
        elif not (reply.text.strip() or reply.tool_calls) and ending(reply) in ("its end", "tool"):
            self._give_up(form)

    def _adapt(self, error: ProviderError, form: Form) -> bool:
        """Stop sending the parameter, or asking for the format, that the server refuses; False for other errors."""
        if error.status in (400, 422, None) and (name := error.names(self.options.wire_names())):
            parameter = self.options.parameter(name)
            if parameter == "max_tokens" and self._doublings:
                self._doublings = _DOUBLINGS + 1
                return True
            self.options = self.options.without([parameter])
            self.left_out.append(parameter)
            self._notes.append(f"{self.name} refuses {parameter}, which is left out from now on: {error}")
            return True
        if form.tools and _may_be_the_format(error) and error.names(_FORMAT) is None:
            self._doubted = True  # until a call without tools shows whether they were the fault
            raise ToolsRefused(f"{self.name} may take no tools: {error}")
        return _may_be_the_format(error) and self._give_up(form)

    def _take_no_tools(self) -> None:
        self.takes_tools = self._doubted = False
        self._notes.append(f"{self.name} takes no tools: its prompts hold their answers")

    def _give_up(self, form: Form) -> bool:
        """Ask for no tools from now on, or for no structured output; False where neither was asked for."""
        if form.tools:
            self._take_no_tools()
            return True
        if not self._is_structured(form):
            return False
        self.as_text.add(form.name)
        of = "" if form.name == PROPOSAL.name else f" for its {form.name}"
        self._notes.append(f"{self.name} gives no structured output{of}: its replies are read as text")
        return True

    def _check_length(self) -> None:
        """Raise ProviderError where replies were cut off at the highest limit too."""
        if self._doublings > _DOUBLINGS:
            limit = self.options.max_tokens or _UNTOLD_LIMIT
            raise ProviderError(
                f"its replies are cut off at {limit:,} tokens, though the limit was doubled: allow more with "
                f"--max-tokens {2 * limit}, or less thinking with --reasoning-effort low",
                transient=False,
            )

    def sent(self) -> Sent:
        """Return the parameters of every call, and those that the server refuses."""
        told = {"llm": self.name, **self.told, **self.options.to_json()}
        found: dict[str, object] = {"left_out": list(self.left_out)} if self.left_out else {}
        found |= {"as_text": others} if (others := sorted(self.as_text - {PROPOSAL.name})) else {}
        found |= {} if self.takes_tools else {"tools": False}
        return cast("Sent", told | found | {"structured": self._is_structured(PROPOSAL)})


def _may_be_the_format(error: ProviderError) -> bool:
    """Tell whether the server may have refused the request for structured output, or that for tools."""
    if error.code in _NOT_THE_FORMAT or error.is_too_long:
        return False
    if error.status in (400, 422):
        return True
    return error.status in (None, 404, 405, 415, 500, 501) and error.names(_FORMAT) is not None


def first_that_answers(models: Mapping[str, Proposer]) -> Proposer:
    """Make a proposer of several named ones: the next is asked where one is down or refuses.

    It can be asked for more than proposals where one of them can. A model that gave no answer rests for a minute; one
    whose error is permanent rests for the whole search.
    """
    resting: dict[str, float] = {}

    async def think(prompt: Sequence[Message], history: Sequence[Candidate], form: Form) -> Reply:
        errors: dict[str, ProviderError] = {}
        refused: list[Reply] = []
        able = [name for name, model in models.items() if form.name == PROPOSAL.name or isinstance(model, Thinking)]
        awake = [name for name in able if resting.get(name, 0.0) <= time.monotonic()] or able
        for name in awake:
            try:
                answer = await _answer(models[name], prompt, history, form)
            except ProviderError as error:
                errors[name] = error
                resting[name] = time.monotonic() + (_REST if error.transient else float("inf"))
                continue
            reply = Reply(answer) if isinstance(answer, str) else answer
            reply = replace(reply, llm=reply.llm or name)
            if ending(reply) not in ("refused", "filtered") or name == awake[-1]:
                return _in_the_end(reply, errors, refused)
            refused.append(reply)
        if refused:
            return _in_the_end(refused.pop(), errors, refused)
        if len(errors) == 1:
            raise next(iter(errors.values()))
        raise ProviderError(
            "; ".join(f"{name}: {error}" for name, error in errors.items()),
            transient=any(error.transient for error in errors.values()),
            wait=max(error.wait for error in errors.values()),
        )

    async def propose(prompt: Sequence[Message], history: Sequence[Candidate]) -> Reply:
        return await think(prompt, history, PROPOSAL)

    return Thinking(think) if any(isinstance(model, Thinking) for model in models.values()) else propose


async def _answer(model: Proposer, prompt: Sequence[Message], history: Sequence[Candidate], form: Form) -> Reply | str:
    if isinstance(model, Thinking):
        return await model.think(prompt, history, form)
    if form.tools:
        raise ToolsRefused("one of the models takes no tools")
    return await asked(model, prompt, history)


def _in_the_end(reply: Reply, errors: Mapping[str, ProviderError], refused: Sequence[Reply]) -> Reply:
    """Return the reply that counts, with the models that failed before it, and the tokens of their refusals added."""
    passed = [f"{name}: {error}" for name, error in errors.items()] + [f"{one.llm}: {one.fault}" for one in refused]
    costs = [one.cost for one in (reply, *refused)]
    return replace(
        reply,
        passed=tuple(passed),
        input_tokens=sum(one.input_tokens for one in (reply, *refused)),
        output_tokens=sum(one.output_tokens for one in (reply, *refused)),
        cost=None if None in costs else sum(cost for cost in costs if cost is not None),
    )
