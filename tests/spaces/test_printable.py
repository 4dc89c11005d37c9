"""Text of strangers: every character that could do something is written as an escape."""

import sys
import unicodedata

import pytest
from genius.printable import one_line, printable, reason


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [brackets] and |pipes|, ünï中文😀", "plain [brackets] and |pipes|, ünï中文😀"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\x08b\x00", r"a\x08b\x00"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("a\tb\rc\xa0d\u2028e", "a b c d e"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_what_could_do_something_is_written_as_an_escape(text, shown):
    assert printable(text) == shown
    printable(text).encode()


def test_no_character_of_unicode_that_is_not_shown_gets_through():
    shown = printable("".join(map(chr, range(sys.maxunicode + 1))))
    assert {unicodedata.category(letter)[0] for letter in set(shown) - {"\n"}} & {"C"} == set()
    assert not {"\u2028", "\u2029", "\x85", "\r"} & set(shown)


def test_one_line_has_one():
    assert one_line("  a\r\n\n  b\x0bc\x85d\u2029e   f ") == "a b c d e   f"


@pytest.mark.parametrize("text", ["x" * 5_000, "\x1b" * 5_000, "中" * 101])
def test_a_long_text_loses_its_middle(text):
    shown = printable(f"begin{text}end", 100)
    assert len(shown) == 100
    assert shown.startswith("begin")
    assert shown.endswith("end")
    assert " … " in shown


def test_a_reason_is_one_line_with_the_place_in_its_authors_code():
    def mine():
        int("\x1b[31m")

    with pytest.raises(ValueError) as raised:  # noqa: PT011
        mine()
    line = mine.__code__.co_firstlineno + 1
    words = r"ValueError: invalid literal for int() with base 10: '\x1b[31m'"
    assert reason(raised.value) == f"{words} (test_printable.py:{line})"


def test_a_reason_of_library_code_names_the_line_that_called_it():
    with pytest.raises(FileNotFoundError) as raised:
        __import__("pathlib").Path("/nowhere").read_text()
    assert "(test_printable.py:" in reason(raised.value)


def test_a_reason_of_a_group_is_that_of_its_first():
    group = ExceptionGroup("several", [ExceptionGroup("inner", [KeyError("a")]), ValueError("b")])
    assert reason(group) == "KeyError: 'a'"


def test_an_exception_that_cannot_be_printed_has_a_reason():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    assert reason(Odd()) == "Odd: it cannot be printed"
