"""The node of a hybrid search that has every arm offer an architecture, and chooses whose is tried."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from ..agents.arms import START, UNBELIEVING, choose_offer
from ..agents.proposer import Asking, Proposer, agent_of_arm, asked
from ..agents.provider import ProviderError
from ..agents.reflector import conversation
from ..guide.features import encoder
from ..guide.outlook import outlook
from ..record.call import Reply, received
from ..record.candidate import Candidate, Message, Offer
from ..record.history import History
from ..record.secrets import errors_cleared
from ..record.settings import MODEL
from ..spaces.space import Architecture
from ..tools.refused import refused_architectures
from ..tools.validator import Broken, check_architecture, validate
from .state import Context, SearchState, history_of, in_flight, ready
from .tool_use import text_forms

NO_ANSWER = "no answer: "
"""The first words of an offer's fault where the language model was asked and could not be reached."""
RESTS = "it rests, since it gave no answer"
_LONGEST_REST = 4  # iterations


@dataclass(frozen=True)
class _Offered:
    """An offer, with the reply that made it and the model that wrote this."""

    offer: Offer
    reply: str = ""
    fault: str | None = None
    llm: str | None = None


async def chooser(state: SearchState, runtime: Runtime[Context], tries: int = 1) -> Command[Literal["validator"]]:
    """Take one of the arms' offers for the candidate's reply.

    A reply that cannot be used is no refusal, but an offer with a fault: the iteration goes to another arm. Where no
    arm offers anything the validator judges the reply of the last one.
    """
    context, candidate = ready(state, runtime, tries), in_flight(state)
    history = history_of(state, context)
    prompt = conversation(state.get("prompt") or [], _without_calls(candidate), context.prompts)
    offered = [each async for each in _offers(context, candidate, prompt, history)]
    offered, belief = await asyncio.to_thread(_weighed, context, candidate, history, offered)
    sound = [at for at, each in enumerate(offered) if each.offer.architecture is not None]
    at = len(offered) - 1
    if sound:
        offers = [offered[each].offer for each in sound]
        at = sound[choose_offer(offers, history, context.seed, len(candidate.refusals), belief)]
    taken = offered[at]
    candidate = replace(
        candidate,
        arm=taken.offer.arm,
        offers=tuple(each.offer for each in offered),
        belief=belief,
        reply=taken.reply,
        fault=taken.fault,
        llm=taken.llm,
    )
    candidate = _with_forecast(context, candidate, taken.offer)
    return Command(goto="validator", update={"candidate": candidate.to_json()})


def _with_forecast(context: Context, candidate: Candidate, taken: Offer) -> Candidate:
    """Return a candidate with the language model's rationale and forecast, where it offered what another arm did."""
    models = _of_model(context)
    same = (one for one in candidate.offers if one.arm in models and one.architecture == taken.architecture)
    own = next((one for one in same if one.expected is not None or one.rationale), taken)
    return replace(candidate, rationale=own.rationale, expected=own.expected, expected_sd=own.expected_sd)


def _of_model(context: Context) -> list[str]:
    """Name the arms that ask the language model."""
    return [name for name, arm in context.arms.items() if name == MODEL or isinstance(arm, Asking)]


def _without_calls(candidate: Candidate) -> Candidate:
    """Return a candidate without the calls of tools, which are no proposals."""
    return replace(candidate, tools=(), rounds=0)


def opener(context: Context, candidate: Candidate, history: History) -> str | None:
    """Return the arm whose offer is tried before the others are asked; None once they all are.

    Where the model names a start, that is measured against the first pick of the guide without beliefs: until both are
    known, nothing tells whom to believe.
    """
    space, beliefs = context.region.space, history.beliefs
    if beliefs is None or _next_start(context, candidate, history) is None:
        return None
    if UNBELIEVING in context.arms and not history:
        return UNBELIEVING
    tried = space.identity(beliefs.starts[0]) in history.tried(space, ())
    return None if tried or any(earlier.arm == START for earlier in history) else START


def _next_start(context: Context, candidate: Candidate, history: History) -> Architecture | None:
    """Return the next of the model's starts that is allowed and was not tried yet; None where there is none."""
    beliefs, space = history.beliefs, context.region.space
    if beliefs is None:
        return None
    refused = refused_architectures(space, conversation([], _without_calls(candidate), context.prompts), history)
    tried = history.tried(space, refused)
    for start in beliefs.starts:
        new = space.identity(start) not in tried
        if new and not isinstance(check_architecture(start, context.region, history), Broken):
            return start
    return None


def not_asked(context: Context, history: History) -> str:
    """Say why the language model is not asked in this iteration: its budget is spent, or it rests after it could not be
    reached, for one iteration, then two, then four each time; empty where it is asked."""
    if not context.has_other_arms:
        return ""
    if spent := context.budget.reached(context.journal.spent):
        return spent
    silent, since = 0, 0
    for fault in _faults(context, history):
        if fault == RESTS:
            since += not silent
        elif fault.startswith(NO_ANSWER):
            silent += 1
        else:
            break
    return RESTS if since < min(2**silent // 2, _LONGEST_REST) else ""


def _faults(context: Context, history: History) -> Iterator[str]:
    """Yield the faults of the model's offers, the latest first; of several arms that ask it, those of one."""
    asking = next(iter(_of_model(context)), None)
    for candidate in reversed(history):
        yield from (offer.fault for offer in candidate.offers if offer.arm == asking)


def says_anew(fault: str, context: Context, history: History) -> bool:
    """Tell whether the last iteration's offers did not tell of the same fault, so that a person is to be told."""
    known = next(_faults(context, history), "")
    return fault != RESTS and not (known == fault or (known and fault.startswith(NO_ANSWER)))


async def _offers(
    context: Context, candidate: Candidate, prompt: list[Message], history: History
) -> AsyncIterator[_Offered]:
    """Ask every arm, or the one that opens; the candidate holds the language model's own answer already."""
    unasked, first = not_asked(context, history), opener(context, candidate, history)
    for name, arm in context.arms.items():
        if first not in (None, name):
            continue
        if name == MODEL:
            yield _Offered(Offer(name), candidate.reply, candidate.fault, candidate.llm)
        elif isinstance(arm, Asking) and unasked:
            yield _Offered(Offer(name), fault=unasked)
        else:
            reply = await _reply_of(name, arm, context, candidate, prompt, history)
            yield _Offered(Offer(name), reply.text, reply.fault, reply.llm if reply.model else None)
    start = _next_start(context, candidate, history)
    if start is not None and first in (None, START):
        yield _Offered(Offer(START), context.region.space.declared(start))


async def _reply_of(
    name: str,
    arm: Proposer,
    context: Context,
    candidate: Candidate,
    prompt: list[Message],
    history: History,
) -> Reply:
    """Return an arm's reply; one that a language model wrote is logged, and is not asked for again."""
    attempt = len(candidate.refusals) + candidate.rounds + 1
    place = agent_of_arm(name), candidate.trial, candidate.iteration, attempt
    if (logged := context.journal.reply(place)) is not None:
        return logged
    try:
        with errors_cleared():
            messages = await arm.messages(prompt, history) if isinstance(arm, Asking) else prompt
            ask = partial(arm.ask, texts=text_forms(context)) if isinstance(arm, Asking) else partial(asked, arm)
            answer = await ask(messages, history)
        reply = received(answer)
    except ProviderError as error:
        if not context.goes_on_without(error, candidate.trial):
            raise
        return Reply("", fault=f"{NO_ANSWER}{error}")
    if reply.model:
        await context.journal.log_reply(place, messages, reply)
    return reply


def _weighed(
    context: Context, candidate: Candidate, history: History, offered: Sequence[_Offered]
) -> tuple[list[_Offered], float | None]:
    """Judge the replies of the arms, and weigh the sound ones by their probability to improve on the best; return the
    probability of the model's beliefs, too."""
    judged = [_judged(context, candidate, history, each) for each in offered]
    sound = [each.offer.architecture for each in judged if each.offer.architecture is not None]
    found = outlook(context.region, history, context.seed) if sound else None
    if found is None:
        return judged, None
    probabilities = iter(found.improvement(encoder(context.region.space).encode(sound)).tolist())
    weighed = [
        each
        if each.offer.architecture is None
        else replace(each, offer=replace(each.offer, probability=next(probabilities)))
        for each in judged
    ]
    return weighed, found.belief


def _judged(context: Context, candidate: Candidate, history: History, offered: _Offered) -> _Offered:
    if not offered.reply and not offered.fault:
        return replace(offered, offer=replace(offered.offer, fault="it made no offer"))
    bare = replace(candidate, reply=offered.reply, fault=offered.fault, llm=offered.llm, refusals=())
    found = validate(bare, context.region, history, repair=context.repair, max_replies=1, when_done="stop")
    reason = found.refusals[-1].reason if found.refusals else found.error
    fault = "" if found.architecture else (reason or "").partition("\n")[0]
    offer = replace(offered.offer, architecture=found.architecture, fault=fault)
    if found.architecture and not found.repair:
        offer = replace(offer, rationale=found.rationale, expected=found.expected, expected_sd=found.expected_sd)
    return replace(offered, offer=offer)
