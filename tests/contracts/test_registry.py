"""The door for plug-ins: what holds for every kind."""

import importlib.metadata
import subprocess
import sys
import warnings

import pytest
from genius.agents.baselines import PROPOSERS
from genius.agents.calling import CALLBACKS
from genius.errors import GeniusError, GeniusWarning
from genius.evaluators.measures import MEASURES
from genius.graph.measuring import EVALUATORS
from genius.graph.pool import POOLS
from genius.plugins import Plugins
from genius.spaces import SPACES
from genius.spaces.objective import OBJECTIVES
from genius.tables.published import TABLES
from genius.trackers import TRACKERS
from genius.training.data import DATA
from genius.training.recipes import RECIPES

from .conftest import INSTALLED, install

KINDS = {
    one.kind: one
    for one in (SPACES, OBJECTIVES, PROPOSERS, EVALUATORS, DATA, RECIPES, POOLS, TABLES, CALLBACKS, MEASURES, TRACKERS)
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
OWN = {
    "space": "mine:SPACE",
    "objective": "mine:LATENCY",
    "proposer": "mine:propose",
    "evaluator": "scores:evaluate",
    "data set": "mine:PHOTOS",
    "recipe": "mine:RECIPE",
    "pool": "mine:Subprocesses",
    "table": "mine:TABLE",
    "callback": "mine:SINK",
    "measure": "mine:energy",
    "tracker": "mine:Lines",
}


def test_there_is_a_package_for_every_kind():
    assert sorted(INSTALLED) == sorted(one.group for one in KINDS.values())
    assert KINDS.keys() == OWN.keys()


@EVERY_KIND
def test_it_finds_what_is_built_in_by_its_name(kind):
    for name in kind:
        assert kind.find(name) is kind.known(name) is kind[name]


@EVERY_KIND
def test_it_finds_one_s_own_by_module_and_name_and_what_a_package_brings(kind):
    (installed,) = INSTALLED[kind.group]
    assert kind.find(OWN[kind.kind]) is not None
    assert kind.find(installed) is not None
    assert kind.known(installed) is not None
    assert installed in kind.names()


@EVERY_KIND
def test_one_s_own_is_not_imported_to_be_known(kind, plugins, monkeypatch):
    (plugins / "boom.py").write_text("raise AssertionError('imported')\n")
    assert kind.known("boom:ANY") is None
    with pytest.raises(
        GeniusError, match=rf"there is no {kind.kind} 'boom:ANY': AssertionError: imported \(boom.py:1\)"
    ):
        kind.find("boom:ANY")


@EVERY_KIND
def test_an_unknown_name_is_refused_with_the_names_that_there_are(kind):
    with pytest.raises(GeniusError) as failure:
        kind.find("nothing-like-it")
    words = str(failure.value)
    assert words.startswith(f"there is no {kind.kind} 'nothing-like-it'; the {kind.kind}s are: {kind.names()[0]}, ")
    assert all(name in words for name in (*kind, *INSTALLED[kind.group], "MODULE:NAME"))


@EVERY_KIND
@pytest.mark.parametrize("name", ["mine:NOTHING", "mine:TEXT"])
def test_what_is_of_another_kind_is_refused_in_one_sentence(kind, name):
    with pytest.raises(GeniusError, match=rf"^{name} is not (a|an) .*, but "):
        kind.find(name)


@EVERY_KIND
@pytest.mark.parametrize("name", ["nowhere:X", "mine:nowhere", "mine:", ":X", ".mine:X", "mine:SPACE.nothing"])
def test_what_cannot_be_imported_is_refused_in_one_sentence(kind, name):
    with pytest.raises(GeniusError, match=f"^there is no {kind.kind} '{name}': "):
        kind.find(name)


@EVERY_KIND
def test_a_broken_package_is_named_and_hinders_no_other(kind, plugins, tmp_path):
    install(plugins, "broken", {kind.group: {"broken-one": "nowhere:X"}})
    (installed,) = INSTALLED[kind.group]
    assert {"broken-one", installed} <= set(kind.names())
    assert kind.find(installed) is not None
    expected = rf"the {kind.kind} 'broken-one' of the package broken cannot be loaded: ModuleNotFoundError"
    with pytest.raises(GeniusError, match=expected):
        kind.find("broken-one")


@EVERY_KIND
def test_an_entry_point_of_another_kind_is_refused(kind, plugins):
    install(plugins, "odd", {kind.group: {"odd-one": "mine:TEXT"}})
    with pytest.raises(
        GeniusError, match=rf"^the {kind.kind} 'odd-one' of the package odd is not (a|an) .*, but the str"
    ):
        kind.find("odd-one")


def test_entry_points_that_cannot_be_read_are_told_of_and_hinder_no_other(plugins):
    install(plugins, "torn", {})
    (plugins / "torn-1.0.dist-info" / "entry_points.txt").write_bytes(b"[genius.spaces]\n\xff\xfe = x:y\n")
    with pytest.warns(GeniusWarning, match="the entry points of the package torn cannot be read"):
        assert SPACES.find("tiny-space").name == "mine"


def test_a_name_that_two_packages_bring_is_refused_and_a_built_in_one_stays(plugins):
    install(plugins, "rival", {"genius.spaces": {"tiny-space": "mine:GREY", "digits": "mine:GREY"}})
    with pytest.raises(
        GeniusError, match=r"several packages bring a space 'tiny-space', (rival and tiny|tiny and rival)"
    ):
        SPACES.find("tiny-space")
    assert SPACES.find("digits") is SPACES["digits"]


def test_the_same_package_at_two_places_is_one(plugins, tmp_path, monkeypatch):
    install(tmp_path / "again", "tiny", INSTALLED)
    monkeypatch.syspath_prepend(str(tmp_path / "again"))
    assert SPACES.find("tiny-space").name == "mine"


def test_what_lies_in_the_current_folder_is_no_package(plugins, tmp_path, monkeypatch):
    here = tmp_path / "unpacked"
    install(here, "stranger", {"genius.spaces": {"strange": "mine:SPACE"}})
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.syspath_prepend("")
    assert "stranger" in {one.metadata["Name"] for one in importlib.metadata.distributions()}
    assert "strange" not in SPACES.names()


def test_listing_loads_no_package(plugins):
    code = "import sys\nfrom genius.spaces import SPACES\nassert 'tiny-space' in SPACES.names()\n"
    code += "assert 'mine' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_value_of_this_process_is_registered_under_a_new_name():
    kind = Plugins("toy", {"built-in": 1}, lambda value: value if isinstance(value, int) else None, "a whole number")
    kind.register("mine", 2)
    assert (kind.find("mine"), kind.known("mine"), kind.names()) == (2, 2, ["built-in", "mine"])
    assert list(kind) == ["built-in"]
    for name in ("built-in", "mine", "", "a:b"):
        with pytest.raises(GeniusError, match="must be new and without a colon"):
            kind.register(name, 3)
    with pytest.raises(GeniusError, match="other is not a whole number, but the str 'text'"):
        kind.register("other", "text")


def test_an_unknown_name_of_a_kind_without_any_is_refused_with_the_form_of_one_s_own():
    kind = Plugins("toy", {}, lambda value: value, "a toy")
    with pytest.raises(GeniusError, match=r"^there is no toy 'x': name your own as MODULE:NAME or FILE\.py:NAME$"):
        kind.find("x")


def test_no_warning_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SPACES.names()
