"""Keys at the door: what can be mended is, the rest is refused by the name of its variable."""

import genius
import pytest
from genius.agents.backends import check_llm
from genius.agents.provider_keys import BadKey, clean_key, clean_keys, clean_tracing_keys
from genius.record.settings.llm_settings import LLMSettings, check_options, read_options

KEY = "sk-4711-0815-abcdef"


@pytest.mark.parametrize(
    "around", ["{}\n", "{}\r\n", "\t {} ", '"{}"', "'{}'\n", ' " {} " ', "\ufeff{}", "{}\u00a0", "“{}”"]
)
def test_what_surrounds_a_key_is_taken_off(around, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, around.format(KEY))
    check_llm("openai:m", LLMSettings())
    import os

    assert (os.environ["OPENAI_API_KEY"], os.environ["OPENAI_ADMIN_KEY"]) == (KEY, KEY)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("", "needs a key: set OPENAI_API_KEY"),
        (" \r\n", "OPENAI_API_KEY is set, but holds nothing"),
        ('""', "OPENAI_API_KEY is set, but holds nothing"),
        (f"{KEY} {KEY}", "OPENAI_API_KEY holds a blank or a control character inside"),
        (f"{KEY}\n{KEY}", "OPENAI_API_KEY holds a blank or a control character inside"),
        (f"{KEY}\x07x", "OPENAI_API_KEY holds a blank or a control character inside"),
        (f"{KEY}é", "OPENAI_API_KEY holds a character that is not ASCII"),
        (f'"{KEY}', "OPENAI_API_KEY holds a quotation mark at one end"),
    ],
)
async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_written(
    value, wrong, monkeypatch, tmp_path
):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(genius.GeniusError, match=wrong) as failure:
        await genius.search("nas-bench-macro", llm="openai:m", evaluator=len, run=tmp_path / "run")
    assert "4711" not in str(failure.value)
    assert "\n" not in str(failure.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("google_genai", "GOOGLE_API_KEY"),
        ("google_genai", "GEMINI_API_KEY"),
        ("azure_openai", "AZURE_OPENAI_API_KEY"),
        ("azure_openai", "AZURE_OPENAI_AD_TOKEN"),
        ("bedrock_converse", "AWS_SECRET_ACCESS_KEY"),
        ("mistralai", "MISTRAL_API_KEY"),
        ("groq", "GROQ_API_KEY"),
        ("somebody_new", "SOMEBODY_API_KEY"),
    ],
)
def test_the_keys_that_each_provider_reads_are_cleaned(provider, name):
    environment = {name: f"{KEY}\n", "OTHER_API_KEY": "not for\nthis", "GOOGLE_APPLICATION_CREDENTIALS": "/my keys/a b"}
    clean_keys(provider, environment)
    assert environment[name] == KEY
    assert environment["OTHER_API_KEY"] == "not for\nthis"
    with pytest.raises(BadKey, match=f"^{name} holds"):
        clean_keys(provider, {name: "two words"})


def test_the_key_of_langsmith_is_cleaned_where_traces_are_sent():
    environment = {"LANGSMITH_API_KEY": f"{KEY}\n", "LANGSMITH_TRACING": "true"}
    clean_tracing_keys(environment)
    assert environment["LANGSMITH_API_KEY"] == KEY
    clean_tracing_keys({"LANGSMITH_API_KEY": "two words"})
    with pytest.raises(BadKey, match="LANGSMITH_API_KEY holds"):
        clean_tracing_keys({"LANGSMITH_API_KEY": "two words", "LANGCHAIN_TRACING_V2": "true"})


def test_a_key_that_is_whole_is_left_as_it_is():
    assert clean_key("X", "sk-ant-api03-aZ_09/+==.~!") == "sk-ant-api03-aZ_09/+==.~!"


@pytest.mark.parametrize(
    "option",
    [
        f"api_key={KEY}",
        f'default_headers={{"Authorization": "Bearer {KEY}"}}',
        f'extra_body={{"list": [{{"access_token": "{KEY}"}}]}}',
        f"endpoint=https://me:{KEY}@host",
        f"endpoint=https://host/?sig={KEY}",
        f"user={KEY}",
    ],
)
def test_an_option_that_holds_a_secret_is_refused(option, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", KEY)
    with pytest.raises(genius.GeniusError, match="set it in the environment") as failure:
        check_options(read_options([option]))
    assert KEY not in str(failure.value)


def test_an_option_without_a_secret_is_taken():
    options = read_options(['default_headers={"anthropic-beta": "prompt-caching-2024-07-31"}', "top_p=0.9"])
    check_options(options)
    assert options["top_p"] == 0.9
