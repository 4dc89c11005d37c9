"""Recorded conversations: the forms of messages, and GPT-4's four judged again, reply by reply."""

import json
from collections import Counter

import pytest
from genius.record.candidate import Message
from genius.spaces.mobile import MOBILE_IMAGENET
from genius.tables.recording import read_messages
from genius.tools.replies import UnreadableReply, read_reply

# --- the forms of a recording


def test_messages_are_read_in_every_form_of_the_protocol():
    parts = [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {}}, "no", {"type": "thinking"}]
    messages = [
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "yes"}, 7]},
    ]
    expected = [("user", "Look:\nno"), ("assistant", ""), ("assistant", ""), ("assistant", "yes")]
    assert read_messages(json.dumps(messages)) == [Message(role=role, content=content) for role, content in expected]
    assert read_messages(json.dumps({"model": "gpt-4", "messages": messages})) == read_messages(json.dumps(messages))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{}", "expected a list of messages, got NoneType"),
        ("7", "expected a list of messages, got int"),
        ("[1]", "message 1 is no object with a role"),
        ('[{"content": "hi"}]', "message 1 is no object with a role"),
        ('[{"role": "user"}, {"role": 7}]', "message 2 is no object with a role"),
        ('[{"role": "user", "content": 7}]', "message 1: its content is no text and no list of parts, but int"),
        ('[{"role": "user", "content": [{"type": "text", "text": 7}]}]', "message 1: a part of its content"),
    ],
)
def test_anything_else_is_no_list_of_messages(text, message):
    with pytest.raises(ValueError, match=message):
        read_messages(text)


# --- GPT-4's conversations over the ImageNet space

LIMITS = {"329M": (270, 330), "401M": (370, 430), "epoch_10_input_224": (270, 330), "epoch_20_input_224": (270, 330)}


def function(architecture):
    """Tell what a network computes: a skipped layer that is not the first of its stage does nothing, wherever it is."""
    stages = [architecture[at : at + 6] for at in range(0, 30, 6)]
    return tuple((stage[0], *filter(None, stage[1:])) for stage in stages)


@pytest.fixture(scope="module", params=LIMITS)
def recorded(request, tables):
    """Return the name and the messages of one conversation."""
    return request.param, read_messages((tables.parent / "transcripts" / f"{request.param}.json").read_text())


def judged(messages, limits, identity):
    """Judge every reply in turn as a search does; what is accepted counts as tried. Returns what became of each."""
    tried, found = set(), {}
    for at, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        try:
            architecture = read_reply(message["content"], MOBILE_IMAGENET).architecture
        except UnreadableReply:
            found[at] = "unreadable"
            continue
        flops = MOBILE_IMAGENET.cost_of(architecture).counted("thop") / 1e6
        if identity(architecture) in tried:
            found[at] = "repeat"
        elif not limits[0] <= flops <= limits[1]:
            found[at] = "off limits"
        else:
            found[at] = "accepted"
            tried.add(identity(architecture))
    return found


def in_the_authors_words(messages):
    """Say what became of each reply by the message that follows it."""
    said = {}
    for at, message in enumerate(messages):
        if message["role"] == "assistant":
            follows = messages[at + 1]["content"] if at + 1 < len(messages) else ""
            failed = "off limits" if "fails to meet the FLOPS constraint" in follows else "accepted"
            said[at] = "repeat" if "already being tested" in follows else failed
    return said


def test_what_the_authors_accepted_and_refused_is_accepted_and_refused(recorded):
    """The authors compared whole millions of FLOPs, so that 330.22 M kept their limit of 330."""
    name, messages = recorded
    low, high = LIMITS[name]
    assert f"remains in [{low}, {high}]" in messages[1]["content"]
    ours = judged(messages, (low - 0.5, high + 0.5), function)
    assert ours == in_the_authors_words(messages)
    assert Counter(ours.values())["accepted"] == 10


def test_where_exact_limits_and_exact_repeats_would_differ(recorded):
    """To the last FLOP, five designs of 330.06 to 330.38 M are too large.

    One refused as a repeat has other numbers: its skipped layer stands elsewhere in its stage.
    """
    name, messages = recorded
    authors = in_the_authors_words(messages)
    exact = judged(messages, LIMITS[name], function)
    too_large = {"329M": [2], "401M": [], "epoch_10_input_224": [2], "epoch_20_input_224": [2, 39, 49]}
    assert [at for at in authors if exact[at] != authors[at]] == too_large[name]
    low, high = LIMITS[name]
    by_number = judged(messages, (low - 0.5, high + 0.5), tuple)
    others = {"epoch_10_input_224": [48]}
    assert [at for at in authors if by_number[at] != authors[at]] == others.get(name, [])
