"""The meter of a search: it has each network measured once, before it is trained. Does not load torch."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..errors import RunFailed
from ..record.lines import append_records, cut_torn_line, read_records
from ..record.measurement import Measurement
from ..schema import CLOSED, Numbers, Schema, Text
from ..spaces.space import Architecture
from .from_training import folder_name
from .measures import NetworkJob
from .pools import Pool
from .quiet import Quiet

READINGS_FILE = "measures.jsonl"
_SCRATCH = "measures"  # the folder of a run in which jobs have theirs
_STARTING = 60.0  # seconds that a worker may take besides the measuring
_AT_MOST = 3  # times the seconds of a measure that it may take, with its warm-up and its export


@dataclass(frozen=True)
class NetworkReading:
    """The measurements of a network, with their conditions; a line of the run's file."""

    __pydantic_config__ = CLOSED

    architecture: Numbers
    conditions: Text
    measurement: Measurement


NETWORK_READING = Schema[NetworkReading](NetworkReading)


DoJob = Callable[[NetworkJob], Awaitable[Measurement]]
"""Does a network job."""

Weigh = Callable[[Architecture], Awaitable[Measurement]]
"""Measures the network of an architecture before it is trained: each measure is a metric."""


class Meter:
    """Measures networks, each once: the run folder holds the readings, and a search that goes on reads them there.

    `common` is the job of all but for architecture and folder, `do` does one.
    """

    def __init__(self, common: NetworkJob, do: DoJob) -> None:
        self._common, self._do = common, do
        self.quiet = Quiet()
        self._folder: Path | None = None
        self._known: dict[Architecture, Measurement] | None = None
        self._one = asyncio.Lock()

    def keep_in(self, folder: Path) -> None:
        """Keep readings in a run folder from now on, and take those that it holds of the same conditions."""
        if self._folder != folder:
            self._folder, self._known = folder, None

    async def __call__(self, architecture: Architecture) -> Measurement:
        """Measure the network of an architecture: each measure is a metric.

        A network that cannot be built, crashes or hangs is a measurement with an error.
        Raises: RunFailed where no network could be measured, or the folder cannot be written; BrokenRun.
        """
        async with self._one:  # the same network is not measured twice, whoever asks for it meanwhile
            if self._known is None:
                self._known = await asyncio.to_thread(self._read)
            if architecture not in self._known:
                async with self.quiet.measurement():
                    found = await self._measured(architecture)
                await self._keep(architecture, found)
                self._known[architecture] = found
        return self._known[architecture]

    @property
    def _file(self) -> Path:
        assert self._folder is not None
        return self._folder / READINGS_FILE

    def _read(self) -> dict[Architecture, Measurement]:
        cut_torn_line(self._file)
        readings = [each for each in read_records(self._file, NETWORK_READING) if each.conditions == self._conditions]
        return {each.architecture: each.measurement for each in readings}

    @property
    def _conditions(self) -> str:
        """The conditions of a reading besides the architecture, as JSON."""
        job = self._common
        told = [
            job.space,
            job.measures,
            job.device,
            job.threads,
            job.batch,
            job.runtime,
            job.classes,
            job.size,
            job.channels,
            job.seed,
        ]
        packages = ("torch", "onnxruntime") if job.runtime == "onnx" else ("torch",)
        return json.dumps([*told, *map(_version, packages)])

    async def _measured(self, architecture: Architecture) -> Measurement:
        folder = self._file.parent / _SCRATCH / folder_name(architecture, self._common.seed)
        try:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)  # remains of a kill
            return await self._do(replace(self._common, architecture=architecture, folder=folder))
        except OSError as error:
            raise RunFailed(f"cannot measure in {folder}: {error.strerror or error}") from error
        finally:
            await asyncio.to_thread(_remove, folder)

    async def _keep(self, architecture: Architecture, found: Measurement) -> None:
        line = NETWORK_READING.plain(NetworkReading(architecture, self._conditions, found))
        await asyncio.to_thread(append_records, self._file, [line])


def _remove(folder: Path) -> None:
    """Remove a job's folder, and the one around it with the last."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def in_workers(pool: Pool) -> DoJob:
    """Have network jobs done by a pool's workers, within a time limit."""

    async def do(job: NetworkJob) -> Measurement:
        deadline = _STARTING + _AT_MOST * job.seconds * len(job.measures)
        return await pool.train(job, deadline=deadline)

    return do
