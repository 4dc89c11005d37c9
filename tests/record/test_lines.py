"""Files of records: read with their place in every error, appended all or none, replaced whole or not at all."""

import errno
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from genius.record.files import BrokenRun, NotPlain, replacing, sha256_of, write_atomically
from genius.record.lines import append_records, cut_torn_line, read_lines, read_records
from genius.schema import Schema, Whole

resource = pytest.importorskip("resource", reason="limits the size of files")


@dataclass(frozen=True)
class Number:
    n: Whole


NUMBER = Schema[Number](Number)


@pytest.fixture
def lines(tmp_path):
    return tmp_path / "numbers.jsonl"


@contextmanager
def at_most(size):
    """Limit the size of the files that this process writes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_records_are_read_as_they_were_appended(lines):
    assert list(read_records(lines, NUMBER)) == []
    append_records(lines, [{"n": 1}, {"n": 2}])
    append_records(lines, [{"n": 3}], synced=False)
    append_records(lines, [])
    assert [record.n for record in read_records(lines, NUMBER)] == [1, 2, 3]


def test_texts_stay_readable_in_the_file(lines):
    append_records(lines, [{"reply": "架构\u2028é"}])
    assert lines.read_text(encoding="utf-8") == '{"reply": "架构\u2028é"}\n'


@pytest.mark.parametrize(
    ("line", "rule"), [(b'{"n": -1}', "n must be at least 0"), (b"{", "it is no JSON"), (b"\xff", "it is no JSON")]
)
def test_an_error_tells_the_file_and_the_line(lines, line, rule):
    lines.write_bytes(b'{"n": 1}\n' + line + b'\n{"n": 3}\n')
    with pytest.raises(BrokenRun, match=f"^{re.escape(str(lines))}, line 2, cannot be read: {rule}"):
        list(read_records(lines, NUMBER))


def test_a_file_that_cannot_be_read_is_said(lines):
    lines.parent.joinpath("file").touch()
    with pytest.raises(BrokenRun, match="cannot be read: Not a directory"):
        list(read_records(lines.parent / "file" / "numbers.jsonl", NUMBER))


def test_a_link_is_neither_read_nor_written(lines, tmp_path):
    lines.symlink_to(tmp_path / "elsewhere")
    for touch in (lambda: list(read_records(lines, NUMBER)), lambda: append_records(lines, [{"n": 1}])):
        with pytest.raises(NotPlain, match="is a link"):
            touch()
    assert not (tmp_path / "elsewhere").exists()


def test_a_torn_line_is_left_out_and_cut_off(lines):
    lines.write_bytes(b'{"n": 1}\n{"n"')
    assert [record.n for record in read_records(lines, NUMBER)] == [1]
    cut_torn_line(lines)
    append_records(lines, [{"n": 2}])
    assert [record.n for record in read_records(lines, NUMBER)] == [1, 2]


def test_lines_are_read_from_a_byte_on(lines):
    append_records(lines, [{"n": 1}, {"n": 2}])
    assert list(read_lines(lines, len(b'{"n": 1}\n'))) == [b'{"n": 2}\n']


@pytest.mark.parametrize("synced", [True, False])
def test_where_the_disk_is_full_no_record_of_several_is_appended(lines, synced):
    append_records(lines, [{"n": 1}])
    with at_most(25), pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        append_records(lines, [{"n": 2}, {"n": 3}, {"n": 4}], synced=synced)
    assert lines.read_bytes() == b'{"n": 1}\n'


def test_a_record_that_cannot_be_synced_is_not_appended(lines, monkeypatch):
    def fail(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    append_records(lines, [{"n": 1}])
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        append_records(lines, [{"n": 2}])
    assert lines.read_bytes() == b'{"n": 1}\n'


# --- whole or not at all


def test_a_file_that_finds_no_room_keeps_its_content(tmp_path):
    write_atomically(tmp_path / "a.json", "1")
    with at_most(25), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        write_atomically(tmp_path / "a.json", "2" * 100)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.json", "1")]


def test_no_link_in_the_place_of_a_partial_file_is_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("1")
    (tmp_path / f".a.json.{os.getpid()}").symlink_to(victim)
    with pytest.raises(NotPlain, match="is a link"):
        write_atomically(tmp_path / "a.json", "2")
    assert victim.read_text() == "1"


@pytest.mark.parametrize("folder", [True, False])
def test_a_partial_file_or_folder_takes_the_place_at_the_end_alone(tmp_path, folder):
    place = tmp_path / "new"

    def write(fails: bool) -> None:
        with replacing(place) as partial:
            if folder:
                partial.mkdir()
            (partial / "a" if folder else partial).write_text("1")
            assert not place.exists()
            if fails:
                raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        write(fails=True)
    assert list(tmp_path.iterdir()) == []
    write(fails=False)
    assert list(tmp_path.iterdir()) == [place]
    assert (place / "a" if folder else place).read_text() == "1"


def test_a_file_and_its_bytes_have_one_hash(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == sha256_of(b"abc")
    assert sha256_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
