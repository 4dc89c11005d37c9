"""Evaluation by a user's function in this process: plain functions in threads, coroutines on the event loop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction
from typing import NoReturn, TypeVar

from ..record.measurement import Measurement
from ..training.job import OnEpoch
from .evaluator import called
from .scripts import FunctionJob
from .trial_object import NotFinite, Reports, Trial
from .watch import Heartbeat, OverLimit, TimeLimits, Watch
from .yielding import finished, finished_later

_T = TypeVar("_T")

_BEAT = 0.2  # seconds between two looks at an evaluation
_GRACE = 5.0  # seconds that a cancelled coroutine may take to end


def is_on_loop(function: Callable[..., object]) -> bool:
    """Tell whether a call of a function starts nothing but a coroutine or an asynchronous generator."""
    ways = (function, getattr(function, "__call__", None))  # noqa: B004 - of an object its class has it
    return any(iscoroutinefunction(way) or isasyncgenfunction(way) for way in ways)


async def in_thread(work: Callable[[], _T]) -> _T:
    """Do some work in a thread of its own, with the caller's context; the end of the process does not wait for it.

    Raises: the exceptions of the work, of any kind.
    """
    loop, context = asyncio.get_running_loop(), copy_context()
    done: asyncio.Future[Callable[[], _T]] = loop.create_future()

    def settle(outcome: Callable[[], _T]) -> None:
        if not done.done():
            done.set_result(outcome)

    def run() -> None:
        outcome: Callable[[], _T]
        try:
            outcome = partial(_same, context.run(work))
        except BaseException as error:
            outcome = partial(_raise, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, daemon=True).start()
    return (await done)()


def _same(value: _T) -> _T:
    return value


def _raise(error: BaseException) -> NoReturn:
    raise error


async def evaluated(evaluate: Callable[..., object], *arguments: object) -> object:
    """Call an evaluator, in a thread unless it is a coroutine function; return its result.

    Raises: the evaluator's own exceptions.
    """
    returned = evaluate(*arguments) if is_on_loop(evaluate) else await in_thread(partial(evaluate, *arguments))
    return await returned if isawaitable(returned) else returned


async def evaluated_here(
    function: Callable[..., object],
    job: FunctionJob,
    config: Mapping[str, object],
    limits: TimeLimits,
    on_epoch: OnEpoch,
) -> Measurement:
    """Have a function do a job in this process; a plain one in a thread, which cannot be ended.

    Raises: the function's own exceptions; BadValue where it returns no measurement.
    """
    reports = Reports(job.files, job.names)
    watch = Watch(job, limits, Heartbeat(job.files.epochs, on_epoch))
    trial = Trial(config, job.architecture, job.seed, job.device, job.threads, job.memory_limit, reports)
    handed = dict(config) if job.by_value else job.architecture
    running = asyncio.ensure_future(_settled(_result(function, handed, trial, reports)))
    try:
        while not running.done():
            await watch.look()
            await asyncio.wait([running], timeout=_BEAT)
        await watch.listen()
        return reports.result(running.result()())
    except OverLimit as over:
        left = "" if is_on_loop(function) else "; a thread cannot be ended: it runs on"
        return Measurement(error=f"{over}{left}", failure=over.failure)
    except NotFinite as error:
        return Measurement(error=f"the evaluation diverged: {error}", failure="diverged")
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=_GRACE)


async def _result(function: Callable[..., object], handed: object, trial: Trial, reports: Reports) -> object:
    """Call a function, and return its result, of a coroutine or a generator when it has ended."""
    if is_on_loop(function):
        return await finished_later(called(function, handed, trial), reports)  # type: ignore[arg-type]  # is_on_loop

    def work() -> object:
        returned = called(function, handed, trial)
        return returned if isawaitable(returned) else finished(returned, reports)

    returned = await in_thread(work)
    return await returned if isawaitable(returned) else returned


async def _settled(evaluation: Coroutine[object, object, _T]) -> Callable[[], _T]:
    """Wait for an evaluation; the returned function returns its result or raises its error, which a task may not."""
    try:
        return partial(_same, await evaluation)
    except (Exception, SystemExit) as error:
        return partial(_raise, error)
