"""Downloads of published tables into the user's data folder: resumable, checked against a pinned SHA-256."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import aiofiles
import aiofiles.os
import httpx
from filelock import AsyncFileLock

from ..errors import GeniusError
from ..record.files import open_plain, sha256_of
from ..spaces.published_table import PublishedTable
from .published import TABLES, BadTable, check_sha256, table_path

_CHUNK = 1 << 16

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes that have arrived and, where the server tells, with the size of the file."""


class FetchFailed(GeniusError):
    """A failed download. The bytes that arrived are kept, and the next try continues from there."""


def downloads_folder(given: Path | None = None) -> Path:
    """Return the folder for downloads: the given one, else `GENIUS_DATA`, else the platform's cache."""
    if given is not None:
        return given
    if from_environment := os.environ.get("GENIUS_DATA"):
        return Path(from_environment)
    import platformdirs

    return platformdirs.user_cache_path("genius")


def sources_named(name: str) -> list[PublishedTable]:
    """Return the tables that a name stands for: `all`, a table, a family such as `nas-bench-201`, or one's own.

    Raises: GeniusError for an unknown name.
    """
    found = [table for each, table in TABLES.items() if name in ("all", each) or each.startswith(f"{name}-")]
    if not found and ":" not in name and TABLES.known(name) is None:
        raise GeniusError(f"there is no table {name!r}; the tables are: all, {', '.join(TABLES.names())}")
    return found or [TABLES.find(name)]


async def fetch(source: PublishedTable, data: Path, progress: OnBytes = lambda done, size: None) -> Path:
    """Download a table unless it is there already; return its path.

    Raises: FetchFailed where the download breaks off; BadTable where the file is not the published one.
    """
    path = table_path(source, data)
    if path.is_file():
        check_sha256(path, await asyncio.to_thread(sha256_of, path), source)
        return path
    try:
        await _fetch(source, path, progress)
    except OSError as error:
        why = error.strerror or error
        raise FetchFailed(f"could not fetch {source.file} into {path.parent}: {why}") from error
    return path


async def _fetch(source: PublishedTable, path: Path, progress: OnBytes) -> None:
    await aiofiles.os.makedirs(path.parent, exist_ok=True)
    part = path.with_suffix(".part")
    async with AsyncFileLock(path.with_suffix(".lock")):
        if not path.is_file():  # otherwise another process was faster
            await _download(source, part, progress)
            await _accept(source, part, path)


async def _accept(source: PublishedTable, part: Path, path: Path) -> None:
    found = await asyncio.to_thread(sha256_of, part)
    if found != source.sha256:
        await aiofiles.os.remove(part)  # a next try could not continue from wrong bytes
        raise BadTable(f"{source.url} did not give the published file: SHA-256 {found}, expected {source.sha256}")
    await aiofiles.os.replace(part, path)


async def _download(source: PublishedTable, part: Path, progress: OnBytes) -> None:
    try:
        await download_file(source.url, part, source.size, progress)
    except httpx.HTTPError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FetchFailed(
            f"could not download {source.file}: {reason}; run `genius fetch {source.name}` again to go on, "
            f"or put the file from {source.url} into {part.parent}"
        ) from error


async def download_file(url: str, part: Path, most: int, progress: OnBytes = lambda done, size: None) -> None:
    """Download a file of at most `most` bytes, or its missing end; an interrupted download keeps its bytes.

    Raises: httpx.HTTPError; FetchFailed where more bytes come, none of which are kept; NotPlain where `part` is a link.
    """
    async with aiofiles.open(part, "ab", opener=open_plain) as file:
        here = await file.tell()
    headers = {"Range": f"bytes={here}-", "Accept-Encoding": "identity"} if here else {"Accept-Encoding": "identity"}
    async with (
        httpx.AsyncClient(follow_redirects=True, timeout=30) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the file had arrived already; the checksum decides
        response.raise_for_status()
        if not await _write(response, part, here, most, progress):
            await aiofiles.os.remove(part)
            raise FetchFailed(f"{url} sends more than the {most:,} bytes that the published file has")


async def _write(response: httpx.Response, part: Path, here: int, most: int, progress: OnBytes) -> bool:
    """Write a response into the part; return whether its size stayed within `most`."""
    resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
    done = here if resumed else 0
    length = response.headers.get("Content-Length")
    size = done + int(length) if length else None
    async with aiofiles.open(part, "ab" if resumed else "wb", opener=open_plain) as file:
        async for chunk in response.aiter_bytes(_CHUNK):
            if (done := done + len(chunk)) > most:
                return False
            await file.write(chunk)
            progress(done, size)
    return True
