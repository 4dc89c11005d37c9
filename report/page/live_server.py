"""A small server on this machine that shows the page of runs while they grow; it changes nothing."""

import asyncio
import errno
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import GeniusError
from ...record.call import CALLS_FILE
from ...record.confirmation import CONFIRMATIONS_FILE
from ...record.journal import CANDIDATES_FILE
from ...record.notebook import NOTEBOOK_FILE
from ...record.settings import SETTINGS_FILE
from .rendering import policy

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
_NAMES = [HOST, "localhost"]
_FILES = (SETTINGS_FILE, CANDIDATES_FILE, CALLS_FILE, CONFIRMATIONS_FILE, NOTEBOOK_FILE)
_LOOK, _SPARING, _ALIVE = 0.5, 4, 15.0  # seconds between looks; times a page's work between pages; seconds of silence
_NOTHING = "install the server with `pip install 'genius-nas[view]'`, or leave --serve out"

Stamp = tuple[tuple[str, int, int], ...]


def stamp(runs: Sequence[Path]) -> Stamp:
    """Return the names, times and sizes of the files of runs: another stamp is another page."""
    epochs = (path for run in runs for path in sorted((run / "evaluations").glob("trial-*/*/*.json*")))
    found = []
    for path in (*(run / name for run in runs for name in _FILES), *epochs):
        try:
            about = os.lstat(path)
        except OSError:
            continue
        found.append((str(path), about.st_mtime_ns, about.st_size))
    return tuple(found)


class LivePage:
    """The page of runs, made anew when their files have changed and somebody asks for it."""

    def __init__(self, runs: Sequence[Path], make: Callable[[], str]) -> None:
        self._runs, self._make = runs, make
        self._made: tuple[Stamp, str] | None = None
        self._lock = asyncio.Lock()
        self._took = 0.0
        self._closed = asyncio.Event()

    def close(self) -> None:
        """End the streams of changes."""
        self._closed.set()

    async def page(self) -> str:
        """Return the page.

        Raises: GeniusError where a run cannot be read.
        """
        async with self._lock:
            now = await asyncio.to_thread(stamp, self._runs)
            if self._made is None or self._made[0] != now:
                begun = time.monotonic()
                self._made = now, await asyncio.to_thread(self._make)
                self._took = time.monotonic() - begun
            return self._made[1]

    async def changes(self) -> AsyncIterator[bool]:
        """Yield True whenever the files have changed, and False from time to time where they have not.

        A page that takes long to make is told of less often, for a search may share the machine.
        """
        known, told = await asyncio.to_thread(stamp, self._runs), time.monotonic()
        while not await self._closes_within(max(_LOOK, _SPARING * self._took)):
            now = await asyncio.to_thread(stamp, self._runs)
            if now != known or time.monotonic() - told > _ALIVE:
                told = time.monotonic()
                yield now != known
                known = now

    async def _closes_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)
        return self._closed.is_set()


def application(live: LivePage) -> "Starlette":
    """Make the application: the page at /, its changes as server-sent events at /events, both to be read only.

    A request that names another host is refused: a page of a stranger could have its own name lead here.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    async def page(request: "Request") -> "Response":
        try:
            return HTMLResponse(await live.page(), headers=_headers())
        except GeniusError as error:
            return PlainTextResponse(str(error), 503, headers=_headers())

    async def events(request: "Request") -> "Response":
        return StreamingResponse(_events(live), media_type="text/event-stream", headers=_headers())

    guard = Middleware(TrustedHostMiddleware, allowed_hosts=_NAMES, www_redirect=False)
    return Starlette(routes=[Route("/", page), Route("/events", events)], middleware=[guard])


def _headers() -> dict[str, str]:
    return {
        "Content-Security-Policy": f"{policy(live=True)}; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


async def _events(live: LivePage) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    async for changed in live.changes():
        yield "event: changed\ndata:\n\n" if changed else ": nothing new\n\n"


def listening(port: int) -> socket.socket:
    """Open a port of this machine's own address; 0 is any free one.

    Raises: GeniusError.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((HOST, port))
        opened.listen()
    except (OSError, OverflowError) as error:
        opened.close()
        used = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "is in use" if used else f"cannot be opened: {getattr(error, 'strerror', None) or error}"
        raise GeniusError(f"port {port} {why}; name another one with --port, or 0 for any free one") from None
    return opened


async def serve(live: LivePage, opened: socket.socket) -> None:
    """Serve a page at an open port until the caller is cancelled.

    Raises: GeniusError where no server is installed.
    """
    try:
        import uvicorn
    except ImportError:
        raise GeniusError(f"there is no server to serve the page by: {_NOTHING}") from None

    class Server(uvicorn.Server):
        def capture_signals(self) -> "nullcontext[None]":  # type: ignore[override]
            """Leave the signals to the command line."""
            return nullcontext()

    options = uvicorn.Config(application(live), log_config=None, access_log=False, lifespan="off", server_header=False)
    options.timeout_graceful_shutdown = 1
    server = Server(options)
    serving = asyncio.create_task(server.serve([opened]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        live.close()
        server.should_exit = True
        await serving
        raise
