"""The page of a run: its numbers, its pictures, and text of strangers in it."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.printable import one_line
from genius.record.call import Call, Reply
from genius.record.candidate import Candidate, Offer, Refusal, Repair, Suggestion, ToolUse
from genius.record.files import BrokenRun, NotPlain
from genius.record.measurement import Measurement
from genius.record.notebook import OptionEffect, Page
from genius.record.settings import LoopSettings, Settings
from genius.report.page.architecture_picture import Drawing
from genius.report.page.charts import Plot, Side, chart, telling
from genius.report.page.effect_picture import draw_effects
from genius.report.page.rendering import policy, render
from genius.report.page.run_page import Gathering, gather_run, known_space
from genius.spaces import SPACES
from genius.spaces.decision import Decision
from genius.spaces.disguise import Disguise
from genius.spaces.objective import Objective
from genius.spaces.sketch import CellSketch, ChainSketch, Layer
from genius.spaces.space import SearchSpace

from ..test_hostile import HOSTILE
from .runs import MACRO, tried, write_run

ATTACKS = {
    "script": "<script>window.hacked = 1</script>",
    "end of the script": "</script><script>window.hacked = 1</script>",
    "end of the style": "</style><script>window.hacked = 1</script>",
    "end of a pre": "</pre></details><img src=http://127.0.0.1:9/x onerror='window.hacked = 1'>",
    "attribute": '" onmouseover="window.hacked = 1" x="\' autofocus onfocus=\'window.hacked = 1',
    "svg": "</title></svg><svg onload='window.hacked = 1'><a xlink:href='javascript:window.hacked = 1'>x</a>",
    "link": "<a href='http://127.0.0.1:9/'>here</a> javascript:alert(1) http://127.0.0.1:9/",
    "frame": "<iframe src='http://127.0.0.1:9/'></iframe><object data='http://127.0.0.1:9/'></object>",
    "template": "{{ 7 * 7 }}{% for x in y %}{{ config }}",
    "comment": "<!-- --!> <![CDATA[ ]]> &lt;b&gt;",
    "form": "<form action='http://127.0.0.1:9/'><input autofocus onfocus='window.hacked=1'><base href='http://x/'>",
    "meta": "<meta http-equiv='refresh' content='0; url=http://127.0.0.1:9/'>",
}
TEXTS = {**HOSTILE, **ATTACKS}


def of_strangers(folder: Path, text: str) -> Path:
    """Write a run that holds a text wherever a stranger may have written one."""
    safe = text.encode(errors="replace").decode()
    measurement = Measurement(50.0, 49.0, 3, 4, 1.0, device=safe, metrics={one_line(safe, 50) or "m": 1.0})
    whole = Candidate(
        1,
        1,
        reply=safe,
        rationale=safe,
        llm=safe,
        arm=safe,
        fault=safe,
        rounded=safe,
        shortlist=(Suggestion((0,) * 8, 50.0, 1.0, 0.5, safe),),
        tools=(ToolUse(safe, safe, safe),),
        rounds=1,
        offers=(Offer(safe, (0,) * 8, 0.5, safe, safe),),
        architecture=(0,) * 8,
        values={safe: safe},
        measurement=measurement,
        refusals=(Refusal(safe, safe),),
        repair=Repair((1,) * 8, safe),
        expected=50.0,
        expected_sd=1.0,
        cost=MACRO.cost_of((0,) * 8),
    )
    failed = Candidate(1, 2, architecture=(1,) * 8, error=safe, measurement=Measurement(error=safe), arm=safe)
    message = {"role": safe or "user", "content": safe}
    calls = [Call(1, at, 1, [message], Reply(safe, safe, 1, 1, safe, refusal=safe, fault=safe)) for at in (1, 2, 3)]
    pages = [Page(1, at, kind, safe, author=safe) for at, kind in enumerate(("notebook", "hint", "notebook"), 1)]
    return write_run(folder, [whole, failed], calls, pages)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_of_strangers_stays_text(text, tmp_path):
    page = render([gather_run(of_strangers(tmp_path / "r", text))])
    harmless = render([gather_run(of_strangers(tmp_path / "h", "plain"))])
    assert tags(page) == tags(harmless)
    assert not [letter for letter in page if not letter.isprintable() and letter != "\n"]


def tags(page: str) -> dict[str, int]:
    """Count the kinds of tags of a page, and of its handlers and links that lead elsewhere."""
    body = page.partition("<body>")[2].partition("<script>")[0]
    found = re.findall(r"<(script|style|img|iframe|object|form|input|base|meta|link|embed)\b", body)
    found += re.findall(r"<[^>]*\s(on\w+|src|style|xlink:href|action)\s*=", body)
    found += ["elsewhere" for _ in re.findall(r'<a [^>]*href="(?!#)', body)]
    return {kind: found.count(kind) for kind in found}


def test_the_policy_allows_the_pages_own_script_and_style_alone():
    assert "default-src 'none'" in policy(live=False)
    assert "unsafe" not in policy(live=False)
    assert "connect-src" not in policy(live=False)
    assert "connect-src 'self'" in policy(live=True)


def test_an_experiment_tells_all_that_is_known_of_it(tmp_path):
    first = tried(1, (0,) * 8, 90.0, rationale="begin small")
    second = tried(
        2,
        (0, 2, 0, 0, 0, 0, 0, 1),
        92.0,
        rationale="a wider kernel in front",
        arm="model",
        expected=91.0,
        expected_sd=0.5,
        tools=(ToolUse("cost", '{"n": 1}', "20 M"),),
        refusals=(Refusal("[9]", "layer 1 takes a number from 0 to 2, got 9"),),
        offers=(Offer("guided", (1,) * 8, 0.25, rationale="expected to be good"),),
    )
    call = Call(1, 2, 1, [{"role": "user", "content": "the prompt of two"}], Reply("the reply of two", "m", 1_000, 20))
    run = gather_run(write_run(tmp_path / "r", [first, second], [call], [Page(1, 2, "notebook", "kernels count")]))
    ((_, (one, two)),) = run.trials
    assert [one.improved, two.improved, two.is_best, two.before] == [True, True, True, 1]
    changed = [(change.decision, change.before, change.after) for change in two.changes]
    assert changed == [
        ("layer 2", "identity", "inverted residual k5 e6"),
        ("layer 8", "identity", "inverted residual k3 e3"),
    ]
    assert (two.forecast.words, two.forecast.by) == ("91.00 ± 0.50%", "the proposer")
    assert two.forecast.missed == "+1.00%, 2.0 standard deviations"
    page = render([run])
    for shown in (
        *("92.00%", "a wider kernel in front", "layer 1 takes a number from 0 to 2, got 9", "20 M"),
        *("the prompt of two", "the reply of two", "1,000 + 20 tokens", "kernels count", "25%", "expected to be good"),
        *(f"genius resume {tmp_path / 'r'}", f"genius fork {tmp_path / 'r'} --at 2", "genius export"),
    ):
        assert shown in page, shown


def test_trials_share_a_band_and_front_follows_the_goal(tmp_path):
    values = {1: (90.0, 91.0, 92.0), 2: (88.0, 93.0, 93.0)}
    made = [
        tried(at, (trial, at % 3) + (0,) * 6, value, trial)
        for trial, row in values.items()
        for at, value in enumerate(row, start=1)
    ]
    run = gather_run(write_run(tmp_path / "r", made))
    value, rank, flops = run.figures
    assert [value.title, rank.title, flops.title] == ["accuracy", "rank", "accuracy and FLOPs"]
    assert ("best", "band", "from the lowest to the highest") in value.legend
    assert run.mean_best == "92.50 ± 0.71%"
    both = [run, gather_run(write_run(tmp_path / "s", made[:3]), 2)]
    page = render(both)
    assert "2 runs compared" in page
    assert page.count('id="run1-trial1-iteration1"') == page.count('id="run2-trial1-iteration1"') == 1


def test_a_run_without_a_measurement_has_a_page(tmp_path):
    page = render([gather_run(write_run(tmp_path / "r", []))])
    assert "nothing feasible was measured" in page
    failed = Candidate(1, 1, architecture=(0,) * 8, error="it broke", measurement=Measurement(error="it broke"))
    assert "it broke" in render([gather_run(write_run(tmp_path / "s", [failed]))])


def test_a_thousand_evaluations_make_a_page_of_a_few_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    made, calls = [], []
    for at in range(1, 1_001):
        architecture = tuple(map(int, rng.integers(0, 3, 8)))
        made.append(tried(at, architecture, float(rng.uniform(85, 94)), rationale="because it is larger " * 10))
        calls.append(Call(1, at, 1, [{"role": "user", "content": "words " * 4_000}], Reply("[0]" * 200, "m", 9, 9)))
    page = render([gather_run(write_run(tmp_path / "r", made, calls))])
    assert len(page.encode()) < 5_000_000
    assert len(re.findall('class="experiment[ "]', page)) == 1_000
    assert "calls.jsonl in the run folder" in page


def test_an_evaluation_in_flight_is_told_with_its_latest_epoch(tmp_path):
    settings = Settings(space="digits", proposer="random", loop=LoopSettings(iterations=3))
    run = write_run(tmp_path / "r", [], settings=settings)
    for name, epochs in {"000000000-seed0": 2, "111111111-seed0": 0}.items():
        folder = run / "evaluations" / "trial-1" / name
        folder.mkdir(parents=True)
        (folder / "job.json").write_text("{}")
        lines = [json.dumps({"epoch": at, "epochs": 9, "loss": 1 / at}) for at in range(1, epochs + 1)]
        (folder / "epochs.jsonl").write_text("".join(f"{line}\n" for line in lines))
    page = gather_run(run)
    assert [(each.name, each.words) for each in page.pending] == [
        ("000000000-seed0", "epoch 2 of 9, loss 0.500"),
        ("111111111-seed0", "begun"),
    ]
    assert "In flight" in render([page])
    (run / "evaluations" / "trial-1" / "000000000-seed0" / "answer.json").write_text("{}")
    assert len(gather_run(run).pending) == 1


def test_the_levels_of_a_range_keep_their_order_and_options_go_by_their_effect():
    decisions = (Decision.range("lr", 0.1, 0.4, levels=4), Decision("kind", ("a", "b")))
    space = SearchSpace("mine", decisions)
    effects = [OptionEffect(0, at, float(-abs(at - 2)), 0.1) for at in range(4)]
    effects += [OptionEffect(1, 0, -5.0, 0.1), OptionEffect(1, 1, 5.0, 20.0)]
    drawn = str(draw_effects(effects, space, Objective("score")))
    shown = re.findall(r'class="option (\w+)">([^<]+)<', drawn)
    assert [name for _, name in shown] == ["b", "a", "0.1", "0.2", "0.3", "0.4"]
    assert dict(map(reversed, shown)) == {
        **{"b": "unclear", "a": "worse"},
        **{"0.1": "worse", "0.2": "worse", "0.3": "unclear", "0.4": "worse"},
    }


def test_a_link_in_the_folder_is_not_followed(tmp_path):
    run = write_run(tmp_path / "r", [tried(1, (0,) * 8, 90.0)])
    (run / "notebook.jsonl").unlink()
    (tmp_path / "secret").write_text("{}\n")
    (run / "notebook.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(NotPlain):
        gather_run(run)


def test_a_damaged_run_is_one_sentence(tmp_path):
    run = write_run(tmp_path / "r", [tried(1, (0,) * 8, 90.0)])
    (run / "candidates.jsonl").write_text('{"trial": "one"}\n')
    with pytest.raises(BrokenRun, match="line 1"):
        gather_run(run)


def own_run(folder: Path) -> Path:
    """Write a run of a space of one's own, which the page does not import."""
    values = [{"lr": 0.1, "width": 16}, {"lr": 0.01, "width": 32}]
    found = [
        Candidate(1, at, architecture=(at, at), values=each, measurement=Measurement(float(at)))
        for at, each in enumerate(values, start=1)
    ]
    settings = Settings(space=str(folder / "train.py:space"), proposer="guided", loop=LoopSettings(iterations=2))
    return write_run(folder, found, settings=settings)


def test_a_space_of_ones_own_is_drawn_by_what_was_tried_and_not_imported(tmp_path):
    run = own_run(tmp_path / "r")
    (run / "train.py").write_text("raise AssertionError('imported')")
    page = gather_run(run)
    assert page.space is None
    ((_, (_, second)),) = page.trials
    assert [(each.decision, each.before, each.after) for each in second.changes] == [
        ("lr", "0.1", "0.01"),
        ("width", "16", "32"),
    ]
    assert "The decisions: lr 0.01, width 32" in str(second.picture)


def test_a_named_space_is_held_against_the_run(tmp_path):
    run = own_run(tmp_path / "r")
    other = SearchSpace("other", (Decision("x", (1, 2)),))
    settings = json.loads((run / "search.json").read_text())
    settings["run"]["fingerprint"] = "0" * 64
    (run / "search.json").write_text(json.dumps(settings))
    with pytest.raises(GeniusError, match="another space than other"):
        gather_run(run, how=Gathering(other))


def test_a_space_that_is_a_dict_is_known_from_the_settings():
    decisions = {"width": [16, 32], "lr": [0.1, 0.2]}
    found = known_space(Settings(space="mine", proposer="guided", decisions=decisions))
    assert found
    assert [decision.name for decision in found.decisions] == ["width", "lr"]


@pytest.mark.parametrize("name", SPACES.names())
def test_every_space_is_drawn(name):
    space, rng = SPACES[name], np.random.default_rng(0)
    for _ in range(5):
        architecture = tuple(int(rng.choice(list(decision.numbers))) for decision in space.decisions)
        candidate = Candidate(1, 1, architecture=architecture)
        drawn = str(Drawing(space, []).draw(candidate, [0]))
        ElementTree.fromstring(drawn)
        assert "changed" in drawn
        sketch = space.sketch(space.settled(architecture))
        if isinstance(sketch, ChainSketch):
            assert all(layer.width > 0 and layer.times > 0 for layer in sketch.layers)
            depends = {at for layer in sketch.layers for at in layer.decisions}
            assert depends == set(range(len(space.decisions)))
        else:
            assert isinstance(sketch, CellSketch)
            assert {edge.decision for edge in sketch.edges} == set(range(len(space.decisions)))


@pytest.mark.parametrize(
    ("name", "architecture"), [("digits", (2, 1, 0, 1, 2, 1, 0, 1, 2)), ("nas-bench-macro", (2, 0, 1, 1, 2, 2, 0, 1))]
)
def test_the_widths_of_a_sketch_are_those_of_the_network(name, architecture):
    from torch import nn

    space = SPACES[name]
    convolutions = [m for m in space.network(architecture).modules() if isinstance(m, nn.Conv2d)]
    widths = {layer.width for layer in space.sketch(architecture).layers}
    assert widths <= {m.out_channels for m in convolutions}


def test_a_disguise_has_no_sketch():
    disguise = Disguise([[0, 1, 2]] * 8)
    assert disguise.of(MACRO).sketch is None


def test_a_sketch_that_fails_is_one_sentence():
    def sketch(architecture):
        raise ValueError("no layer")

    space = SearchSpace("mine", (Decision("a", ("x", "y")),), sketch=sketch)
    with pytest.raises(GeniusError, match="the sketch of mine failed on \\[0\\]: ValueError: no layer"):
        Drawing(space, []).draw(Candidate(1, 1, architecture=(0,)), [])


def test_a_space_of_values_sketches_by_values():
    layers = lambda values: ChainSketch([Layer("linear", values["width"], decisions=(0,))])  # noqa: E731
    space = SearchSpace("mine", (Decision("width", (16, 32)),), sketch=layers)
    assert "linear 32" in str(Drawing(space, []).draw(Candidate(1, 1, architecture=(1,)), []))


def test_far_worse_values_do_not_hide_the_others():
    assert telling([90.0, 91.0, 92.0, 93.0, 10.0], higher=True) == (90.0, 93.0)
    assert telling([1.0, 1.1, 1.2, 1.3, 50.0], higher=False) == (1.0, 1.3)
    assert telling([90.0, 91.0, 92.0, 93.0, 94.0], higher=True) is None
    assert telling([90.0, 10.0], higher=True) is None


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [1e-9, 1e9], [-5.0, 5.0], [1e15, 1e15 + 1]])
def test_charts_of_odd_values_can_be_drawn(values):
    points = [(float(at), value) for at, value in enumerate(values, start=1)]
    for log in (False, True):
        shown = [(x, abs(y) + 1e-9) for x, y in points] if log else points
        drawn = chart([Plot("a", shown, "steps")], Side("n", whole=True), Side("y", log=log), "a chart")
        ElementTree.fromstring(str(drawn))
    assert chart([Plot("a", [])], Side("n"), Side("y"), "empty") is None
