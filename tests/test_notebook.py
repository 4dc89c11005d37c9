"""Results and progress in notebooks: HTML, data frames, axes, and the example, run by a kernel."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import genius
import pytest
from genius.errors import GeniusError
from genius.graph.progress import Progress
from genius.record.candidate import Candidate
from genius.report.notebook_display import NotebookDisplay, as_html, live

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook.ipynb"
SPACE = {"width": [1, 2, 4], "<b>bold</b>": ["<i>x</i>", "&amp;"]}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e"


class Tags(HTMLParser):
    """Gathers the tags of a page, and its text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_data(self, data):
        self.text += data


def read(page):
    found = Tags()
    found.feed(page)
    return found


async def searched(tmp_path, **more):
    def propose(prompt, history):
        option = ["<i>x</i>", "&amp;"][len(history) // 3]
        return f'{EVIL}\nArchitecture: {{"width": {[1, 2, 4][len(history) % 3]}, "<b>bold</b>": "{option}"}}'

    def evaluate(config):
        if config["width"] == 2:
            raise ValueError(EVIL)
        return {"score": float(config["width"]), "size": 2.0}

    asked = {"space": SPACE, "proposer": propose, "evaluator": evaluate, "objectives": ["score", "size:lower"]}
    return await genius.search(**asked, iterations=6, run=tmp_path / "run", **more)


async def test_a_result_is_html_in_which_all_words_are_escaped(tmp_path):
    result = await searched(tmp_path)
    page = read(result._repr_html_())
    assert page.tags == {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>alert(1)</script>" in page.text
    assert "&amp;" in page.text
    assert "best: {width: 4, <b>bold</b>: <i>x</i>}, 4.000, trial 1, iteration 3" in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    assert result._repr_html_().count("<tr") == 7


async def test_a_long_result_shows_its_latest_iterations(tmp_path):
    space = {"width": list(range(60))}
    result = await genius.search(space, evaluator=lambda _: 1.0, proposer="random", iterations=30, run=tmp_path / "r")
    page = read(result._repr_html_())
    assert "10 earlier iterations" in page.text
    assert result._repr_html_().count("<tr") == 21


async def test_a_result_is_a_frame(tmp_path):
    pytest.importorskip("pandas", reason="pandas is not installed: pip install 'genius-nas[notebook]'")
    frame = (await searched(tmp_path)).to_frame()
    assert list(frame["iteration"]) == [1, 2, 3, 4, 5, 6]
    assert list(frame["width"]) == [1, 2, 4, 1, 2, 4]
    assert frame["value"].isna().tolist() == [False, True, False, False, True, False]
    assert frame["error"].notna().sum() == 2
    assert frame["architecture"][0] == (0, 0)
    assert "flops" in frame.attrs["units"]


async def test_without_pandas_the_frame_names_it(tmp_path, monkeypatch):
    result = await searched(tmp_path)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(GeniusError, match=r"genius-nas\[notebook\]"):
        result.to_frame()


async def test_a_result_is_drawn_on_axes(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (panel,) = (await searched(tmp_path)).plot()
    assert panel.get_ylabel() == "score"
    assert panel.figure.get_suptitle() == "space, propose, seed 0"


def test_nothing_is_drawn_where_nothing_was_measured(tmp_path):
    from genius.record.result import SearchResult

    with pytest.raises(GeniusError, match="nothing feasible was measured"):
        SearchResult(tmp_path, genius.Settings(), []).plot()


class Handle:
    def __init__(self):
        self.pages = []

    def update(self, page):
        self.pages.append(page.data)


async def test_progress_is_one_page_that_is_updated(tmp_path, monkeypatch):
    shown = pytest.importorskip("IPython.display", reason="IPython is not installed")
    handle, ids = Handle(), []
    monkeypatch.setattr(shown, "display", lambda page, display_id: (ids.append(display_id), handle)[1])
    await searched(tmp_path, progress=NotebookDisplay(model="m"))
    assert ids == [True]
    assert len(handle.pages) >= 5
    page = read(handle.pages[-1])
    assert page.tags <= {"pre", "span"}
    assert "6/6" in page.text
    assert "<img src=x onerror=alert(1)>" in page.text


def test_the_view_escapes():
    display = NotebookDisplay(model="m")
    step = Progress("waiting", Candidate(1, 1), note=EVIL)
    display._steps[1] = step
    page = as_html(display._view())
    assert "<script" not in page
    assert "\x1b" not in page


async def test_outside_a_notebook_progress_is_lines(tmp_path, capsys):
    await searched(tmp_path, progress=live())
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(r"^trial 1, iteration 6/6: .*, best 4", shown.err, re.MULTILINE)


def test_the_example_runs_in_a_kernel(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install nbclient ipykernel")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("pandas", reason="pandas is not installed: pip install 'genius-nas[notebook]'")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    _, search, result, frame, plot, resume = (cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    assert [each.output_type for each in search] == ["display_data"]
    assert "12/12" in read(search[0].data["text/html"]).text
    assert "12 iterations" in read(result[0].data["text/html"]).text
    assert "activation" in frame[0].data["text/html"]
    assert "image/png" in plot[-1].data
    assert resume[-1].data["text/plain"] == "15"
    assert "15/15" in read(resume[0].data["text/html"]).text
    assert json.loads(NOTEBOOK.read_text())["metadata"]["kernelspec"]["name"] == "python3"
