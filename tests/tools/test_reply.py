"""The reader of replies: each way of writing an architecture and of getting it wrong, and recorded conversations."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from genius.spaces.cells import NAS_BENCH_201
from genius.spaces.channels import CHANNEL_BENCH_RESNET
from genius.spaces.macro import NAS_BENCH_MACRO
from genius.spaces.space import Architecture, BadArchitecture, Decision, SearchSpace
from genius.tools.reply import RATIONALE_LENGTH, UnreadableReply, read_reply
from hypothesis import given, settings
from hypothesis import strategies as st

CELLS = NAS_BENCH_201[0]
TRANSCRIPTS = Path(__file__).parents[2].parent / "shared" / "data" / "transcripts"


def _no_network(architecture: Architecture) -> NoReturn:
    raise NotImplementedError


STAGES = SearchSpace(
    name="five stages of six layers",
    decisions=tuple(
        Decision(f"stage {stage} layer {layer}", tuple(f"operation {n}" for n in range(7)))
        for stage in range(1, 6)
        for layer in range(1, 7)
    ),
    description="",
    build=_no_network,
    input_shape=(3, 224, 224),
)
SPACES = (NAS_BENCH_MACRO, CHANNEL_BENCH_RESNET, CELLS, STAGES)
A, B = "[1, 0, 2, 1, 0, 0, 1, 2]", "[2, 2, 2, 1, 0, 0, 1, 2]"
READ_A, READ_B = (1, 0, 2, 1, 0, 0, 1, 2), (2, 2, 2, 1, 0, 0, 1, 2)


def _read(text: str, space: SearchSpace = NAS_BENCH_MACRO) -> Architecture | None:
    return read_reply(text, space).architecture


def _refusal(text: str, space: SearchSpace) -> str | None:
    try:
        read_reply(text, space)
    except UnreadableReply as error:
        return str(error)
    return None


# --- one architecture, in many forms


@pytest.mark.parametrize(
    "text",
    [
        A,
        f"**{A}**",
        f"I would take `{A}`: FLOPs in [270, 330], accuracies like [93.1, 92.0, 91.9, 90.0, 92.2, 92.3, 92.4, 92.5].",
        f"```python\nop_list = {A}\n```",
        "[\n  1, 0,  # stage 1 (the stem is fixed)\n  2, 1, 0,  # stage 2\n  0, 1, 2,\n]",
        "(1, 0, 2, 1, 0, 0, 1, 2)",
        "[[1, 0], [2, 1, 0], [0, 1, 2]]",
        '["1", "0", "2", "1", "0", "0", "1", "2"]',
        "Here it is:\n1, 0, 2, 1, 0, 0, 1, 2",
        "Architecture: 1 0 2 1 0 0 1 2",
        "10210012",
        "Its key is `10210012`, I think.",
        "Architecture: 10210012",
        "[1, identity, inverted residual k5 e6, 1, 0, 0, 1, 2]",
        '{"architecture": [1, 0, 2, 1, 0, 0, 1, 2], "reason": "better than [0, 0, 0, 0, 0, 0, 0, 0]"}',
        'Sure:\n```json\n{"architecture": "10210012"}\n```',
        '{"architecture": {"layer 1": 1, "layer 2": 0, "layer 3": 2, "layer 4": 1, "layer 5": "identity", '
        '"layer 6": 0, "layer 7": 1, "layer 8": 2}}',
        "Stage 1: [1, 0]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]",
        "1. **Stage 1** (layers 1 and 2): [1, 0]\n2. **Stage 2**: [2, 1, 0] – a deep one\n3. **Stage 3**: [0, 1, 2]",
        "### Stage 1\n[1, 0]\n### Stage 2\n[2, 1, 0]\n### Stage 3\n[0, 1, 2]",
        '{"stage_3": [0, 1, 2], "stage_1": [1, 0], "stage_2": [2, 1, 0]}',
        "[1, 0]\n[2, 1, 0]\n[0, 1, 2]",
        f"{A}, from the options [0, 1, 2] with [0.0, 12.3, 14.1, 9.0, 0.0, 3.2, 4.4, 5.0] MFLOPs",
        f"{A}\nLayer 3: 2, since it is cheap there.\nStage 2: [2, 1, 0] as before.",
        f"{A}\n| layer 1 | 1 | 30 MFLOPs |\n| layer 2 | 0 | 93 |",
        f"FLOPs: 12345678\n{A}\nParameters: 12345678",
        f"Layer 1: 0, 1 or 2 would do.\n{A}",
    ],
)
def test_reads_the_architecture(text: str) -> None:
    assert _read(text) == READ_A


@pytest.mark.parametrize(
    "text",
    [
        f"First I thought of {A}. On reflection {B} is better.",
        f"Architecture: {B}\nPrevious best: {A}",
        f"Stage 1: [1, 0]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]\nOr rather, all in one: {B}",
        "Stage 1: [1, 0]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]\nToo cheap, so:\nStage 1 (revised): [2, 2]",
        "Stage 1: [1, 0] → [2, 2]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]",
        "Stage 1\n- Original: [1, 0]\n- Revised: [2, 2]\nStage 2\n- Original: [2, 0, 0]\n- Revised: [2, 1, 0]\n"
        "Stage 3\n- Original: [0, 0, 2]\n- Revised: [0, 1, 2]",
        "Stage 1 (original): [1, 0]\nStage 2 (original): [2, 0, 0]\nStage 3 (original): [0, 1, 2]\n"
        "Stage 1 (revised): [2, 2]\nStage 2 (revised): [2, 1, 0]\nStage 3 (revised): [0, 1, 2]",
        "\n".join(f"layer {n}: {option}" for n, option in enumerate(READ_A, 1)) + "\nNo:\nlayer 1: 2\nlayer 2: 2",
    ],
)
def test_what_is_given_last_counts(text: str) -> None:
    assert _read(text) == READ_B


def test_reads_other_spaces() -> None:
    assert _read("c0=4, c1=4, c2=3, c3=2, c4=2, c5=1, c6=4", CHANNEL_BENCH_RESNET) == (4, 4, 3, 2, 2, 1, 4)
    table = "| width | quarters | why |\n|---|---|---|\n" + "\n".join(f"| c{n} | 3 | fits |" for n in range(7))
    assert _read(table, CHANNEL_BENCH_RESNET) == (3,) * 7
    channels = "4432214\nThat makes [256, 256, 192, 256, 256, 128, 512].\nc0: 256"
    assert _read(channels, CHANNEL_BENCH_RESNET) == (4, 4, 3, 2, 2, 1, 4)
    assert _read('["Skip Connect", "nor_conv_3x3", none, 1, "avg_pool_3x3", 2]', CELLS) == (1, 3, 0, 1, 4, 2)
    edges = "0->1: nor_conv_3x3\n0->2: none\n1->2: 3\n0->3: skip_connect\n1->3: 0\n2->3: 3"
    assert _read(edges, CELLS) == _read(re.sub("(?m)^", "- edge ", edges), CELLS) == (3, 0, 3, 1, 0, 3)


def test_reads_stages_with_the_revision_of_one() -> None:
    stages = [f"Stage {n} (Layer {6 * n - 4} to Layer {6 * n + 1}): [{n}, {n}, 0, 1, 0, 0]" for n in range(1, 6)]
    prose = "\n- In Stage 2 we keep [2, 2, 0, 0, 0, 0] while [3, 3, 0, 0, 0, 0] in Stage 3 costs less."
    first = tuple(option for n in range(1, 6) for option in (n, n, 0, 1, 0, 0))
    assert _read("\n".join(stages) + prose, STAGES) == first
    assert _read("\n".join(f"{s}\n{s.replace('(', 'revised (').replace('0]', '1]')}" for s in stages), STAGES) == tuple(
        option for n in range(1, 6) for option in (n, n, 0, 1, 0, 1)
    )
    revised = "\n".join(stages) + "\nThat is too much. Instead:\n\nStage 4 (Adjusted): [4, 2, 0, 1, 0, 0]\n\nIt fits."
    assert _read(revised, STAGES) == (*first[:19], 2, *first[20:])


def test_a_stage_too_short_does_not_take_from_the_next_one() -> None:
    """The lengths of nas-bench-macro's stages are 2, 3 and 3; numbered otherwise, only the whole length counts."""
    assert _refusal("Stage 1: [1, 0]\nStage 2: [2, 1]\nStage 3: [0, 0, 1, 2]", NAS_BENCH_MACRO) == (
        "stage 2 takes 3 numbers, got 2: [2, 1]"
    )
    assert _read("Part 1: [1, 0]\nPart 2: [2, 1]\nPart 3: [0, 0, 1, 2]") == READ_A
    assert _read("Stage 0: [1, 0]\nStage 1: [2, 1, 0]\nStage 2: [0, 1, 2]") == READ_A


@pytest.mark.parametrize(
    "text",
    ["-", ' "-" ', "Nothing better is left.\n-\n", "**Architecture:** -\nRationale: [0, 1, 2] are tried.", f"{A}\n-"],
)
def test_reads_that_nothing_is_left(text: str) -> None:
    assert _read(text) is None


def test_an_architecture_after_the_dash_counts() -> None:
    assert _read(f"Architecture: -\nNo, one is left.\nArchitecture: {A}") == READ_A
    assert read_reply('{"architecture": "-", "reason": "all tried"}', NAS_BENCH_MACRO).rationale == "all tried"


# --- what is refused, in the words of the rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no architecture found: expected a list of 8 numbers"),
        ("I cannot help with that.", "no architecture found: expected a list of 8 numbers"),
        ("[0, 0, 0]", "expected 8 numbers, got 3: [0, 0, 0]"),
        ("[0, 1, 2]", "expected 8 numbers, got 3: [0, 1, 2]"),
        (f"{A[:-1]}, 0]", "expected 8 numbers, got 9: [1, 0, 2, 1, 0, 0, 1, 2, 0]"),
        ("[0, 0, 0, 5, 0, 0, 0, 0]", "layer 4 takes a number from 0 to 2, got 5"),
        ("[0, -1, 0, 5, 0, 0, 0, 0]", "layer 2 takes a number from 0 to 2, got -1"),
        ("[0, 0, 0, identity, 0, 0, 0, five]", "layer 8 takes a number from 0 to 2, got five"),
        (f"{A}\nBetter: [3, 0, 0, 0, 0, 0, 0, 0]", "layer 1 takes a number from 0 to 2, got 3"),
        (f"{A}\nBetter: [2, 0, 0, 0, 0, 0, 0]", "expected 8 numbers, got 7: [2, 0, 0, 0, 0, 0, 0]"),
        (f"{A}\nBut layer 3 is cheap:\nlayer 3: 1", "layer 3 is given once more after the whole architecture, as [1]"),
        (f"{A}\nStage 2: [2, 1, 1]", "stage 2 is given once more after the whole architecture, as [2, 1, 1]"),
        ("Stage 1: [1, 0]\nStage 2: [2, 1, 0]", "expected 8 numbers, got 5: [1, 0, 2, 1, 0]"),
        (
            "layer 1: 2\nlayer 2: 1\nlayer_4: 0\nlayer 5: 0\nlayer 6: 0",
            "no value is given for layer 3, layer 7, layer 8",
        ),
        ('{"layer 1": 1, "layer 1": 2}', "layer 1 is given twice, as 1 and as 2"),
        ("| Stage 1 | [1, 0] | [2, 2] |\n| Stage 2 | [2, 1, 0] |\n| Stage 3 | [0, 1, 2] |", "stage 1 is given twice"),
        ("[1, 0]\n[2, 1, 0]\n[0, 1, 2]\n[1, 0]\n[2, 1, 0]\n[0, 1, 2]", "expected 8 numbers, got 16"),
        ("[1, [0, 2], 1, 0, 0, 1, 2]", "no architecture found"),
        ("Stage 1: [1, 0]\nStage 2: [2, 1, 0]\nStage 3: [0, 1, 2]\nStage 4: [1, 0]", "stage 4 is given once more"),
    ],
)
def test_refuses_with_the_rule(text: str, message: str) -> None:
    with pytest.raises(UnreadableReply, match=re.escape(message)):
        _read(text)


def test_refuses_in_the_words_of_the_space() -> None:
    with pytest.raises(UnreadableReply) as refused:
        _read("[9, 9, 9, 9, 9, 9, 9, 9]")
    assert isinstance(refused.value.__cause__, BadArchitecture)
    assert str(refused.value) == str(refused.value.__cause__)
    with pytest.raises(UnreadableReply, match=r"^edge 0→2 takes a number from 0 to 4, got nor_conv_5x5$"):
        _read("[skip_connect, nor_conv_5x5, none, none, none, none]", CELLS)
    with pytest.raises(UnreadableReply, match=r"^c0 takes a number from 1 to 4, got 0$"):
        _read("0111111", CHANNEL_BENCH_RESNET)


# --- the rationale


def test_rationale_is_the_reason_or_what_is_said_around_the_answer() -> None:
    assert read_reply('{"architecture": "10210012", "Reasoning": "It  is\\ncheap."}', NAS_BENCH_MACRO).rationale == (
        "It is cheap."
    )
    around = f"**Architecture:** {A}\n\n- It is cheap,\n- and deep."
    assert read_reply(around, NAS_BENCH_MACRO).rationale == "It is cheap, and deep."
    assert len(read_reply(A + " and so on" * 1000, NAS_BENCH_MACRO).rationale) == RATIONALE_LENGTH


# --- properties


_FORMS: dict[str, Callable[[Architecture, SearchSpace], str]] = {
    "list": lambda a, space: str(list(a)),
    "tuple": lambda a, space: str(a),
    "quoted": lambda a, space: json.dumps([str(option) for option in a]),
    "broken lines": lambda a, space: json.dumps(a, indent=2),
    "bare line": lambda a, space: "\n" + ", ".join(map(str, a)) + "\n",
    "spaces": lambda a, space: "\n" + " ".join(map(str, a)) + "\n",
    "digits": lambda a, space: "\n" + "".join(map(str, a)) + "\n",
    "digits in backticks": lambda a, space: f"`{''.join(map(str, a))}`",
    "nested": lambda a, space: str([list(a[:2]), list(a[2:])]),
    "code": lambda a, space: f"\n```python\nop_list = {list(a)}\n```\n",
    "json": lambda a, space: "\n" + json.dumps({"architecture": a, "reason": "cheap"}) + "\n",
    "option names": lambda a, space: json.dumps([_option(o, d) for o, d in zip(a, space.decisions, strict=True)]),
    "stages": lambda a, space: f"\n- **Stage 1** (first layers): {list(a[:2])}\n- **Stage 2**: {list(a[2:])}\n",
    "names": lambda a, space: (
        "\n" + "\n".join(f"- {d.name}: {o}" for o, d in zip(a, space.decisions, strict=True)) + "\n"
    ),
    "table": lambda a, space: (
        "\n" + "\n".join(f"|{d.name}|{o}|" for o, d in zip(a, space.decisions, strict=True)) + "\n"
    ),
    "json names": lambda a, space: (
        "\n" + json.dumps({d.name.upper(): o for o, d in zip(a, space.decisions, strict=True)}) + "\n"
    ),
    "names to names": lambda a, space: (
        "\n"
        + "\n".join(f"{d.name.replace(' ', '_')} = {_option(o, d)}" for o, d in zip(a, space.decisions, strict=True))
        + "\n"
    ),
}


def _option(number: int, decision: Decision) -> str:
    name: str = decision.options[number - decision.first]
    return name


def _architectures(space: SearchSpace) -> st.SearchStrategy[Architecture]:
    return st.tuples(*(st.sampled_from(decision.numbers) for decision in space.decisions))


_proposals = st.sampled_from(SPACES).flatmap(lambda space: st.tuples(st.just(space), _architectures(space)))
_prose = st.text(alphabet="abcdefgh xyz,.;\n", max_size=60)


@given(_proposals, st.sampled_from(sorted(_FORMS)), _prose, _prose)
@settings(max_examples=200, deadline=None)
def test_reads_back_every_form(proposal: tuple[SearchSpace, Architecture], form: str, before: str, after: str) -> None:
    space, architecture = proposal
    assert _read(f"{before}: {_FORMS[form](architecture, space)} {after}", space) == architecture


@given(_proposals, st.sampled_from(["list", "bare line", "json", "nested"]), st.data())
@settings(max_examples=100, deadline=None)
def test_wrong_lengths_are_refused(proposal: tuple[SearchSpace, Architecture], form: str, data: st.DataObject) -> None:
    space, architecture = proposal
    length = data.draw(st.integers(3, 2 * len(architecture)).filter(lambda n: n != len(architecture)))
    wrong = (architecture * 2)[:length]
    with pytest.raises(UnreadableReply, match=f"^expected {len(architecture)} numbers, got {length}: "):
        _read(_FORMS[form](wrong, space), space)


@given(_proposals, st.sampled_from(["list", "bare line", "json", "nested", "names", "stages"]), st.data())
@settings(max_examples=100, deadline=None)
def test_numbers_out_of_range_are_refused(
    proposal: tuple[SearchSpace, Architecture], form: str, data: st.DataObject
) -> None:
    space, architecture = proposal
    place = data.draw(st.integers(0, len(architecture) - 1))
    wrong = list(architecture)
    wrong[place] = data.draw(st.sampled_from([-1, 7, 9, 10**6, 10**30]))
    text = str(list(architecture)) + "\nBetter:\n" + _FORMS[form](tuple(wrong), space)
    with pytest.raises(UnreadableReply, match=f"{space.decisions[place].name}|once more|expected"):
        _read(text, space)


_SCRAPS = [
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    '"',
    "`",
    "```",
    ",",
    ":",
    "\n",
    " ",
    "→",
    "-",
    "|",
    "stage 1",
    "stage 2: ",
    "#",
    "=",
]
_SCRAPS += [
    "layer 1: 2",
    "c0",
    "edge 0→1: ",
    "0",
    "1",
    "2",
    "12",
    "-1",
    "0.5",
    "none",
    "original",
    A,
    "10210012",
    "\ud800",
]


@given(st.sampled_from(SPACES), st.one_of(st.text(), st.lists(st.sampled_from(_SCRAPS), max_size=60).map("".join)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(space: SearchSpace, text: str) -> None:
    refusal = _refusal(text, space)
    if refusal is not None:
        assert len(refusal) < 300
        return
    reading = read_reply(text, space)
    assert reading.architecture is None or space.check(reading.architecture) == reading.architecture
    assert len(reading.rationale) <= RATIONALE_LENGTH
    reading.rationale.encode()


_HOSTILE = [
    "[",
    "]",
    "[]",
    "{",
    '{"a":',
    "1",
    "1,",
    "1 ",
    "[1],",
    "1 0\n",
    "-\n",
    "\n",
    " ",
    "|",
    '"',
    "`",
    "c0 ",
    "c0: 1\n",
]
_HOSTILE += [
    "layer 1 (",
    "layer 1: ",
    "Stage 1: [1]\n",
    "11112222\n",
    f"{A}\n",
    "edge 0→1: none\n",
    "x: [1] -> [2] ",
    "(a)",
]


@pytest.mark.parametrize("piece", _HOSTILE)
def test_a_megabyte_is_read_at_once(piece: str) -> None:
    began = time.perf_counter()
    for text in (piece * (10**6 // len(piece)), f"{piece * (10**6 // len(piece))}\n\nAnswer: {A}\n"):
        assert len(_refusal(text, NAS_BENCH_MACRO) or "") < 300
    assert time.perf_counter() - began < 4  # two megabytes; a quadratic reader takes minutes


@pytest.mark.parametrize("number", ["9" * 5000, "[" * 100_000 + "1" + "]" * 100_000])
def test_limits_of_python_are_no_limits(number: str) -> None:
    for text in (f"[{number}, 0, 0, 0, 0, 0, 0, 0]", f'{{"architecture": [{number}, 0, 0, 0, 0, 0, 0, 0]}}'):
        with pytest.raises(UnreadableReply):
            _read(text)


def test_reads_the_answer_behind_long_thoughts() -> None:
    assert _read(f"{'Let me think. ' * 100_000}\n\nArchitecture: {A}") == READ_A


# --- recorded conversations

# multiply-adds in millions of the first layer and of the other layers of each stage, as the recorded prompts print them
_TABLE = re.compile(r"^flops_stage\d_(?:first|rest) *= \[(.*)\]$", re.MULTILINE)
_RESULT = re.compile(r"resulting (\d+) FLOPS")
_FIXED = 5.419 + 5.8207 + 3.049 + 0.016 + 0.419 + 1.28


def _mflops(architecture: Architecture, tables: list[list[float]]) -> float:
    rows = (tables[layer // 6 * 2 + (layer % 6 > 0)] for layer in range(30))
    return _FIXED + sum((row[option] for row, option in zip(rows, architecture, strict=True)), 0.0)


def _recorded() -> list[tuple[str, str, str]]:
    """Return the replies: where, the reply, what the user said next."""
    found = []
    for path in sorted(TRANSCRIPTS.glob("*.json")):
        messages = json.loads(path.read_text(encoding="utf-8"))
        for at, message in enumerate(messages):
            if message["role"] == "assistant":
                follows = messages[at + 1]["content"] if at + 1 < len(messages) else ""
                found.append((f"{path.stem} {at}", message["content"], follows))
    return found


def test_recorded_replies_are_read_as_they_were_evaluated() -> None:
    if not TRANSCRIPTS.is_dir():
        pytest.skip(f"no recorded conversations at {TRANSCRIPTS}")
    prompt = json.loads((TRANSCRIPTS / "329M.json").read_text(encoding="utf-8"))[1]["content"]
    tables = [[float(number) for number in row.split(",")] for row in _TABLE.findall(prompt)]
    differing = []
    for where, reply, follows in _recorded():
        architecture = _read(reply, STAGES)
        assert architecture is not None
        result = _RESULT.search(follows)
        if result and not 0 < int(result[1]) - _mflops(architecture, tables) < 3:
            differing.append(where)
    # there the stages are followed by "if necessary, … Stage 4 (Adjusted): …", and the user measured the first version
    assert differing == ["epoch_10_input_224 39"]
