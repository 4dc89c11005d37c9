"""Training on a Ray cluster, or on a Ray that is started on this machine. Loads Ray only when the pool is entered.

Each training is a Ray actor of its own: Ray chooses a node with the resources, and the process ends with the training.
On its node the training runs in a scratch folder, as it would here. Its changed files (epochs, checkpoint, log, answer)
come back over Ray's own connections, so that the nodes need not share a file system. A training whose node or actor is
lost continues on another node from the files that have come back.

Every node needs the same version of this package, the data set at the same path, and your own space, if any, where
Python finds it.
"""

import asyncio
import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from ..errors import GeniusError
from ..record.measurement import Measurement
from ..training.disk import told_when_full
from ..training.job import Job, cores
from .mirror import FileChanges, FileStamps, apply_changes, changes_of
from .pools import TryEnd, TurnPool
from .process import GRACE
from .watch import Heartbeat, TimeLimits
from .workers import LocalWorkers, Place

if TYPE_CHECKING:
    from ray.actor import ActorClass, ActorHandle

_LOOK = 0.5  # seconds between two looks at the files of a training


class RayWorkers(TurnPool[int]):
    """A pool on Ray: on the cluster at `address`, or without one on a Ray of its own, which listens on loopback alone.

    Each training holds `cpus` cores and `gpus` GPUs (0.5 shares one). `capacity` trainings are submitted at once, and
    Ray starts as many as the cluster has room for. A training that is lost with its node or actor continues elsewhere,
    until it was lost `tries` times in a row without an epoch in between. A Ray that this process has joined before is
    used and stays joined; a cluster that the pool joined is left at the end, and a Ray that it started is shut down.

    Raises: GeniusError without Ray, or where the cluster cannot be joined.
    """

    def __init__(
        self, address: str | None = None, *, capacity: int, cpus: int = 1, gpus: float = 0.0, tries: int = 3
    ) -> None:
        if capacity < 1:
            raise GeniusError(f"the number of workers must be at least 1, got {capacity}")
        super().__init__(range(capacity), tries)
        self._address, self._cpus, self._gpus = address, cpus, gpus
        self._place = Place("cuda:0" if gpus else "cpu", cpus)
        self._joined = False
        self._scratch: Path | None = None  # of the Ray that was started here

    async def __aenter__(self) -> Self:
        # in a thread: joining takes seconds, and in the main thread Ray would take over the signals
        self._actor = await asyncio.to_thread(self._join)
        return self

    def _join(self) -> "ActorClass[_Training]":
        if self._address is None:
            _be_private()
        try:
            import ray
        except ImportError as error:
            raise GeniusError("training on Ray needs Ray: pip install 'genius-nas[ray]'") from error
        if not ray.is_initialized():
            logging.getLogger("ray").setLevel(logging.ERROR)  # its messages would break the live display
            self._joined = True
            try:
                self._start() if self._address is None else self._connect(self._address)
            except BaseException:
                self._leave()
                raise
        actor: ActorClass[_Training] = ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_restarts=0)(_Training)
        return actor

    def _start(self) -> None:
        import ray
        from ray._private import ray_constants

        ray_constants.ENABLE_RAY_CLUSTER = False  # as `_be_private` says, for a Ray that was imported before
        resources: Callable[[], dict[str, float]] = ray.cluster_resources

        # Ray's sockets lie in this folder, and a socket's path must be short: the default folder may have a long name
        short = "/tmp" if os.path.isdir("/tmp") else None
        self._scratch = Path(tempfile.mkdtemp(prefix=f"genius-ray-{os.getpid()}-", dir=short))
        ray.init(
            address="local",
            num_cpus=max(1, self.capacity * self._cpus),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(self._scratch),
        )
        if (gpus := resources().get("GPU", 0.0)) < self._gpus:
            raise GeniusError(f"each training needs {self._gpus:g} GPUs, and Ray finds {gpus:g} on this machine")

    def _connect(self, address: str) -> None:
        import ray

        _reach(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            raise GeniusError(f"cannot join the Ray cluster at {address}: {error}") from error

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._leave)

    def _leave(self) -> None:
        import ray

        if self._joined:
            ray.shutdown()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)  # Ray's own processes may still end in it

    async def _try(self, place: int, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement | TryEnd:
        """Train a job; the wait for room on the cluster counts for no time limit."""
        from ray.exceptions import RayActorError, RayTaskError

        try:
            return await self._by_actor(job, limits, heartbeat)
        except RayTaskError as error:
            raise error.cause from None
        except RayActorError as lost:
            if lost.actor_init_failed:
                raise GeniusError(f"every node needs genius-nas {_version()}, as here: {_one_line(lost)}") from None
            return TryEnd(
                "lost", f"training was lost with its Ray actor: {_one_line(lost)}", self._place.device, lost=True
            )

    async def _by_actor(self, job: Job, limits: TimeLimits, heartbeat: Heartbeat) -> Measurement:
        """Have an actor do the job, copy its files here as they change, and kill the actor at the end."""
        import ray

        kept = await asyncio.to_thread(_begin, job)
        actor = cast("ActorHandle[_Training]", self._actor.remote(_version(), self._scratch))
        running = False
        try:
            news: AsyncIterator[Awaitable[_News]] = actor.train.options(num_returns="streaming").remote(
                job, kept, self._place, limits
            )
            async for reference in news:
                told = await reference
                running = told.measurement is None
                await asyncio.to_thread(apply_changes, job.folder, told.changes)
                await heartbeat.listen()
                if told.measurement:
                    return told.measurement
            raise RuntimeError("a Ray actor ended its training without a measurement")
        finally:
            try:
                if running:
                    await _stop(actor)
            finally:
                ray.kill(actor)


def _reach(address: str) -> None:
    """Check that a cluster answers at an address, since Ray itself would try for minutes; `auto` is not checked.

    Raises: GeniusError.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or not host or "/" in host:
        raise GeniusError(f"the address of a Ray cluster is HOST:PORT, or auto, got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise GeniusError(f"no Ray cluster answers at {address}: {error}") from error


async def _stop(actor: "ActorHandle[_Training]") -> None:
    """Ask an actor to end its training, and wait for it; the caller then kills the actor in any case."""
    from ray.exceptions import RayActorError

    with suppress(RayActorError, TimeoutError):
        await asyncio.wait_for(actor.stop.remote(), GRACE + 5)


def _be_private() -> None:
    """Set the environment so that a Ray started here listens on loopback only, needs a token and sends no reports."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray on Linux then gives its node the loopback address, as it does on other systems
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # a started Ray needs a token, and would write one into the home folder where the environment has none
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _version() -> str:
    try:
        return version("genius-nas")
    except PackageNotFoundError:
        return "from its sources"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@dataclass(frozen=True)
class _News:
    """A message of an actor: the changed files and, in the last message, the measurement."""

    changes: FileChanges
    measurement: Measurement | None = None


class _Training:
    """The Ray actor of one training, on its node. The pool removes `scratch`, and with it all that a kill leaves."""

    def __init__(self, version: str, scratch: Path | None) -> None:
        self._scratch = scratch
        if version != _version():
            raise GeniusError(f"this node has genius-nas {_version()}, the search runs with {version}")
        self._task: asyncio.Task[Measurement] | None = None
        self._over = asyncio.Event()

    async def train(self, job: Job, kept: FileChanges, place: Place, limits: TimeLimits) -> AsyncIterator[_News]:
        """Continue a training from the files that are kept, and yield its files as they change."""
        yield _News({})  # the actor runs
        base = self._scratch or Path(tempfile.gettempdir())
        try:
            with told_when_full(base), tempfile.TemporaryDirectory(prefix="genius-", dir=base) as scratch:
                folder, seen = Path(scratch), FileStamps()
                apply_changes(folder, kept)
                workers_here = max(1, cores() // place.threads)  # as many as Ray may start on this node
                async with LocalWorkers([place], ahead=None, workers=workers_here) as workers:
                    job = replace(job, folder=folder)
                    training = workers.train(job, deadline=limits.deadline, silence=limits.silence)
                    self._task = asyncio.create_task(training)
                    while not self._task.done():
                        await asyncio.wait([self._task], timeout=_LOOK)
                        if changes := await asyncio.to_thread(changes_of, folder, seen):
                            yield _News(changes)
                    last = _News(await asyncio.to_thread(changes_of, folder, seen), self._task.result())
        finally:
            self._over.set()
        yield last  # after the cleaning up, since the receiver kills this actor

    async def stop(self) -> None:
        """End the training, and wait until its process and its folder are gone."""
        if self._task is not None:
            self._task.cancel()
            await self._over.wait()


def _begin(job: Job) -> FileChanges:
    """Write the job's file, and read the files that an earlier try has left."""
    job.save()
    job.files.answer.unlink(missing_ok=True)  # an answer that could not be read
    return changes_of(job.folder, {})
