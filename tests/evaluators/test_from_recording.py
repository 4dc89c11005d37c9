"""The evaluator of a recording: where its accuracies stand, what is wrong with them, and GPT-4's recorded searches."""

import json

import genius
import pytest
from genius.agents.replay import load_measurements, load_recording
from genius.evaluators.from_recording import recorded_evaluator
from genius.tables.recording import BadRecording

MACRO, CELLS, MOBILE = (genius.get_space(n) for n in ("nas-bench-macro", "nas-bench-201-cifar10", "mobile-imagenet"))
A, B = (0,) * 8, (0,) * 7 + (1,)


async def test_it_gives_the_recorded_accuracy_again_and_again():
    evaluate = recorded_evaluator(MACRO, {A: 72.61, B: 0.0}, "talk.json")
    assert [await evaluate(a) for a in (A, B, A)] == [genius.Measurement(x) for x in (72.61, 0.0, 72.61)]


async def test_equal_functions_share_an_accuracy():
    dead, same = (0, 0, 0, 0, 0, 0), (3, 0, 0, 0, 0, 0)  # the last node gets nothing in both
    assert CELLS.identity(dead) == CELLS.identity(same)
    assert (await recorded_evaluator(CELLS, {dead: 10.0}, "talk.json")(same)).accuracy == 10.0


async def test_an_architecture_without_an_accuracy_is_a_failed_candidate():
    measurement = await recorded_evaluator(MACRO, {A: 72.61}, "talk.json")(B)
    assert measurement == genius.Measurement(error="talk.json reports no accuracy of this architecture")


def test_a_recording_without_any_accuracy_is_no_evaluator():
    with pytest.raises(BadRecording, match=r"talk\.json reports no accuracy .* of nas-bench-macro.* `reply,accuracy`"):
        recorded_evaluator(MACRO, {}, "talk.json")


# --- where the accuracies of a recording stand


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def talk(folder, *replies, wrap=list):
    """Write a conversation that an empty reply begins, and return its file."""
    messages = [{"role": "assistant", "content": None}]
    messages += [m for r in replies for m in ({"role": "user", "content": "?"}, {"role": "assistant", "content": r})]
    file = folder / "talk.json"
    file.write_text(json.dumps(wrap(messages), indent=2))
    return file


def test_a_run_has_them_in_its_journal(tmp_path):
    found = [
        genius.Candidate(1, 1, reply="r", architecture=A, measurement=genius.Measurement(72.614)),
        genius.Candidate(1, 2, reply="r", error="none of 10 replies gave a new architecture"),
        genius.Candidate(2, 1, reply="r", architecture=B, measurement=genius.Measurement(70.0)),
    ]
    journal = lines(*(candidate.to_json() for candidate in found))
    (tmp_path / "candidates.jsonl").write_text(journal + journal[:50])  # the last line cut short by a crash
    for recording in (tmp_path, tmp_path / "calls.jsonl"):
        assert load_measurements(recording, MACRO) == {A: 72.614}
        assert load_measurements(recording, MACRO, trial=2) == {B: 70.0}
    assert load_measurements(tmp_path / "elsewhere" / "calls.jsonl", MACRO) == {}


@pytest.mark.parametrize("wrap", [list, lambda messages: {"messages": messages}])
def test_a_list_of_messages_has_them_in_a_table_beside_it(tmp_path, wrap):
    file = talk(tmp_path, f"Architecture: {list(A)}", "I cannot decide.", f"{list(B)}", wrap=wrap)
    assert load_measurements(file, MACRO) == {}
    (tmp_path / "talk.csv").write_bytes(b"\xef\xbb\xbfreply, accuracy, seed\r\n2, 72.61, 1\r\n\r\n4, 70, 2\r\n")
    assert [load_measurements(file, MACRO, trial) for trial in (1, 2)] == [{A: 72.61, B: 70.0}] * 2
    assert [reply.text for reply in load_recording(file, trial=2)][1::2] == [f"Architecture: {list(A)}", f"{list(B)}"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"", "the first line must be `reply,accuracy`"),
        (b"2,72.61\n", "the first line must be `reply,accuracy`"),
        (b"reply,accuracy\n2,high\n", "line 2 is no number of a reply and an accuracy: .*high"),
        (b"reply,accuracy\n2\n", "line 2 is no number of a reply"),
        (b"reply,accuracy\n2,72.61\n0,70\n", "there is no reply 0: the recording holds replies 1 to 4"),
        (b"reply,accuracy\n5,70\n", "there is no reply 5"),
        (b"reply,accuracy\n2,101\n", "line 2: an accuracy is from 0 to 100 percent, got 101"),
        (b"reply,accuracy\n2,nan\n", "line 2: an accuracy is from 0 to 100 percent, got nan"),
        (b"reply,accuracy\n3,70\n", "reply 3 gives no architecture of nas-bench-macro: no architecture found"),
        (b"reply,accuracy\n1,70\n", "reply 1 gives no architecture of nas-bench-macro"),
        (b"reply,accuracy\n2,72.61\n4,72.5\n", "two accuracies, 72.61% and, by reply 4, 72.5%"),
        (b"reply,accuracy\n2,\xff\n", "can't decode"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_name(tmp_path, table, message):
    file = talk(tmp_path, f"{list(A)}", "I cannot decide.", f"Architecture: {list(A)}")
    (tmp_path / "talk.csv").write_bytes(table)
    with pytest.raises(BadRecording, match=rf"talk\.csv: .*{message}"):
        load_measurements(file, MACRO)


BROKEN = ["", "{", "[1]", '{"trial": 1}\n', '{"messages": 7}', "\xff", "[" * 100_000, '"x"', "[]", "9" * 5000, "\0"]
BROKEN += [
    '{"trial": 1, "reply": {"text": 7}}\n',
    '{"trial": 1, "reply": {"words": "x"}}\n',
    '[{"role": "assistant"}, 7]',
]


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_recording_is_said_with_its_name(tmp_path, content):
    (tmp_path / "talk.json").write_bytes(content.encode("latin-1"))
    for load in (load_recording, lambda file: load_measurements(file, MACRO)):
        with pytest.raises(BadRecording, match=r"talk\.json"):
            load(tmp_path / "talk.json")
    (tmp_path / "candidates.jsonl").write_bytes(content.encode("latin-1") + b"\n")
    if content not in ("", "\0"):
        with pytest.raises(BadRecording, match=r"candidates\.jsonl"):
            load_measurements(tmp_path, MACRO)


@pytest.mark.parametrize("name", ["nothing.json", ".", "x" * 300])
def test_a_recording_that_is_missing_is_said_with_its_name(tmp_path, name):
    with pytest.raises(BadRecording, match=rf"no recording at .*{name.strip('.')}"):
        load_recording(tmp_path / name)


# --- GPT-4's recorded searches

BEST = {"329M": ("GENIUS-329", 72.61), "401M": ("GENIUS-401", 73.56)}
BEST |= {"epoch_10_input_224": (None, 69.25), "epoch_20_input_224": (None, 73.78)}


@pytest.mark.parametrize("name", BEST)
async def test_a_search_of_the_recorded_replies_finds_what_the_authors_found(name, tables, tmp_path):
    """The accuracies are packaged; the authors compared whole millions of FLOPs: 330.22 M was within 330."""
    messages = json.loads((tables.parent / "transcripts" / f"{name}.json").read_text())
    file = tmp_path / "another name.json"
    file.write_text(json.dumps({"messages": messages}, indent=1))
    result = await genius.search(
        "mobile-imagenet",
        llm=f"replay:{file}",
        flops=("369.5M", "430.5M") if name == "401M" else ("269.5M", "330.5M"),
        flops_convention="thop",
        run=tmp_path / "run",
    )
    candidates = result.trials[0].candidates
    network, accuracy = BEST[name]
    assert result.best.accuracy == accuracy
    assert network is None or result.best.architecture == MOBILE.named[network]
    last = next(m["content"] for m in reversed(messages) if "- Experiment9\n" in m["content"])
    told = [line.rsplit(" ", 1)[1].rstrip(".") for line in last.split("\n") if "achieved an accuracy" in line]
    assert [f"{c.accuracy:.2f}%" for c in candidates[:-1]] == told
    assert candidates[-1].error == f"{file.name} reports no accuracy of this architecture"
    assert sum(len(c.refusals) + 1 for c in candidates) == len(load_recording(file))


def test_another_conversation_has_none_of_the_published_accuracies(tables, tmp_path):
    messages = json.loads((tables.parent / "transcripts" / "329M.json").read_text())
    (tmp_path / "329M.json").write_text(json.dumps(messages[:-1]))
    assert load_measurements(tmp_path / "329M.json", MOBILE) == {}
