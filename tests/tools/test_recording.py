"""Recorded conversations: which accuracies they report of which architectures, in GPT-4's four and in made-up ones."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from genius.spaces.macro import NAS_BENCH_MACRO
from genius.spaces.mobile import MOBILE_IMAGENET
from genius.tools.candidate import Message
from genius.tools.recording import BadRecording, read_measurements, read_messages
from genius.tools.reply import UnreadableReply, read_reply

A, B, C, D = (0,) * 8, (0,) * 7 + (1,), (0,) * 7 + (2,), (1,) * 8


def talk(*contents, first="user"):
    """Make a conversation of what the user and the model say in turn."""
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return [Message(role=roles[at % 2], content=content) for at, content in enumerate(contents)]


def proposes(architecture):
    return f"I would try this.\nArchitecture: {list(architecture)}"


def measured(messages, space=NAS_BENCH_MACRO):
    return read_measurements(messages, space)


# --- an accuracy of the reply


@pytest.mark.parametrize(
    "report",
    [
        "We achieved an accuracy of 72.61%. Please propose the next one.",
        "accuracy: 0.7261",
        "It reaches 72.61 %.",
        "Top-1: 72.61 %, FLOPs 326M",
        "Your design is the best so far, with an accuracy of 72.61%. Try to reach an accuracy of 75%.",
        "By using this model (329 FLOPS), we achieved an accuracy of 72.61%.\n\nThe accuracy should exceed 75%.",
        f"Your design achieved an accuracy of 72.61%. Do not propose {list(D)} or {list(C)}.",
        f"Options like {list(D)} are cheap.\n\nThe design has 12 layers.\n\nIts accuracy is 72.61%.",
        f"{list(A)} gives an accuracy of 72.61%",
        f"The accuracy of {list(A)} is 72.61%.",
        f"| {list(A)} | 72.61% |",
        f'{{"architecture": {list(A)}, "accuracy": 0.7261}}',
        f'{{"accuracy": 0.7261, "architecture": {list(A)}}}',
        f"Accuracy: 72.61%\nArchitecture: {list(A)}",
        "Experiment 1\nStage 1: [0, 0]\nStage 2: [0, 0, 0]\nStage 3: [0, 0, 0]\nTotal 12.3 MFLOPs. Accuracy of 72.61%.",
        "Experiment 1\n\nStage 1: [[0, 0]\nStage 2: [0, 0, 0]\nStage 3: [0, 0, 0]\n\nAccuracy of 72.61%.",
    ],
)
@pytest.mark.parametrize("opening", [(), ("system", "user"), ("user", "system")])
def test_a_report_gives_the_reply_its_accuracy(report, opening):
    start = [Message(role=role, content="Design a network of an accuracy above 70%.") for role in opening]
    assert measured([*start, *talk(proposes(A), report, first="assistant")]) == {A: 72.61}


@pytest.mark.parametrize(
    "answer",
    [
        "The design fails to meet the FLOPS constraint, resulting 362 FLOPS, which is 32 FLOPS higher than 330.",
        "Please aim for an accuracy of 75%.",
        "The best accuracy so far is 73.1%. This design has too many FLOPs.",
        "Only 95% of the budget may be used, this takes 97%.",
        "This design is already being tested in the experiments.",
        "The top-5 accuracy is 91.2%.",
    ],
)
def test_an_answer_without_a_report_gives_it_none(answer):
    assert measured(talk("Propose one.", proposes(A), answer, proposes(B), "Its accuracy is 72%.")) == {B: 72.0}


@pytest.mark.parametrize("reply", ["I would use more of block 2 in the late layers.", "Layers 1 and 2: [1, 2]", ""])
def test_a_reply_without_a_whole_architecture_gets_no_accuracy(reply):
    assert measured(talk("Propose one.", reply, "We achieved an accuracy of 72%.")) == {}


def test_the_reply_is_read_as_the_search_reads_it():
    revised = (
        "Original: [2, 2, 2, 2, 2, 2, 2, 2]\nThat is too much.\nRevised: [0, 0, 0, 0, 0, 0, 0, 1]\n"
        "The original had an accuracy of 60%, I think."
    )
    assert measured(talk("Propose one.", revised, "The accuracy is 72.5%.")) == {B: 72.5}


# --- accuracies of architectures that a message quotes


def test_lists_that_grow_give_each_reply_its_accuracy():
    known = [f"- Experiment{n}\n{list(a)}\nWe achieved an accuracy of {71 + n}%." for n, a in enumerate((A, B, C), 1)]
    messages = talk(*[text for n, a in enumerate((A, B, C, D)) for text in ("\n\n".join(known[:n]), proposes(a))])
    assert measured(messages) == {A: 72.0, B: 73.0, C: 74.0}


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n---\n"])
@pytest.mark.parametrize(
    "line",
    ["{} gives an accuracy of {}%", "{}: {}%", "Accuracy {}%: {}", "{}\naccuracy {}", "Result: accuracy {}% for {}"],
)
def test_quoted_architectures_have_the_accuracy_beside_them(line, between):
    results = {A: 71.5, B: 72.25, C: 73.0}
    swapped = line.startswith(("Accuracy", "Result"))
    lines = [line.format(*((x, list(a)) if swapped else (list(a), x))) for a, x in results.items()]
    prompt = f"What we know:\n{between.join(lines)}\n\nPropose one of more than 74% accuracy."
    assert measured(talk(prompt, proposes(D))) == results


def test_a_report_and_a_list_stand_side_by_side():
    report = f"Your design achieved an accuracy of 72.61%.\nEarlier ones:\n{list(C)}: 70.1%\n{list(D)}: 70.2%"
    assert measured(talk("Propose one.", proposes(A), report)) == {A: 72.61, C: 70.1, D: 70.2}


def test_a_quoted_architecture_keeps_its_accuracy_from_the_reply():
    assert measured(talk("Propose one.", proposes(A), f"A known design, {list(D)}, achieves 74.0%.")) == {D: 74.0}


def test_a_slip_in_the_growing_list_is_the_reply_that_it_reports():
    """As in two of GPT-4's recordings: the new experiment repeats the architecture of the one before."""
    first, second = (f"{list(A)}\naccuracy of 72.61%", f"{list(A)}\naccuracy of 72.53%")
    both = f"{first}\n\n{second}"
    messages = talk("Propose one.", proposes(A), first, proposes(B), both, proposes(C), both)
    assert measured(messages) == {A: 72.61, B: 72.53}
    miscopied = f"{first}\n\n{list(D)}\naccuracy of 72.53%"
    assert measured(talk("Propose one.", proposes(A), first, proposes(B), miscopied)) == {A: 72.61, B: 72.53}


def test_a_late_result_is_no_slip():
    first, late = f"{list(A)}: accuracy 72.61%", f"{list(B)}: accuracy 72.53%"
    messages = talk("Propose one.", proposes(A), first, proposes(B), first, proposes(C), f"{first}\n{late}")
    assert measured(messages) == {A: 72.61, B: 72.53}


# --- contradictions


@pytest.mark.parametrize(
    "messages",
    [
        talk("Propose one.", proposes(A), "accuracy 72.61%", proposes(B), f"{list(A)} has an accuracy of 72.5%"),
        talk("Propose one.", proposes(A), "It got an accuracy of 72.61%. Its accuracy is 72.5%."),
        talk(f"{list(A)}: accuracy 72.61%\n{list(B)}: accuracy 70%\n{list(A)}: accuracy 72.5%", proposes(C)),
    ],
)
def test_a_contradiction_names_both_accuracies(messages):
    with pytest.raises(BadRecording, match=r"gives \[0, 0, 0, 0, 0, 0, 0, 0\] two accuracies: 72\.61% in message \d"):
        measured(messages)


def test_rounded_accuracies_agree():
    assert measured(talk("Propose one.", proposes(A), "accuracy 0.72614", "-", f"{list(A)}: 72.6%")) == {A: 72.614}


def test_equal_functions_share_an_accuracy():
    space = replace(NAS_BENCH_MACRO, identity=sorted_options)
    later = (1,) + (0,) * 7
    assert measured(talk("Propose one.", proposes(B), f"{list(later)}: accuracy 72.61%"), space) == {B: 72.61}
    with pytest.raises(BadRecording, match=r"72\.61% in message 2 \(counted from 0\), 70\.1% in message 4"):
        measured(talk("", proposes(B), "accuracy 72.61%", "", f"{list(later)}: accuracy 70.1%"), space)


def sorted_options(architecture):
    return tuple(sorted(architecture))


# --- the forms of a recording


def test_messages_are_read_in_every_form_of_the_protocol():
    parts = [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "no"}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None, "tool_calls": []}]
    expected = [Message(role="user", content="Look:\nno"), Message(role="assistant", content="")]
    assert read_messages(json.dumps(messages)) == expected
    assert read_messages(json.dumps({"model": "gpt-4", "messages": messages})) == expected


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"role": "user"}]', '[{"role": "user", "content": 7}]', "7"])
def test_anything_else_is_no_list_of_messages(text):
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_messages(text)


# --- GPT-4's conversations over the ImageNet space

LIMITS = {"329M": (270, 330), "401M": (370, 430), "epoch_10_input_224": (270, 330), "epoch_20_input_224": (270, 330)}
BEST = {"329M": 72.61, "401M": 73.56, "epoch_10_input_224": 69.25, "epoch_20_input_224": 73.78}


def function(architecture):
    """Tell what a network computes: a skipped layer that is not the first of its stage does nothing, wherever it is."""
    stages = [architecture[at : at + 6] for at in range(0, 30, 6)]
    return tuple((stage[0], *filter(None, stage[1:])) for stage in stages)


@pytest.fixture(scope="module", params=LIMITS)
def recorded(request, tables):
    """Return the name and the messages of one conversation."""
    return request.param, read_messages((tables.parent / "transcripts" / f"{request.param}.json").read_text())


def test_gpt_4s_accuracies_belong_to_its_replies(recorded):
    name, messages = recorded
    accuracies = read_measurements(messages, MOBILE_IMAGENET)
    found = [f"{accuracies[a]:.2f}%" for _, a in accepted(messages)[:-1]]
    last = next(m["content"] for m in reversed(messages) if "- Experiment9\n" in m["content"])
    assert found == [line.rsplit(" ", 1)[1].rstrip(".") for line in last.split("\n") if "achieved an accuracy" in line]
    best = max(accuracies, key=accuracies.__getitem__)
    assert (accuracies[best], len(accuracies)) == (BEST[name], 9)
    paper = f"GENIUS-{name.removesuffix('M')}"
    assert paper not in MOBILE_IMAGENET.named or MOBILE_IMAGENET.named[paper] == best


def accepted(messages):
    """Return the replies that the authors trained: those that no other message of the same conversation follows."""
    found = []
    for at, message in enumerate(messages):
        follows = messages[at + 1]["role"] if at + 1 < len(messages) else None
        if message["role"] == "assistant" and follows != "user":
            found.append((at, read_reply(message["content"], MOBILE_IMAGENET).architecture))
    return found


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
        flops = MOBILE_IMAGENET.cost(architecture).counted("thop") / 1e6
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
    assert [at for at, verdict in ours.items() if verdict == "accepted"] == [at for at, _ in accepted(messages)]


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
