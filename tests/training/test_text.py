"""Texts: their files, their characters, their split, and those that cannot be used."""

import os

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.training.data import find_data
from genius.training.text import UNKNOWN_CHARACTER, load_text

from .texts import write_text


def shown(text):
    """Write a text's numbers as its characters again; `?` stands for unknown ones."""
    return "".join(
        "?" if number == UNKNOWN_CHARACTER else text.found.classes[number - 1] for number in text.numbers.tolist()
    )


def test_a_text_is_split_by_position_and_its_numbers_are_its_characters(tmp_path):
    path = write_text(tmp_path / "t.txt")
    text, written = load_text(f"text:{path}", 64), path.read_text()
    length = len(written)
    held = length // 10
    assert shown(text) == written
    assert text.parts == (length - 2 * held, length - held, length)
    assert (text.found.train, text.found.validation, text.found.test) == (length - 2 * held, held, held)
    assert text.found.notes == (
        f"text: {length:,} characters",
        f"split by position: {length - 2 * held:,} to train on; the {held:,} behind them steer the search; the last "
        f"{held:,} are for the final test",
        f"{len(set(written))} characters are known, the most frequent of the training text",
    )
    train = written[: text.parts[0]]
    assert list(text.found.classes) == sorted(set(train), key=lambda each: (-train.count(each), each))
    assert text.vocabulary == len(set(written)) + 1


def test_characters_that_are_rare_or_appear_later_are_one_unknown_character(tmp_path):
    many = "".join(chr(0x4E00 + number) * (400 - number) for number in range(400))  # 400 kinds, the first more often
    (tmp_path / "many.txt").write_text("a" * 1_000 + many + "a" * 30_000 + "é" * 100, encoding="utf-8")
    text = load_text(f"text:{tmp_path / 'many.txt'}", 256)
    assert (len(text.found.classes), text.vocabulary, text.numbers.dtype) == (255, 256, np.uint8)
    train = text.numbers[: text.parts[0]]
    assert (train == UNKNOWN_CHARACTER).sum() == sum(range(147))  # of the 146 kinds beyond the letter a and 254 others
    assert (text.numbers[-100:] == UNKNOWN_CHARACTER).all()
    assert text.found.notes[-1] == (
        "100 of the 22,260 characters that are measured are others: which one of them comes is not predicted, and "
        "costs no bits"
    )


def test_the_files_of_a_folder_are_read_in_the_order_of_their_names(tmp_path):
    (tmp_path / "b").mkdir()
    for name, letter in (("b/c.txt", "c"), ("a.txt", "a"), ("d.txt", "d"), ("e.md", "e")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + (letter * 99 + "\r\n").encode() * 10)
    text = load_text(f"text:{tmp_path}", 32)
    assert shown(text) == "".join((letter * 99 + "\n") * 10 for letter in "acd")
    assert text.found.notes[0] == "text: 3,000 characters of 3 files in the order of their names"


def test_the_digest_is_of_every_character(tmp_path):
    first = load_text(f"text:{write_text(tmp_path / 'one.txt')}", 64).found.digest
    assert load_text(f"text:{write_text(tmp_path / 'same.txt')}", 64).found.digest == first
    path = write_text(tmp_path / "other.txt")
    path.write_text(path.read_text()[:-2] + "!\n")
    assert load_text(f"text:{path}", 64).found.digest != first


def broken(tmp_path):
    (tmp_path / "latin.txt").write_bytes("é".encode("latin1") * 10_000)
    (tmp_path / "short.txt").write_text("a" * 2_559)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "nothing").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "text:latin.txt",
            r"latin\.txt is not UTF-8: the byte 0xe9 at place 0 is none of it; convert the file, as in ic",
        ),
        (
            "text:short.txt",
            r"has 2,559 characters, and contexts of up to 256 take 2,560: the tenth that steers, and the",
        ),
        ("text:empty.txt", r"has 0 characters, and contexts"),
        ("text:nothing", r"the folder .*nothing holds no \.txt file"),
        ("text:none.txt", r"there is no text at .*none\.txt: name a file, or a folder of \.txt files"),
        ("text:", "a language model is trained on a text: name it as text:PATH, got 'text:'"),
        ("digits", "a language model is trained on a text: name it as text:PATH, got 'digits'"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_in_one_sentence(name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(broken(tmp_path))
    with pytest.raises(GeniusError, match=words) as refused:
        load_text(name, 256)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = write_text(tmp_path / "t.txt")
    path.chmod(0)
    with pytest.raises(GeniusError, match=r"t\.txt cannot be read: Permission denied"):
        load_text(f"text:{path}", 64)


def test_a_text_that_no_memory_holds_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "vast.txt", "wb") as file:
        file.truncate((1 << 30) + 1)  # a file of holes, which takes no space
    with pytest.raises(GeniusError, match=r"holds 1,073,741,825 bytes, and a text at most 1,073,741,824: take a part"):
        load_text(f"text:{tmp_path / 'vast.txt'}", 64)


def test_a_text_is_no_data_set_of_images(tmp_path):
    with pytest.raises(GeniusError, match=r"text:t\.txt holds text, which language models read"):
        find_data("text:t.txt", tmp_path)
