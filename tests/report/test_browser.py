"""The page in a browser: silent, asking nobody, with the keyboard, in the dark and in the light, narrow and wide."""

import pytest
from genius.report.page.rendering import render
from genius.report.page.run_page import gather_run

from ..browser import opened
from .runs import tried, write_run
from .test_page import TEXTS, of_strangers


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The file of a run's page: five experiments, of which one failed."""
    folder = tmp_path_factory.mktemp("page")
    values = (90.0, 92.0, None, 91.0, 93.0)
    made = [
        tried(at, (at % 3, 2) + (0,) * 6, value, error=None if value else "lost") for at, value in enumerate(values, 1)
    ]
    file = folder / "page.html"
    file.write_text(render([gather_run(write_run(folder / "r", made))]), "utf-8")
    return file


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("width", [400, 1_600])
def test_it_is_silent_and_fits(page, width, dark):
    with opened(page.as_uri(), width=width, dark=dark) as tab:
        tab.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
        ground, ink = tab.page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert lightness(ground) < 60 < 200 < lightness(ink) if dark else lightness(ink) < 60 < 200 < lightness(ground)
        assert (tab.said, tab.asked) == ([], [page.as_uri()])


def lightness(colour: str) -> float:
    """Return the mean of the channels of `rgb(…)`."""
    channels = [int(each) for each in colour.removeprefix("rgb(").rstrip(")").split(",")]
    return sum(channels) / len(channels)


def test_the_keyboard_opens_sorts_and_filters(page):
    with opened(page.as_uri()) as tab:
        rows, keys = tab.page.locator(".experiment"), tab.page.keyboard
        rows.first.locator("summary").first.focus()
        keys.press("Enter")
        assert rows.first.evaluate("each => each.open")
        tab.page.locator("button", has_text="best first").focus()
        keys.press("Enter")
        assert rows.evaluate_all("all => all.map(each => each.dataset.iteration)") == ["5", "2", "4", "1", "3"]
        tab.page.locator("button", has_text="failed or refused").focus()
        keys.press("Space")
        assert rows.evaluate_all("all => all.filter(each => !each.hidden).map(each => each.dataset.iteration)") == ["3"]
        reached = set()
        for _ in range(60):
            keys.press("Tab")
            reached.add(tab.page.evaluate("document.activeElement.localName"))
        assert {"a", "button", "summary"} <= reached
        assert tab.said == []


def test_a_point_of_a_chart_leads_to_its_experiment(page):
    with opened(page.as_uri()) as tab:
        tab.page.locator("svg.chart a").nth(1).click()
        assert tab.page.evaluate("document.querySelector('.experiment[open]').dataset.iteration") == "2"
        tab.page.goto(f"{page.as_uri()}#run1-trial1-iteration4")
        assert tab.page.evaluate("document.querySelectorAll('.experiment')[3].open")


def test_it_can_be_read_without_scripts_and_on_paper(page):
    with opened(page.as_uri(), scripts=False) as tab:
        tab.page.locator(".experiment summary").first.click()
        assert tab.page.locator(".experiment .body").first.is_visible()
        assert not tab.page.locator(".tools").first.is_visible()
        tab.page.emulate_media(media="print")
        assert not tab.page.locator("nav").first.is_visible()
        assert tab.page.locator("h1").is_visible()


def test_text_of_strangers_does_nothing_in_a_browser(tmp_path):
    runs = [gather_run(of_strangers(tmp_path / f"r{at}", text), at) for at, text in enumerate(TEXTS.values(), 1)]
    file = tmp_path / "page.html"
    file.write_text(render(runs), "utf-8")
    with opened(file.as_uri()) as tab:
        tab.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        tab.page.wait_for_timeout(200)
        assert tab.page.evaluate("window.hacked") is None
        assert (
            tab.page.evaluate("document.querySelectorAll('main script, img, iframe, object, form, main style').length")
            == 0
        )
        assert (tab.said, tab.asked) == ([], [file.as_uri()])
