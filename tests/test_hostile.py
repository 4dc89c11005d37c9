"""Text of strangers at every place where it reaches a terminal, a report or a picture."""

import ast
import asyncio
import csv
import io
import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from genius.agents.human import human_proposer
from genius.bench import pictures, report
from genius.bench.across import overall
from genius.bench.bench import Bench
from genius.bench.plan import Plan
from genius.bench.scores import Scores, rows
from genius.bench.task import Task
from genius.cli import benching, main
from genius.cli.options import console as console_of_the_command_line
from genius.errors import GeniusError
from genius.graph.progress import Progress
from genius.record.candidate import Candidate, Refusal
from genius.record.measurement import Measurement
from genius.record.result import SearchResult, TrialResult, Usage
from genius.record.search_picture import draw
from genius.record.settings import LLMSettings, LoopSettings, Settings
from genius.report.display import Display
from genius.report.show import print_tables
from rich.console import Console

HOSTILE = {
    "closing tag": "Architecture: [/2, 1, 0, 0, 0]",
    "closing a style": "boom [/bold]",
    "opening a style": "[none, skip_connect] [red]",
    "link": "[link=http://evil]here[/link]",
    "emoji code": ":bomb:",
    "colour": "\x1b[31;46mred",
    "clipboard": "\x1b]52;c;aGVsbG8=\x07",
    "terminal link": "\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\",
    "8-bit escape": "\x9b31m",
    "bell, backspace, return": "good\x07\x08\x08\rbad",
    "null": "\x00",
    "direction": "\u202elive\u2066",
    "zero width": "a\u200bb\ufeffc",
    "line separators": "a\u2028b\u2029c\x85d",
    "line break": "bad\nbest: [2, 2, 2] 100%",
    "lone surrogate": "\ud800",
    "wide": "中文😀",
    "formula": "$\\frac{$ and \\$ $",
    "table": "a | b | <script>alert(1)</script> `c` *d* [e](f)",
    "sheet": "=cmd|'/C calc'!A0",
    "underscore": "_hidden",
    "long": "x" * 5_000,
}
OWN = re.compile(r"\r?\x1b\[[0-9;?]*[A-Za-z]")  # what rich itself writes: colours, and moves of the cursor
SEEN = ("boom [/bold]", "[none, skip_connect] [red]", "[link=http://evil]here[/link]", ":bomb:", "[/2, 1, 0, 0, 0]")


def check(printed: str, text: str) -> None:
    """Hold that a text was printed as text, and that nothing else of it came through."""
    assert "\x1b[31;46m" not in printed
    left = OWN.sub("", printed)
    assert left.replace("\n", "").isprintable(), ascii(left)
    left.encode()
    joined = "".join(left.split())
    for words in SEEN:
        assert words not in text or "".join(words.split()) in joined
    assert not [line for line in left.splitlines() if line.startswith("best: [2, 2, 2] 100%")]


@pytest.fixture(params=HOSTILE, name="text")
def _text(request):
    return HOSTILE[request.param]


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def console(request):
    """Give a console as anybody makes one, with markup on; it wraps no line, which might begin with any word."""
    return Console(file=io.StringIO(), force_terminal=request.param, width=2_000)


def failed(text: str, **more: object) -> Candidate:
    return Candidate(1, 1, architecture=(0, 1), error=text, measurement=Measurement(error=text), **more)


@pytest.mark.parametrize("live", [True, False])
def test_progress(text, live, console):
    candidate = failed(text, rationale=text)
    with Display(console, 10, live=live, model="openai:m") as display:
        for step in (
            Progress("waiting", Candidate(1, 1), note=text),
            Progress("training", candidate),
            Progress("finished", candidate),
            Progress("waiting", Candidate(1, 2), note=text),
        ):
            display(step)
            if display._live:
                display._live.refresh()
    check(console.file.getvalue(), text if console.is_terminal and live else text[:300])


def result_of(text: str, run: Path, *, measured: bool = True) -> SearchResult:
    measurement = Measurement(50.0, rank=3, seconds=5.0, device=text)
    found = [Candidate(1, 2, architecture=(1, 1), measurement=measurement)] if measured else []
    candidates = [failed(text, refusals=(Refusal(text, text),), rationale=text), *found]
    settings = Settings(space=text, proposer="model", llm=LLMSettings(models=(text,)), loop=LoopSettings(iterations=3))
    return SearchResult(run, settings, [TrialResult(1, candidates, Usage(1, 1, 1))])


@pytest.mark.parametrize("measured", [True, False])
def test_results(text, measured, console, tmp_path):
    print_tables(result_of(text, tmp_path, measured=measured), console, reasons=True)
    printed = console.file.getvalue()
    check(printed, text)
    assert measured or "nothing was measured: the last reason is: " in OWN.sub("", printed)


def test_results_of_several_trials(text, console, tmp_path):
    one = result_of(text, tmp_path)
    print_tables(SearchResult(tmp_path, one.settings, [one.trials[0], one.trials[0]]), console)
    check(console.file.getvalue(), text)


def test_long_errors_are_cut(console, tmp_path):
    candidate = failed("x" * 100_000)
    with Display(console, 10, live=False) as display:
        display(Progress("waiting", candidate, note="y" * 100_000))
        display(Progress("finished", candidate))
    print_tables(
        SearchResult(tmp_path, Settings(space="s", proposer="random"), [TrialResult(1, [candidate], Usage())]), console
    )
    assert len(console.file.getvalue()) < 4_000


def test_errors(text, monkeypatch, capsys):
    def fail(run):
        raise GeniusError(text)

    monkeypatch.setattr("genius.record.result.read", fail)
    monkeypatch.setattr(sys, "argv", ["genius", "show", "run"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    printed = capsys.readouterr()
    check(printed.err, text)
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize("arguments", [("show",), ("cost", "nas-bench-macro"), ("search",), ("bench",), ()])
def test_arguments(text, arguments, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genius", *arguments, text[:200]])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    printed = capsys.readouterr()
    check(printed.out + printed.err.removesuffix("\n"), "")


def test_the_prompt_of_a_person(text, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("[1]\n"))
    assert asyncio.run(human_proposer()([{"role": "user", "content": text}], [])) == "[1]"
    printed = capsys.readouterr().err
    check(printed.replace("\nbest: [2, 2, 2] 100%", ""), text)


def bench_of(text: str, folder: Path) -> Bench:
    """Give a bench of two proposers on a task, all with hostile names."""
    task, values = Task(text, pool=f"{text} %"), np.array([[3.0, 2.0], [4.0, 1.0]])
    scores = [
        Scores(task, proposer, values, values, values, values, values, False) for proposer in (text, f"other {text}")
    ]
    plan = Plan([task], [text, f"other {text}"], seeds=2, iterations=2)
    return Bench(
        plan,
        rows(scores, [2]),
        scores,
        overall(plan, scores, [2]),
        [],
        [f"{text}: the table holds one accuracy"],
        folder,
        f"genius {text}",
    )


def test_reports(text, tmp_path):
    found = bench_of(text, tmp_path)
    markdown = found.to_markdown()
    check(markdown.replace("\\", ""), "")
    assert "<script" not in markdown
    table = [re.sub(r"\\.", "", line).count("|") for line in markdown.splitlines() if line.startswith("|")]
    assert set(table) == {4, 11}
    lines = list(csv.reader(io.StringIO(report.to_csv(found.rows))))
    assert {len(line) for line in lines} == {31}
    for line in lines[1:]:
        assert not line[2].startswith(("=", "+", "-", "@"))
        assert [float(cell) for cell in line[6:] if cell]
    check(report.to_csv(found.rows), "")
    assert json.loads(json.dumps(found.to_json()))["against"] == text


def test_the_printed_bench(text, console, monkeypatch, tmp_path):
    monkeypatch.setattr(benching, "console", lambda **_: console)
    benching._print(bench_of(text, tmp_path))
    check(console.file.getvalue(), text)


def test_pictures(text, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw(result_of(text, tmp_path), tmp_path).read_bytes().startswith(b"\x89PNG")
        assert len(pictures.draw_pictures(bench_of(text, tmp_path).scores, tmp_path)) == 2


def test_a_label_shows_what_stands_in_it():
    from matplotlib.figure import Figure

    figure = Figure()
    pictures._curve(figure.subplots(), bench_of("_my $x$ | 中", Path()).scores[0], np.ones((2, 2)), "C0", 0.1)
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == [r" _my \$x\$ | \u4e2d"]


def test_a_run_folder_of_a_stranger(text, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "1000")  # else a long path decides which word begins a line
    result = result_of(text, tmp_path)
    result.settings.save(tmp_path)
    lines = [candidate.to_json() for candidate in result.trials[0].candidates]
    (tmp_path / "candidates.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for arguments in (["show", str(tmp_path)], ["show", str(tmp_path), "--json"]):
        monkeypatch.setattr(sys, "argv", ["genius", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        refused = text in (HOSTILE["null"], HOSTILE["lone surrogate"], HOSTILE["long"])  # no names, and no JSON
        assert (end.value.code, printed.err.count("\n"), printed.err == "") == (
            (2, 1, False) if refused else (0, 0, True)
        )
        check(printed.out + printed.err.removesuffix("\n"), "")


def test_a_run_folder_names_no_module_that_is_imported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "payload.py").write_text("raise SystemExit('the code of a stranger ran')")
    (tmp_path / "run").mkdir()
    result = result_of("payload:SPACE", tmp_path / "run")
    result.settings.save(tmp_path / "run")
    lines = [Candidate(1, n, architecture=(n,), measurement=Measurement(50.0)).to_json() for n in range(1, 5)]
    (tmp_path / "run" / "candidates.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(sys, "argv", ["genius", "show", "run"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "the space is one's own" in " ".join(capsys.readouterr().out.split())


ROOT = Path(__file__).parents[1]
PRINTS = {"cli/streams.py", "cli/__init__.py", "cli/asking.py", "agents/human.py"}


@pytest.mark.parametrize(("call", "allowed"), [("print", PRINTS), ("Console", {"cli/options.py"})])
def test_nothing_is_printed_but_at_places_that_make_it_harmless(call, allowed):
    found = set()
    for path in (path for folder in ("agents", "graph", "bench", "cli") for path in (ROOT / folder).glob("*.py")):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        found |= {str(path.relative_to(ROOT)) for name in calls if isinstance(name, ast.Name) and name.id == call}
    assert found <= allowed


def test_the_consoles_of_the_command_line_take_text_as_it_is(capsys):
    for stderr in (True, False):
        console_of_the_command_line(stderr=stderr).print("[red] [/2] :bomb:")
    assert capsys.readouterr() == ("[red] [/2] :bomb:\n", "[red] [/2] :bomb:\n")


@pytest.mark.parametrize("width", [20, 1])
def test_a_narrow_terminal_cuts_no_number(width, tmp_path):
    narrow = Console(file=io.StringIO(), force_terminal=True, width=width)
    with Display(narrow, 10, live=True) as display:
        display(Progress("finished", Candidate(1, 1, architecture=(1, 1), measurement=Measurement(50.0))))
    print_tables(result_of("text", tmp_path), narrow)
    joined = "".join(OWN.sub("", narrow.file.getvalue()).split())
    assert width == 1 or "50.00" in joined
