"""The reader of replies: what declares an architecture and what does not, every notation, hostile text, recordings."""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import pytest
from genius.spaces import SPACES
from genius.spaces.cells import NAS_BENCH_201
from genius.spaces.channels import CHANNEL_BENCH_RESNET
from genius.spaces.digits import DIGITS
from genius.spaces.macro import NAS_BENCH_MACRO
from genius.spaces.mobile import MOBILE_IMAGENET
from genius.spaces.space import Architecture, BadArchitecture, SearchSpace
from genius.tools.naming import read_architecture
from genius.tools.replies import RATIONALE_LENGTH, UnreadableReply, read_reply
from hypothesis import given, settings
from hypothesis import strategies as st

CELLS = NAS_BENCH_201[0]
TRANSCRIPTS = Path(__file__).parents[2].parent / "shared" / "data" / "transcripts"
VERDICTS = Path(__file__).with_name("verdicts.txt")
A, B = "[1, 0, 2, 1, 0, 0, 1, 2]", "[2, 2, 2, 1, 0, 0, 1, 2]"
READ_A, READ_B = (1, 0, 2, 1, 0, 0, 1, 2), (2, 2, 2, 1, 0, 0, 1, 2)
STAGES = "Stage 1: [1, 0]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]"
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"


def _read(text: str, space: SearchSpace = NAS_BENCH_MACRO) -> Architecture | None:
    return read_reply(text, space).architecture


def _refusal(text: str, space: SearchSpace = NAS_BENCH_MACRO) -> str:
    with pytest.raises(UnreadableReply) as refused:
        read_reply(text, space)
    return str(refused.value)


# --- what is declared counts


@pytest.mark.parametrize(
    "label",
    [
        "Architecture: {}",
        "### **Architecture**\n\n`{}`",
        "> My final architecture is {}",
        "1. Answer = {}",
        "So, the proposed architecture would be: {}",
        "Here's my revised architecture:\n\n```python\nop_list = {}\n```",
        "<answer>{}</answer>",
        "Architecture: $\\boxed{{{}}}$",
        '{{"architecture": {},}}',
        "{{'reason': 'cheap', 'architecture': {}}}",
    ],
)
@pytest.mark.parametrize(
    "remarks",
    [
        "{}\n\nI also considered [2, 2, 2, 1, 0, 0, 1, 2], but rejected it.",
        "Not [2, 2, 2, 1, 0, 0, 1, 2].\n{}\n\nIt beats [2, 2, 2, 1, 0, 0, 1, 2].",
        "{}\n\n[2, 2, 2, 1, 0, 0, 1, 2] was worse.",
        "{}\n\n| iteration | architecture | accuracy |\n|---|---|---|\n| 1 | [2, 2, 2, 1, 0, 0, 1, 2] | 91.2 |",
        "Previous architecture: [2, 2, 2, 1, 0, 0, 1, 2]\n{}\n\nRejected architecture: [2, 2, 2, 1, 0, 0, 1, 2]",
        "Best architecture so far: [2, 2, 2, 1, 0, 0, 1, 2]\n{}\n\nAlternative: [2, 2, 2, 1, 0, 0, 1, 2]",
        "Baseline architecture: [2, 2, 2, 1, 0, 0, 1, 2]\n{}\n\nNext architecture: [2, 2, 2, 1, 0, 0, 1, 2]",
        "{}\n\nEarlier:\nStage 1: [2, 2]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]",
        "{}\n\nThe FLOPs are [0.0, 12.3, 14.1, 9.0, 0.0, 3.2, 4.4, 5.0] M within [270, 330]. Layer 1: 2 is dear.",
    ],
)
def test_a_declaration_counts_whatever_else_is_mentioned(label: str, remarks: str) -> None:
    assert _read(remarks.format(label.format(A))) == READ_A


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"Architecture: [1, 0, 2]\nIteration 3 was {A}.", "expected 8 numbers, got 3: [1, 0, 2]"),
        (f"Architecture: [9, 0, 2, 1, 0, 0, 1, 2]\n{A}", "layer 1 takes a number from 0 to 2, got 9"),
        (f"{A}\nArchitecture: [/2, 1, 0, 0, 0]", "expected 8 numbers, got 5: [/2, 1, 0, 0, 0]"),
        (f"Architecture:\nStage 1: [1, 0]\nStage 3: [0, 1, 2]\n\n{A}", "layer 3 takes a number from 0 to 2, got none"),
        (
            "Architecture:\nStage 1: [1, 0]\nStage 3: [0, 1, 2]\n\nIteration 2 was other.\n\nStage 2: [2, 1, 0]",
            "layer 3 takes a number from 0 to 2, got none",
        ),
        (f"{A}\nArchitecture: [1, 0, 2", "no architecture found: expected a list of 8 numbers"),
        (f"I considered {A}.\nArchitecture:", "no architecture found: expected a list of 8 numbers"),
        (f"Architecture: {A} or {B}", "two lists are declared at once"),
        (f"Architecture: {A} → {B}", "two lists are declared at once"),
        (f"Final architecture:\n- {A}\n- {B}", "two lists are declared at once"),
    ],
)
def test_a_mention_never_repairs_a_declaration(text: str, message: str) -> None:
    assert message in _refusal(text)


def test_of_declarations_that_differ_the_one_at_the_end_counts() -> None:
    assert _read(f"Architecture: {B}\nThat is too much.\nFinal architecture: **{A}**\n") == READ_A
    assert _read(f'Architecture: {B}\nOr rather:\n```json\n{{"architecture": {A}}}\n```') == READ_A
    assert _read(f"Architecture: {A}\nIt is cheap.\nAnswer: {A}\nSo it is.") == READ_A
    assert "declarations differ" in _refusal(f"Architecture: {A}\nArchitecture: {B}\nThis fits.")
    assert "declarations differ" in _refusal(f'[{{"architecture": {A}}},\n {{"architecture": {B}}}]')
    assert "got 3" in _refusal(f"Architecture: {A}\nArchitecture: [1, 0, 2]")


# --- without a declaration


@pytest.mark.parametrize(
    "text",
    [
        A,
        f"I would take `{A}`: FLOPs in [270, 330], accuracies like [93.1, 92.0, 91.9, 90.0, 92.2, 92.3, 92.4, 92.5].",
        f"I propose {A}, which has 300 M FLOPs. {A} is deep.",
        f"Proposed architecture:\nI go deeper.\n\n{A}",
        f"FLOPs: 12345678\n{A}\nParameters: 12345678",
        f"{A}\nLayer 3: 2, since it is cheap there.\nStage 2: [2, 1, 0] as before.\n-",
        "10210012",
        "Here it is:\n1, 0, 2, 1, 0, 0, 1, 2",
        "[1, 0]\n[2, 1, 0]\n[0, 1, 2]",
        STAGES,
    ],
)
def test_the_only_architecture_counts(text: str) -> None:
    assert _read(text) == READ_A


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"First I thought of {A}. On reflection {B} is better.", "different architectures and declares none"),
        (f"{STAGES}\nOr all in one: {B}", "different architectures and declares none"),
        (f"{A}\nBut layer 3 is cheap:\nlayer 3: 1", "different architectures and declares none"),
        (f"{A}\nStage 2: [2, 1, 1]", "different architectures and declares none"),
        (f"I do not want {A}.", "mentions an architecture and declares none"),
        (f"Something else instead of {A}.", "mentions an architecture and declares none"),
        (f"I rejected {A}.", "mentions an architecture and declares none"),
        (f"{A} was rejected.", "mentions an architecture and declares none"),
        (f"{A} reached 91%.", "mentions an architecture and declares none"),
        (f"- iteration 3: {A}, 91.20%, 12.3 M", "mentions an architecture and declares none"),
        (f"Previous architecture:\n{A}", "mentions an architecture and declares none"),
        ("", "no architecture found: expected a list of 8 numbers; end with one line"),
        ("I cannot help with that.", "no architecture found"),
        ("[0, 0, 0]", "expected 8 numbers, got 3: [0, 0, 0]"),
        ("[0, -1, 0, 5, 0, 0, 0, 0]", "layer 2 takes a number from 0 to 2, got -1"),
        ("[[1, 1], [1, 0, 2, 1, 0, 0, 1, 2]]", "expected 8 numbers, got 10"),
    ],
)
def test_what_is_ambiguous_or_only_quoted_is_refused(text: str, message: str) -> None:
    refusal = _refusal(text)
    assert message in refusal
    assert "\n" not in refusal


def test_a_refusal_is_in_the_words_of_the_space() -> None:
    with pytest.raises(UnreadableReply) as refused:
        _read("[9, 9, 9, 9, 9, 9, 9, 9]")
    assert isinstance(refused.value.__cause__, BadArchitecture)
    assert str(refused.value) == str(refused.value.__cause__)
    assert _refusal("[skip_connect, nor_conv_5x5, none, none, none, none]", CELLS) == (
        "edge 0→2 takes a number from 0 to 4, got nor_conv_5x5"
    )


# --- hidden reasoning, JSON, nothing left, the rationale


@pytest.mark.parametrize(
    "text",
    [
        f"<think>Architecture: {B}</think>{A}",
        f"<THINK time='3'>{B}<think>{B}</think>{B}</THINK>\n{A}",
        f"Architecture: {B}\n</think>\n{A}",
        f"<thinking>{B}</thinking>{A}<reasoning>{B}</reasoning>",
        f"<thought>{B}</thought><scratchpad>{B}</scratchpad><antThinking>{B}</antThinking>{A}",
        f"[THINK]{B}[/THINK]{A}",
        f"◁think▷{B}◁/think▷{A}",
        f"<|START_THINKING|>{B}<|END_THINKING|>{A}",
        f"<|channel|>analysis<|message|>{B}<|end|><|start|>assistant<|channel|>final<|message|>{A}<|return|>",
        f"<|channel|>analysis<|message|>{B}<|channel|>final<|message|>{A}",
        f"analysis{B} is it.assistantfinalArchitecture: {A}",
        f"<!-- Architecture: {B} -->{A}",
        f"Architecture: ~~{B}~~ {A}",
    ],
)
def test_hidden_reasoning_is_not_read(text: str) -> None:
    reading = read_reply(text, NAS_BENCH_MACRO)
    assert (reading.architecture, reading.rationale) == (READ_A, "")


@pytest.mark.parametrize(
    "text", [f"<think>{A}", f"Architecture: {A}\n<think>hm", "<think>x\n-", f"<|channel|>analysis<|message|>{A}"]
)
def test_a_reply_that_ends_inside_its_reasoning_is_refused(text: str) -> None:
    assert _refusal(text).startswith("the reply ends inside its reasoning")


_ANSWERS = [
    list(READ_A),
    [[1, 0], [2, 1, 0], [0, 1, 2]],
    ["1", "identity", "inverted residual k5 e6", 1, 0, 0, 1, 2],
    "10210012",
    A,
    {f"layer {layer}": option for layer, option in enumerate(READ_A, 1)},
    {"Stage_3": [0, 1, 2], "Stage_1": [1, 0], "Stage_2": [2, 1, 0]},
]


@pytest.mark.parametrize("answer", _ANSWERS, ids=str)
@pytest.mark.parametrize("wrap", ["{}", "```json\n{}\n```", f"Not {B}, but:\n{{}}\nIt beats {B}."])
@pytest.mark.parametrize("key", ["rationale", "Reason", "reasoning"])
def test_a_json_object_declares(answer: object, wrap: str, key: str) -> None:
    reason = f"Not </think> {B},\nArchitecture: {B}\nbut cheap."
    value = json.dumps({key: reason if wrap == "{}" else "Cheap.", "architecture": answer}, indent=1)
    reading = read_reply(wrap.format(value), NAS_BENCH_MACRO)
    assert reading.architecture == READ_A
    assert reading.rationale == (f"{B}, Architecture: {B} but cheap." if wrap == "{}" else "Cheap.")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("[1.0, 0, 2, 1, 0, 0, 1, 2]", "layer 1 takes a number from 0 to 2, got 1.0"),
        ("[true, 0, 2, 1, 0, 0, 1, 2]", "layer 1 takes a number from 0 to 2, got true"),
        ('[1, 0], "architecture": [1, 2]', "architecture is given twice, as [1, 0] and as [1, 2]"),
        ('{"layer 1": 1, "layer 1": 2}', "layer 1 is given twice, as 1 and as 2"),
        ('{"layer 1": 1}', "layer 2 takes a number from 0 to 2, got none"),
        ('{"stage 6": [1, 0], "stage 2": [2, 1, 0], "stage 3": [0, 1, 2]}', "expected 8 numbers, got 9"),
        ('"deep"', "no architecture found"),
        ("0", "no architecture found"),
        ("{}", "no architecture found"),
        ("[null]", "expected 8 numbers, got 1"),
    ],
)
def test_a_json_object_is_read_exactly(answer: str, message: str) -> None:
    assert message in _refusal(f'{{"rationale": "{A}", "architecture": {answer}}}')


@pytest.mark.parametrize(
    "text",
    [
        "-",
        ' "-" ',
        "**—**",
        "<think>All are tried.</think>\n-",
        f"All are tried, {A} is the best.\n**Architecture:** -",
        "Final answer: `-`.",
        *(f'{{"architecture": {nothing}, "reason": "all tried"}}' for nothing in ("null", "[]", '"-"')),
        'Sure:\n```json\n{"architecture": null}\n```',
    ],
)
def test_a_whole_reply_declares_that_nothing_is_left(text: str) -> None:
    assert _read(text) is None


@pytest.mark.parametrize(
    "text",
    ["Nothing better is left.\n-", "---", "Architecture: ---", "Architecture:\n-", "I like\n- layer 1\n-", "[1, 0, -"],
)
def test_a_dash_somewhere_declares_nothing(text: str) -> None:
    assert _refusal(text).startswith("no architecture found")
    assert "declarations differ" in _refusal(f"Architecture: -\nNo, one is left: {A}")


def test_the_rationale_is_the_reason_or_what_is_said_around_the_answer() -> None:
    around = f"**Architecture:** {A}\n\n- It is cheap,\n- and deep, unlike [0, 0]."
    assert read_reply(around, NAS_BENCH_MACRO).rationale == "It is cheap, and deep, unlike [0, 0]."
    assert read_reply(f"It  is\ncheap.\n{STAGES}", NAS_BENCH_MACRO).rationale == "It is cheap."
    assert read_reply('{"architecture": "-", "reason": "all tried"}', NAS_BENCH_MACRO).rationale == "all tried"
    assert len(read_reply(A + " and so on" * 1000, NAS_BENCH_MACRO).rationale) == RATIONALE_LENGTH


# --- the labels of stages


@pytest.mark.parametrize(
    "text",
    [
        "1. **Stage 1** (layers 1 and 2): [1, 0]\n2. **Stage 2**: [2, 1, 0] – a deep one\n3. **Stage 3**: [0, 1, 2]",
        "### Stage 1\n[1, 0]\n### Stage 2\n[2, 1, 0]\n### Stage 3\n[0, 1, 2]",
        "**Stage 1**: [1, 0]\n\nCheap.\n\n**Stage 2**: [2, 1, 0]\n\nDeep.\n\n**Stage 3**: [0, 1, 2]",
        "Stage 1: Layers 1 to 2: [1, 0]\nStage 2: Layers 3 to 5: [2, 1, 0]\nStage 3: Layers 6 to 8: [0, 1, 2]",
        "Stage 2: [2, 1, 0]\nStage 1: [1, 0]\nStage 3: [0, 1, 2]",
        "| Stage | Options |\n|---|---|\n| 1 | 1, 0 |\n| 2 | 2, 1, 0 |\n| 3 | 0, 1, 2 |",
        "| Stage 1 | [1, 0] | cheap |\n| Stage 2 | 2, 1, 0 | deep |\n| Stage 3 | 0, 1, 2 |",
        "Stage 1: [2, 2]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]\n\nThat is too much.\n\nStage 1 (adjusted): [1, 0]",
    ],
)
def test_stages_are_put_together_by_their_labels(text: str) -> None:
    assert _read(text) == _read(f"Architecture:\n{text}") == READ_A


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Stage 6: [1, 0]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]", "expected 8 numbers, got 9: [?, ?, 2, 1, 0, 0, 1"),
        (f"{STAGES}\nStage 4: [1, 0]", "expected 8 numbers, got 9: [1, 0, 2, 1, 0, 0, 1, 2, ?Stage 4]"),
        ("Stage 1: [1, 0]\nStage 3: [0, 1, 2]", "layer 3 takes a number from 0 to 2, got none"),
        ("Stage 1: [1, 0]\nStage 2: [2, 1, 0]\nStage 2: [0, 1, 2]", "layer 3 takes a number from 0 to 2, got 2 and 0"),
        ("Stage 1: [1, 0]\nStage 2: [2, 1]\nStage 3: [0, 0, 1, 2]", "layer 3 takes a number from 0 to 2, got 2 numb"),
        ("Stage 2: [1, 0]\nStage 1: [2, 1, 0]\nStage 3: [0, 1, 2]", "layer 1 takes a number from 0 to 2, got 3 numb"),
    ],
)
def test_labels_with_a_typo_are_refused(text: str, message: str) -> None:
    assert message in _refusal(text)
    assert message in _refusal(f"{A}\nArchitecture:\n{text}")


# --- notations


@pytest.mark.parametrize(
    ("text", "space", "architecture"),
    [
        ("[1, identity, id, k3 e3, inverted residual k5 e6, 0, K3_E3, k5]", NAS_BENCH_MACRO, (1, 0, 0, 1, 2, 0, 1, 2)),
        (
            "[\n # Stage 1 (the first)\n 1, 0,\n // stage 2\n 2, 1, 0, /* s3 */ 0, 1, 2 # end\n]",
            NAS_BENCH_MACRO,
            READ_A,
        ),
        ("［１， ０， ２， １， ０， ０， １， ２］", NAS_BENCH_MACRO, READ_A),
        ("[1,\xa00,\u200b 2, \x1b[1m1\x1b[0m, 0, 0, ١, 2]\x1b]52;c;aGk=\x07", NAS_BENCH_MACRO, READ_A),
        ("[256, 256, 3, 256 channels, 256, 128, 512]", CHANNEL_BENCH_RESNET, (4, 4, 3, 2, 2, 1, 4)),
        ("c0=4, c1=4, c2=192, c3=2, c4=256 channels, c5=1, c6=4", CHANNEL_BENCH_RESNET, (4, 4, 3, 2, 2, 1, 4)),
        ("[16, 1, 0, 32, 5x5, 2 convolutions, 64, 2, 2]", DIGITS, (2, 1, 0, 2, 2, 1, 2, 2, 2)),
        ("[conv3x3, nor_conv_3x3, Skip Connect, none, 1x1, avg pool]", CELLS, (3, 3, 1, 0, 2, 4)),
        ("skip_connect, nor_conv_3x3, none, none, 2, none", CELLS, (1, 3, 0, 0, 2, 0)),
        (CELL, CELLS, (3, 3, 0, 1, 0, 2)),
        ("0->1: nor_conv_3x3\n0->2: none\n1->2: 3\n0->3: skip\n1->3: 0\n2->3: 3", CELLS, (3, 0, 3, 1, 0, 3)),
    ],
)
def test_reads_what_is_clear(text: str, space: SearchSpace, architecture: Architecture) -> None:
    assert _read(text, space) == _read(f"Architecture: {text}", space) == architecture


@pytest.mark.parametrize(
    ("text", "space", "message"),
    [
        ("[3x3, 3x3, skip, none, 1x1, avg]", CELLS, "edge 0→1 takes a number from 0 to 4, got 3x3"),
        ("[65, 256, 192, 256, 256, 128, 512]", CHANNEL_BENCH_RESNET, "c0 takes a number from 1 to 4, got 65"),
        ("[2, 1, 3, 0, 0, 0, 0, 2, 2]", DIGITS, "d1 takes a number from 0 to 2, got 3"),
        ("0111111", CHANNEL_BENCH_RESNET, "c0 takes a number from 1 to 4, got 0"),
        (CELL.replace("3~0|none~1", "3~1|none~0"), CELLS, "no architecture found"),
    ],
)
def test_what_could_be_two_options_is_refused(text: str, space: SearchSpace, message: str) -> None:
    assert message in _refusal(f"Architecture: {text}", space)


def test_an_architecture_is_named_on_the_command_line_in_the_same_notations() -> None:
    assert read_architecture(CELL, CELLS) == (3, 3, 0, 1, 0, 2)
    assert read_architecture("c0=4, c1=4, c2=3, c3=2, c4=2, c5=1, c6=4", CHANNEL_BENCH_RESNET) == (4, 4, 3, 2, 2, 1, 4)
    assert read_architecture("GENIUS-329", MOBILE_IMAGENET) == MOBILE_IMAGENET.named["GENIUS-329"]
    with pytest.raises(BadArchitecture, match=r"^digits: no architecture found: expected a list of 9 numbers$"):
        read_architecture("deep", DIGITS)


Written = Callable[[Architecture, SearchSpace], str]


def _lines(form: str) -> Written:
    def write(architecture: Architecture, space: SearchSpace) -> str:
        pairs = list(zip(space.decisions, architecture, strict=True))
        return "\n".join(form.format(d=d, o=o, n=d.options[o - d.first], u=d.name.replace(" ", "_")) for d, o in pairs)

    return write


def _parts(architecture: Architecture, space: SearchSpace) -> list[list[int]]:
    places = range(len(architecture))
    return [[architecture[at] for at in of] for _, of in groupby(places, key=lambda at: space.decisions[at].stage)]


_NOTATIONS: dict[str, Written] = {
    "list": lambda a, space: str(list(a)),
    "tuple": lambda a, space: str(a),
    "braces": lambda a, space: f"{{{str(list(a))[1:-1]}}}",
    "spaces": lambda a, space: " ".join(map(str, a)),
    "commas": lambda a, space: f"**{', '.join(map(str, a))}**.",
    "digits": lambda a, space: f"`{''.join(map(str, a))}`",
    "quoted": lambda a, space: json.dumps([str(option) for option in a]),
    "broken lines": lambda a, space: json.dumps(a, indent=2),
    "comments": lambda a, space: "[\n" + "".join(f"# no. {n} (of {len(a)})\n{o},\n" for n, o in enumerate(a)) + "]",
    "nested": lambda a, space: str([list(a[:2]), *([option] for option in a[2:])]),
    "parts": lambda a, space: "\n".join(f"- {part}" for part in _parts(a, space)),
    "boxed": lambda a, space: rf"$\boxed{{{list(a)}}}$",
    "code": lambda a, space: f"```python\nop_list = {list(a)}\n```",
    "json": lambda a, space: json.dumps({"architecture": a, "reason": "cheap"}),
    "option names": lambda a, space: f"[{', '.join(_lines('{n}')(a, space).splitlines())}]",
    "names": _lines("- {d.name}: {o}"),
    "plain names": _lines("{u} = {o}"),
    "numbered names": lambda a, space: "\n".join(
        f"{n}. {x}" for n, x in enumerate(_lines("**{d.name}**: option {o}")(a, space).split("\n"), 1)
    ),
    "names to names": _lines("{d.name}: {n} (it is cheap)"),
    "table": _lines("| {d.name} | {o} | 30 M |"),
    "json names": lambda a, space: json.dumps(
        {d.name.upper(): o for d, o in zip(space.decisions, a, strict=True)}, ensure_ascii=False
    ),
    "stages": lambda a, space: "\n".join(
        f"- **Stage {n}** (cheap): {part}" for n, part in enumerate(_parts(a, space), 1)
    ),
    "rows": lambda a, space: "\n".join(f"| {n} | {str(part)[1:-1]} |" for n, part in enumerate(_parts(a, space), 1)),
}
_proposals = st.sampled_from([space for space in SPACES.values() if not space.by_value]).flatmap(
    lambda space: st.tuples(st.just(space), *[st.tuples(*(st.sampled_from(d.numbers) for d in space.decisions))] * 2)
)
_BEFORE = ("", "I looked at {} first.\n", "- iteration 3: {}, 91.2%\n", "Previous architecture: {}\n\n", "Unlike {}:\n")
_AFTER = ("", "I also considered {}, but rejected it.", "It beats {}.", "Rejected architecture: {}", "| 1 | {} | 91 |")


@given(
    _proposals, st.sampled_from(sorted(_NOTATIONS)), st.sampled_from(_BEFORE), st.sampled_from(_AFTER), st.booleans()
)
@settings(max_examples=400)
def test_reads_every_notation_back_among_remarks(
    proposal: tuple[SearchSpace, Architecture, Architecture], form: str, before: str, after: str, below: bool
) -> None:
    space, architecture, other = proposal
    numbered = space.decisions[0].stage and len(_parts(architecture, space)[0]) > 1  # else it counts from elsewhere
    if form in ("stages", "rows") and not numbered:
        form = "list"
    written, remark = _NOTATIONS[form](architecture, space), list(other)
    label = "" if form == "json" else "Architecture:\n" if below or "\n" in written else "Architecture: "
    assert _read(f"{before.format(remark)}{label}{written}\n\n{after.format(remark)}", space) == architecture
    assert _read(written, space) == architecture


@given(_proposals, st.sampled_from(["list", "braces", "commas", "json", "nested"]), st.data())
@settings(max_examples=150)
def test_a_wrong_length_or_number_is_refused_whatever_is_mentioned(
    proposal: tuple[SearchSpace, Architecture, Architecture], form: str, data: st.DataObject
) -> None:
    space, architecture, other = proposal
    place, wrong = (
        data.draw(st.integers(0, len(architecture) - 1)),
        data.draw(st.sampled_from([-1, 7, 9, 10**6, 10**30])),
    )
    length = data.draw(st.integers(3, 2 * len(architecture)).filter(lambda n: n != len(architecture)))
    label = "" if form == "json" else "Architecture: "
    for given_, message in (
        ((*architecture[:place], wrong, *architecture[place + 1 :]), f"{space.decisions[place].name} takes a number"),
        ((architecture * 2)[:length], f"expected {len(architecture)} numbers, got {length}"),
    ):
        assert message in _refusal(f"{list(other)}\n\n{label}{_NOTATIONS[form](given_, space)}", space)


# --- hostile text

_PIECES = re.split(
    "¦",
    '[¦]¦[]¦(¦)¦{¦{"a":¦{"architecture": [¦}¦"¦`¦```¦,¦:¦::¦;¦\n¦ ¦\r¦→¦->¦-¦-\n¦|¦| 1 | 1, 0 |\n¦#¦=¦?¦.¦0.5¦-1¦1, ¦'
    "1 0\n¦[1],¦(a)¦[#[\n¦[/*¦//¦<!--¦<¦</¦<think>¦</think>¦<|channel|>¦~~¦~~a¦|a~0|+¦|a~0|+|a~0|a~1|¦\\boxed{¦not ¦"
    "Architecture:¦Architecture:\n¦Architecture: [¦Architecture: -\n¦Architecture=\n.¦Answer: [1] or ¦Final answer is ¦"
    "final ¦a=¦none, ¦c0 ¦c0: 1\n¦layer 1 (¦layer 1: ¦layer 1: 2¦stage 1¦Stage 1: [1]\n¦Stage 1: [1, 0]\n\nx\n\n¦"
    "stage 9: [1]\n¦edge 0→1: ¦x: [1] -> [2] ¦11112222\n¦[1, 0, 2, 1, 0, 0, 1, 2]\n¦\ud800¦\x1b[¦\x1b]52;¦\x07¦"
    "\x9b¦\u202e¦\u200b¦９",
)


@given(
    st.sampled_from(list(SPACES.values())),
    st.one_of(st.text(), st.lists(st.sampled_from(_PIECES), max_size=60).map("".join)),
)
@settings(max_examples=400)
def test_any_text_is_read_or_refused_in_words_that_are_harmless(space: SearchSpace, text: str) -> None:
    try:
        reading = read_reply(text, space)
    except UnreadableReply as error:
        said = str(error)
        assert len(said) < 350
    else:
        said = reading.rationale
        assert reading.architecture is None or space.check(reading.architecture) == reading.architecture
        assert len(said) <= RATIONALE_LENGTH
    assert said.isprintable()


@pytest.mark.parametrize("piece", _PIECES)
def test_a_megabyte_is_read_at_once(piece: str) -> None:
    whole = piece * (10**6 // len(piece))
    began = time.process_time()
    for text in (f"{whole}\n\nAnswer: {A}\n", f"Architecture: {whole[:49_000]}"):
        with suppress(UnreadableReply):
            _read(text, MOBILE_IMAGENET)
    assert time.process_time() - began < 4  # two texts; a quadratic reader takes minutes


@pytest.mark.parametrize("number", ["9" * 5000, "[" * 100_000 + "1" + "]" * 100_000])
def test_limits_of_python_are_no_limits(number: str) -> None:
    for text in (f"[{number}, 0, 0, 0, 0, 0, 0, 0]", f'{{"architecture": [{number}, 0, 0, 0, 0, 0, 0, 0]}}'):
        with pytest.raises(UnreadableReply):
            _read(text)


def test_the_end_of_a_long_reply_is_read() -> None:
    assert _read(f"{'Let me think. ' * 100_000}\n\nArchitecture: {A}") == READ_A
    assert _read(f"<think>{B * 10_000}</think>{A}") == READ_A
    assert _read(json.dumps({"rationale": "so " * 100_000, "architecture": list(READ_A)})) == READ_A


# --- recorded conversations


def test_every_recorded_reply_is_read_as_ever() -> None:
    """GPT-4's 94 replies over the ImageNet space; `verdicts.txt` holds the architecture that each was read as."""
    if not TRANSCRIPTS.is_dir():
        pytest.skip(f"no recorded conversations at {TRANSCRIPTS}")
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.json")):
        replies = [m["content"] for m in json.loads(path.read_text(encoding="utf-8")) if m["role"] == "assistant"]
        for number, reply in enumerate(replies, start=1):
            options = "".join(map(str, _read(reply, MOBILE_IMAGENET) or "-"))
            found.append(f"{path.stem} {number} {options}")
    assert found == VERDICTS.read_text(encoding="utf-8").splitlines()
    assert len(found) == 94
