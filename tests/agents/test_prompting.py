"""Prompts as files: what a folder of a user's may replace, and what it can never do."""

import re
import time

import pytest
from genius.agents.prompting import BadPrompt, Prompts, built_in_prompts, write_prompts
from genius.errors import GeniusError


def folder_of(tmp_path, text, name="refusal.j2"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def refused(tmp_path, text, name="refusal.j2"):
    with pytest.raises(BadPrompt) as error:
        Prompts(folder_of(tmp_path, text, name))
    return str(error.value)


def test_every_built_in_prompt_is_of_the_small_language_and_says_what_it_takes():
    for name, text in built_in_prompts().items():
        assert text.startswith("{#"), name
    assert {"system", "proposal", "experiments", "tries", "task", "answer", "refusal", "limits"} <= set(
        built_in_prompts()
    )


def test_a_file_replaces_the_prompt_of_its_name_and_no_other(tmp_path):
    own = Prompts(folder_of(tmp_path, "No: {{ reason }}"))
    assert own.render("refusal", reason="[9]") == "No: [9]"
    questions = {"networks": True, "adds_up": True}
    assert own.render("questions", **questions) == Prompts().render("questions", **questions)
    assert own.sha256 != Prompts().sha256 == Prompts().sha256


def test_the_written_prompts_are_the_built_in_ones_and_are_never_written_over(tmp_path):
    paths = write_prompts(tmp_path / "mine")
    assert [path.stem for path in paths] == list(built_in_prompts())
    assert Prompts(tmp_path / "mine").sha256 == Prompts().sha256
    paths[0].write_text("mine")
    with pytest.raises(GeniusError, match="no edited prompt is written over"):
        write_prompts(tmp_path / "mine")
    assert paths[0].read_text() == "mine"


def test_line_endings_and_a_byte_order_mark_are_of_no_account(tmp_path):
    (tmp_path / "refusal.j2").write_bytes("\ufeffNo:\r\n{% if reason %}\r\n- {{ reason }}\r\n{% endif %}\r\n".encode())
    assert Prompts(tmp_path).render("refusal", reason="why") == "No:\n- why"


@pytest.mark.parametrize("name", ["refusals.j2", "Refusal.j2", "refusal.J2", "refusal.jinja", "refusal.jinja2"])
def test_a_file_of_no_prompt_is_named_with_the_one_that_may_be_meant(tmp_path, name):
    assert refused(tmp_path, "No.", name).endswith("did you mean refusal.j2?")


def test_other_files_are_left_alone_and_a_folder_without_prompts_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(BadPrompt, match=r"holds no template NAME\.j2: `genius prompts "):
        Prompts(tmp_path)
    assert Prompts(folder_of(tmp_path, "No: {{ reason }}")).render("refusal", reason="x") == "No: x"
    with pytest.raises(BadPrompt, match="cannot be read: No such file or directory"):
        Prompts(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n{% if reason %}", 2, "Unexpected end of template"),
        ("\n\n{{ reason", 3, "unexpected end of template"),
        ("{{ reason | shout }}", 1, "No filter named 'shout'"),
        ("{{ reason is odd }}", 1, "No test named 'odd'"),
        ("one\n{{ raeson }}", 2, "there is no 'raeson' here; there are reason"),
        ("one\n{{ reason.text }}", 2, "there is no 'text' here; there are none"),
        ("{{ ''.__class__.__mro__ }}", 1, "is no attribute of a value"),
        ("{{ reason.__init__.__globals__ }}", 1, "is no attribute of a value"),
        ("{{ reason['__class__'] }}", 1, "Getitem is not of its language"),
        ("{{ reason.format(reason) }}", 1, "Call is not of its language"),
        ("{{ cycler.__init__ }}", 1, "is no attribute of a value"),
        ("{{ range(10) }}", 1, "Call is not of its language"),
        ("{% for a in range(999999999) %}{% endfor %}", 1, "Call is not of its language"),
        ("{{ 'a' * 999999999 }}", 1, "Mul is not of its language"),
        ("{{ 9 ** 9 ** 9 }}", 1, "Pow is not of its language"),
        ("{{ '%999999999d' % 1 }}", 1, "Mod is not of its language"),
        ("{{ 1 // 0 }}", 1, "FloorDiv is not of its language"),
        ("{{ reason ~ reason }}", 1, "Concat is not of its language"),
        ("{% set a = reason %}", 1, "Assign is not of its language"),
        ("{% macro m() %}{{ m() }}{% endmacro %}", 1, "Macro is not of its language"),
        ("{% include 'refusal.j2' %}", 1, "Include is not of its language"),
        ("{% extends '/etc/passwd' %}", 1, "Extends is not of its language"),
        ("{% import 'os' as os %}", 1, "Import is not of its language"),
        ("{% for a in reason recursive %}{{ loop(a) }}{% endfor %}", 1, "is not of its language"),
        ("{{ [reason] | join(reason) }}", 1, "is not of its language"),
        ("{{ reason | join(reason) }}", 1, "Filter is not of its language"),
        ("{{ reason | attr('__class__') }}", 1, "No filter named 'attr'"),
        ("{% filter upper %}a{% endfilter %}", 1, "is not of its language"),
        ("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", 1, "nested too deeply"),
        ("{% if 1 %}" * 3_000 + "{% endif %}" * 3_000, 1, "nested too deeply"),
        ("{% for a in reason %}" * 50 + "{% endfor %}" * 50, 1, "nested too deeply"),
        ("{{ " + "9" * 6_000 + " }}", 1, "a number that is too long"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_with_its_file_and_line(tmp_path, text, line, words):
    said = refused(tmp_path, text)
    assert said.startswith(f"{tmp_path / 'refusal.j2'}, line {line}: ")
    assert words in said
    assert "\n" not in said
    assert len(said) < 600


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 200_000])
def test_a_file_that_is_no_short_text_is_refused(tmp_path, content):
    (tmp_path / "refusal.j2").write_bytes(content)
    with pytest.raises(BadPrompt, match=re.escape(str(tmp_path / "refusal.j2"))):
        Prompts(tmp_path)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "refusal.j2").symlink_to(tmp_path / "secret")
    with pytest.raises(BadPrompt, match="no plain file"):
        Prompts(tmp_path / "mine")


def test_loops_in_loops_end_with_a_sentence(tmp_path):
    deep = "{% for a in reason %}" * 6 + "{% endfor %}" * 6
    started = time.monotonic()
    with pytest.raises(BadPrompt, match="line 1: the prompt has more than 200,000 pieces"):
        Prompts(folder_of(tmp_path, deep)).render("refusal", reason="a" * 100)
    with pytest.raises(BadPrompt, match="2,000,000 characters"):
        Prompts(folder_of(tmp_path, "{{ reason }}" * 50)).render("refusal", reason="a" * 100_000)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, object(), print])
def test_a_value_that_is_no_text_and_no_number_is_not_written(tmp_path, value):
    with pytest.raises(BadPrompt, match=r"refusal\.j2, line 2: a value is .*, not a text"):
        Prompts(folder_of(tmp_path, "\n{{ reason }}")).render("refusal", reason=value)


def test_a_missing_value_is_named_with_its_line():
    with pytest.raises(BadPrompt, match=r"^refusal\.j2, line \d+: 'reason' is undefined"):
        Prompts().render("refusal")


@pytest.mark.parametrize("text", ["{{ 7 * 7 }}", "{% for a in b %}", "{# gone #}", "{{ reason }}", "\\{{", "%}"])
def test_values_are_never_templates(text):
    assert text in Prompts().render("refusal", reason=text)
