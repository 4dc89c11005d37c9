"""Documents that people write by hand."""

import pytest
from genius.documents import read_document
from genius.errors import GeniusError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "lr: 1e-4\nsteps: 100\nwhere: no\nnothing: ~\nyes: true\nwords: ['270M', -]\n"),
        ("a.yml", '{"lr": 1e-4, "steps": 100, "where": "no", "nothing": null, "yes": true, "words": ["270M", "-"]}'),
        ("a.json", '{"lr": 1e-4, "steps": 100, "where": "no", "nothing": null, "yes": true, "words": ["270M", "-"]}'),
    ],
)
def test_a_document_means_the_same_in_every_format(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = {"lr": 1e-4, "steps": 100, "where": "no", "nothing": None, "yes": True, "words": ["270M", "-"]}
    assert read_document(tmp_path / name) == found


def test_toml_is_read_by_its_ending(tmp_path):
    (tmp_path / "a.toml").write_text('lr = 1e-4\n[loop]\norder = "time"\n')
    assert read_document(tmp_path / "a.toml") == {"lr": 1e-4, "loop": {"order": "time"}}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.yaml", b"a: &a [x, x]\nb: [*a, *a]", "line 2: an alias stands there"),
        ("a.yaml", b"a: 1\na: 2", "'a' twice"),
        ("a.json", b'{"a": 1, "a": 2}', "'a' twice"),
        ("a.json", b'{"a": NaN}', "NaN is no number"),
        ("a.toml", b"a = 1\na = 2", "cannot be read: TOMLDecodeError"),
        ("a.yaml", b"a: !!python/object/apply:os.system [true]", "line 1: could not determine a constructor"),
        ("a.yaml", b"a: {b: 3", "line 1: "),
        ("a.yaml", b"a: \x00", "no YAML"),
        ("a.yaml", b"\xff\xfe\xff", "UnicodeDecodeError"),
        ("a.yaml", b"? [a, b]\n: 3", "line 1: a name is a list or an object"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.yaml", b"[" * 100_000, "nested too deeply"),
        ("a.yaml", b"a: 1\n---\nb: 2", "line 2: "),
        ("a.json", b"9" * 10_000, "ValueError"),
        ("a.yaml", b"x" * 1_000_001, "more than 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GeniusError) as refused:
        read_document(tmp_path / name)
    assert words in str(refused.value)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


def test_a_file_that_is_not_there_and_a_folder_are_named(tmp_path):
    with pytest.raises(GeniusError, match="nothing cannot be read: No such file"):
        read_document(tmp_path / "nothing")
    with pytest.raises(GeniusError, match="cannot be read: Is a directory"):
        read_document(tmp_path)
