"""Which models are asked to keep no connection, and what is left of their own headers."""

from genius.agents.connections import without_kept_connections
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import FakeListChatModel
from langchain_openai import ChatOpenAI


class Own(ChatOpenAI):
    """A model of a user's own."""


def headers(model):
    return without_kept_connections(model).kwargs["extra_headers"]


def test_models_of_both_packages_close_their_connections():
    openai = ChatOpenAI(model="m", api_key="k")
    for model in (openai, Own(model="m", api_key="k"), ChatAnthropic(model="m", api_key="k"), openai.bind(stop=["x"])):
        assert headers(model) == {"Connection": "close"}


def test_headers_of_the_users_own_are_kept():
    model = ChatOpenAI(model="m", api_key="k", model_kwargs={"extra_headers": {"X-Team": "a", "X-Model": "b"}})
    assert headers(model) == {"X-Team": "a", "X-Model": "b", "Connection": "close"}
    assert headers(model.bind(extra_headers={"X-Team": "c"})) == {"X-Team": "c", "X-Model": "b", "Connection": "close"}


def test_what_takes_no_headers_is_left_as_it_is():
    other = FakeListChatModel(responses=["x"])
    assert without_kept_connections(other) is other
    mixed = ChatOpenAI(model="m", api_key="k").with_fallbacks([other])
    assert without_kept_connections(mixed) is mixed
    assert headers(ChatOpenAI(model="m", api_key="k").with_fallbacks([ChatAnthropic(model="m", api_key="k")]))
