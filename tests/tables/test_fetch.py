"""Downloads from a server on loopback: whole, resumed, broken off, wrong."""

import dataclasses
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from genius.errors import GeniusError
from genius.tables.fetch import FetchFailed, downloads_folder, fetch, sources_named
from genius.tables.published import TABLES, BadTable

CONTENT = bytes(range(256)) * 2_000


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `breaks_at` closes the connection after so many bytes, `ranges` honours Range headers."""

    breaks_at: int | None = None
    ranges = True
    status = 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if server.status != 200 or start >= len(CONTENT):
            self.send_response(server.status if server.status != 200 else 416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : server.breaks_at])
        self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def source(server):
    url = f"http://127.0.0.1:{server.server_address[1]}/a/table.json"
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return dataclasses.replace(TABLES["nas-bench-macro"], url=url, sha256=sha256)


async def test_a_table_is_downloaded_once_with_progress(source, server, tmp_path):
    steps = []
    path = await fetch(source, tmp_path, lambda done, size: steps.append((done, size)))
    assert path == tmp_path / "tables" / "table.json"
    assert path.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert await fetch(source, tmp_path) == path
    assert len(server.requests) == 1


async def test_a_broken_download_goes_on_where_it_stopped(source, server, tmp_path):
    server.breaks_at = 200_000
    with pytest.raises(FetchFailed, match=r"could not download table\.json: .*`genius fetch nas-bench-macro` again"):
        await fetch(source, tmp_path)
    assert not (tmp_path / "tables" / "table.json").exists()
    server.breaks_at = None
    path = await fetch(source, tmp_path)
    assert path.read_bytes() == CONTENT
    begun = int(server.requests[1].removeprefix("bytes=").rstrip("-"))
    assert 0 < begun <= 200_000


async def test_a_server_without_ranges_sends_all_again(source, server, tmp_path):
    server.breaks_at, server.ranges = 100_000, False
    with pytest.raises(FetchFailed):
        await fetch(source, tmp_path)
    server.breaks_at = None
    assert (await fetch(source, tmp_path)).read_bytes() == CONTENT


async def test_a_part_that_is_whole_already_is_accepted(source, server, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "table.part").write_bytes(CONTENT)
    assert (await fetch(source, tmp_path)).read_bytes() == CONTENT


async def test_more_than_the_published_size_is_not_taken(source, tmp_path):
    small = dataclasses.replace(source, size=100_000)
    with pytest.raises(FetchFailed, match=r"table\.json sends more than the 100,000 bytes that the published file has"):
        await fetch(small, tmp_path)
    assert not any((tmp_path / "tables").glob("table.[jp]*"))


@pytest.mark.parametrize("content", [b"private", CONTENT])
async def test_a_part_that_is_a_link_is_not_followed(source, tmp_path, content):
    victim = tmp_path / "victim"
    victim.write_bytes(content)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "table.part").symlink_to(victim)
    with pytest.raises(GeniusError, match=r"table\.part is a link"):
        await fetch(source, tmp_path)
    assert victim.read_bytes() == content


async def test_wrong_content_is_refused_and_not_kept(source, tmp_path):
    wrong = dataclasses.replace(source, sha256="0" * 64)
    with pytest.raises(BadTable, match=r"table\.json did not give the published file: .* expected 0000"):
        await fetch(wrong, tmp_path)
    assert not any((tmp_path / "tables").glob("table.[jp]*"))


async def test_a_damaged_table_that_is_there_is_refused(source, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "table.json").write_bytes(CONTENT[:-1])
    with pytest.raises(BadTable, match=r"table\.json is truncated or changed.*delete it and run `genius fetch"):
        await fetch(source, tmp_path)


async def test_a_server_error_and_no_server_are_one_sentence(source, server, tmp_path):
    server.status = 503
    with pytest.raises(FetchFailed, match="503"):
        await fetch(source, tmp_path)
    nobody = dataclasses.replace(source, url="http://127.0.0.1:1/table.json")
    with pytest.raises(FetchFailed, match=r"could not download table\.json: .* or put the file from http"):
        await fetch(nobody, tmp_path)


def test_names_stand_for_tables():
    assert len(sources_named("all")) == 6
    assert [s.name for s in sources_named("nas-bench-201")] == [s for s in TABLES if "201" in s]
    with pytest.raises(GeniusError, match="no table 'imagenet'; the tables are: all, nas-bench-macro"):
        sources_named("imagenet")


def test_the_downloads_folder_is_given_else_named_by_the_environment_else_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENIUS_DATA", str(tmp_path / "named"))
    assert downloads_folder(tmp_path) == tmp_path
    assert downloads_folder() == tmp_path / "named"
    monkeypatch.delenv("GENIUS_DATA")
    assert downloads_folder().name == "genius"
