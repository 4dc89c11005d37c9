"""The checkpoints of a run: LangGraph's SQLite file and saver, restricted to plain values.

A stranger may have written the file. Of msgpack's extensions only LangGraph's interrupts are read, and every other
serialised object is refused, so that reading a checkpoint calls no constructor.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

import aiosqlite
import ormsgpack
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_KW_ARGS, JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Interrupt
from pydantic import Field
from typing_extensions import TypedDict

from ..errors import GeniusError, RunFailed
from ..printable import brief
from ..record.candidate import Candidate
from ..record.confirmation import Confirmation
from ..record.files import BrokenRun, open_plain
from ..record.notebook import Beliefs, Page
from ..record.settings import Settings
from ..schema import BadRecord, Count, Name, Schema, Text, Whole
from .state import FIRST
from .trust import resume_command

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple

CHECKPOINTS_FILE = "checkpoints.sqlite"
LOCK_WAIT = 20.0  # seconds
_LONGEST = 1 << 26  # bytes of a value in the file
_TABLES = {"checkpoints", "writes"}
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")  # the end of a rollback journal that names a second one

Version = Annotated[str, Field(strict=True, pattern=r"^0{16}\d{16}\.[\d.e-]+$", max_length=100)]


Id = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class _Checkpoint(TypedDict):
    """The fields of a checkpoint that LangGraph reads."""

    v: Whole
    id: Id
    ts: Name
    channel_values: dict[Name, object]
    channel_versions: dict[Name, Version]
    versions_seen: dict[Name, dict[Name, Version]]


class _Metadata(TypedDict):
    step: Annotated[int, Field(strict=True, ge=-2, lt=2**53)]
    parents: NotRequired[dict[Name, Name]]


class _Kept(TypedDict):
    """A row of the file, with its pending writes: (task, channel, value)."""

    id: Id
    checkpoint: _Checkpoint
    metadata: _Metadata
    writes: list[tuple[Name, Name, object]]


_KEPT = Schema[_Kept](_Kept)


class PlainSerializer(JsonPlusSerializer):
    """A serializer that reads plain values and interrupts, and refuses every other object."""

    def __init__(self) -> None:
        super().__init__(allowed_msgpack_modules=None, __unpack_ext_hook__=_interrupt)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Read a value.

        Raises: BadRecord.
        """
        kind, content = data
        if kind not in ("null", "msgpack") or not isinstance(content, bytes | None):
            raise BadRecord(f"it holds a value of the kind {kind!r}, where all are plain")
        try:
            return super().loads_typed((kind, content))
        except (ValueError, TypeError) as error:
            why = "an object" if str(error).startswith("ext_hook") else "bytes that are no value"
            raise BadRecord(f"it holds {why}, where all values are plain: nothing was made of it") from None


def _interrupt(kind: int, content: bytes) -> Interrupt:
    """Read an interrupt. Ormsgpack converts every exception raised here into a ValueError."""
    module, name, fields = ormsgpack.unpackb(content, option=ormsgpack.OPT_NON_STR_KEYS)
    if (kind, module, name) != (EXT_CONSTRUCTOR_KW_ARGS, "langgraph.types", "Interrupt"):
        raise BadRecord(f"{module}.{name}")
    return Interrupt(value=fields["value"], id=fields["id"])


class _Saver(AsyncSqliteSaver):
    """LangGraph's saver, which checks each checkpoint against the schema."""

    def __init__(self, connection: aiosqlite.Connection, file: Path) -> None:
        super().__init__(connection, serde=PlainSerializer())
        self._file = file

    async def aget_tuple(self, config: "RunnableConfig") -> "CheckpointTuple | None":
        """Read a checkpoint.

        Raises: BrokenRun.
        """
        with _saying_where(self._file):
            found = await super().aget_tuple(config)
            return found and _checked(found)

    async def alist(self, config: "RunnableConfig | None", **how: Any) -> "AsyncIterator[CheckpointTuple]":
        """Yield the checkpoints, the latest first.

        Raises: BrokenRun.
        """
        with _saying_where(self._file):
            rows = super().alist(config, **how)
            async with aclosing(rows):  # type: ignore[type-var]
                async for found in rows:
                    yield _checked(found)


def _checked(found: "CheckpointTuple") -> "CheckpointTuple":
    """Check a checkpoint against the schema, its id against the next one, and its versions against each other.

    A checkpoint with an id from the future would stay the latest for ever. Raises: BadRecord.
    """
    identity = found.config["configurable"]["checkpoint_id"]
    row = {"id": identity, "checkpoint": found.checkpoint, "metadata": found.metadata}
    _KEPT.take(row | {"writes": found.pending_writes or []})
    if identity != found.checkpoint["id"] or identity >= str(uuid6()):
        raise BadRecord(f"it holds a checkpoint with the id {identity}, which none has yet")
    latest = max(map(str, found.checkpoint["channel_versions"].values()), default="")
    if any(str(version) > latest for seen in found.checkpoint["versions_seen"].values() for version in seen.values()):
        raise BadRecord("its nodes have seen versions that were never written")  # they would not run again
    return found


@contextmanager
def _saying_where(file: Path) -> Iterator[None]:
    try:
        yield
    except (BadRecord, RecursionError, UnicodeDecodeError) as error:
        raise unusable(file, str(error)) from None
    except (ValueError, TypeError, KeyError) as error:  # LangGraph reads the metadata before it can be checked
        raise unusable(file, f"it holds a row that is no checkpoint ({type(error).__name__})") from error


class _Bounded(sqlite3.Connection):
    """A connection with a bound on the size of a value."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)


@asynccontextmanager
async def open_checkpoints(folder: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open the run's checkpoints, and close them at the end: an open connection would keep the process from ending.

    Every access waits up to `LOCK_WAIT` seconds for another process's lock.
    Raises: BrokenRun for a file that holds more than LangGraph's tables, or whose rollback journal names another file.
    """
    file = folder / CHECKPOINTS_FILE
    _check_journal(file)
    async with aiosqlite.connect(file, factory=_Bounded) as connection:
        await connection.execute(f"PRAGMA busy_timeout = {LOCK_WAIT * 1000:.0f}")
        await connection.execute("PRAGMA trusted_schema = OFF")
        for name, made in await connection.execute_fetchall("SELECT name, sql FROM sqlite_schema"):
            if made is not None and not (name in _TABLES and made.upper().startswith("CREATE TABLE")):
                raise unusable(file, "it holds more than the tables of LangGraph")
        saver = _Saver(connection, file)
        await saver.setup()
        yield saver


def _check_journal(file: Path) -> None:
    """Refuse a rollback journal that names a second one: SQLite would remove the file that is named there."""
    try:
        with open(f"{file}-journal", "rb", opener=open_plain) as journal:
            end = journal.read()[-len(_NAMES_ANOTHER) :]
    except FileNotFoundError:
        return
    if end == _NAMES_ANOTHER:
        raise unusable(file, "its rollback journal names another file")


class _State(TypedDict, total=False):
    """The schema of a trial's state in a checkpoint."""

    trial: Count
    done: Whole
    candidate: Candidate | None
    running: list[Candidate]
    stopped: Text | None
    history: list[Candidate]
    confirmed: list[Confirmation]
    beliefs: Beliefs | None
    notebook: Text
    hints: list[Text]
    considered: Whole
    pages: list[Page]


_STATE = Schema[_State](_State)


def read_state(values: Mapping[str, Any], trial: int) -> Mapping[str, Any]:
    """Return the state in a trial's checkpoint, with the initial values of missing fields.

    Raises: BrokenRun where the state is invalid, or another trial's.
    """
    try:
        of = _STATE.take(values).get("trial", trial)
        if of != trial:
            raise BadRecord(f"the checkpoint of trial {trial} is one of trial {of}")
    except BadRecord as error:
        raise unusable(Path(CHECKPOINTS_FILE), str(error)) from None
    return {**FIRST, **values}


async def last_states(folder: Path, settings: Settings) -> list[Mapping[str, Any]]:
    """Read the last state of each trial of a run.

    Raises: BrokenRun.
    """
    states = []
    async with open_checkpoints(folder) as saver:
        for trial in range(1, settings.loop.trials + 1):
            thread: Any = {"configurable": {"thread_id": settings.thread(trial), "checkpoint_ns": ""}}
            found = await saver.aget_tuple(thread)
            states.append(read_state(found.checkpoint["channel_values"] if found else {}, trial))
    return states


def unusable(file: Path, why: str) -> BrokenRun:
    """Make the error of unusable checkpoints: the reason, and the way to continue without them."""
    return BrokenRun(f"{file} cannot be used: {brief(why)}; without that file, a run goes on from its journal")


_PASSING = {
    ("SQLITE_BUSY", "SQLITE_LOCKED"): "was locked by another process for {wait:g} s, everything so far is kept: close "
    "the program that uses it, such as a database browser or a backup",
    ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"): "cannot be written ({error}): make its folder writable",
    ("SQLITE_IOERR", "SQLITE_PROTOCOL"): "cannot be read or written ({error}): look after its disk, which needs locks "
    "that work, as some network disks have none",
}
"""Faults that may be over when the run is resumed, by the beginnings of SQLite's names for them."""


def broken_checkpoints(folder: Path, error: sqlite3.Error) -> GeniusError:
    """Make the error of a failed access to a run's checkpoints: RunFailed for a passing fault, else BrokenRun."""
    path, kind = folder / CHECKPOINTS_FILE, getattr(error, "sqlite_errorname", "")
    for kinds, words in _PASSING.items():
        if kind.startswith(kinds):
            return RunFailed(f"{path} {words.format(wait=LOCK_WAIT, error=error)}, then `{resume_command(folder)}`")
    return unusable(path, str(error))
