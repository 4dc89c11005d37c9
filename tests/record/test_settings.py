"""Settings in groups: one description of each, read from flat keywords, from paths and from files."""

import json
from dataclasses import fields
from typing import Any, get_type_hints

import genius
import pytest
from genius.record.files import BrokenRun
from genius.record.settings import (
    OPTIONS,
    LimitSettings,
    LLMSettings,
    LoopSettings,
    Options,
    Settings,
    TrainingSettings,
    by_path,
    read_file,
    read_set,
)
from genius.training.recipes import RECIPE_FIELDS

FULL = Settings(
    space="digits",
    proposer="model",
    llm=LLMSettings(models=("local", "openai:m"), options={"top_p": 0.9, "extra_body": {"k": [1, None]}}, price=(1, 2)),
    limits=LimitSettings(flops=(None, 7e6), convention="thop"),
    training=TrainingSettings(data="digits", recipe_changes=("lr=0.2",), memory="20G"),
    loop=LoopSettings(iterations=3, seed=5),
)


def test_every_setting_has_one_home_one_default_and_one_line():
    names = [option.name for option in OPTIONS.values() if not option.about.hidden]
    assert len(set(names)) == len(names)
    flags = [option.flag for option in OPTIONS.values() if not option.about.hidden]
    assert len(set(flags)) == len(flags)
    for group in (LLMSettings, LimitSettings, TrainingSettings, LoopSettings):
        prefix = next(field.name for field in fields(Settings) if field.default_factory is group)
        assert {f"{prefix}.{field.name}" for field in fields(group)} <= set(OPTIONS)
    assert all(option.about.doc[-1] in ".?" for option in OPTIONS.values())


def test_the_keywords_of_python_are_the_settings():
    shown = {option.name for option in OPTIONS.values() if option.group and not option.about.hidden}
    assert set(get_type_hints(Options)) | {"llm"} == shown | {"command"}
    assert all(OPTIONS[path].about.doc in (Options.__doc__ or "") for path in ("llm.timeout", "loop.seed"))


def test_what_is_written_is_read_again(tmp_path):
    FULL.check().save(tmp_path)
    assert Settings.load(tmp_path).changed({"run": FULL.run}) == FULL
    assert Settings.load(tmp_path).run.id == FULL.run.id
    held = json.loads((tmp_path / "search.json").read_text())
    assert held["version"] == 2
    assert held["limits"]["flops"] == ["-", "7000000"]
    assert held["llm"]["options"] == {"top_p": 0.9, "extra_body": {"k": [1, None]}}


@pytest.mark.parametrize("versions", [{"genius-nas": "0.1.0"}, {}, None, 7])
def test_a_flat_file_of_an_earlier_version_is_refused_in_one_sentence(tmp_path, versions):
    flat = {"space": "digits", "proposer": "random", "iterations": 3, "timeout": 600.0, "versions": versions}
    (tmp_path / "search.json").write_text(json.dumps(flat))
    with pytest.raises(BrokenRun) as refused:
        genius.read(tmp_path)
    by = "version 0.1.0" if versions == {"genius-nas": "0.1.0"} else "an earlier version"
    assert f"search.json cannot be read: {by} of this package wrote its settings in one flat list" in str(refused.value)
    with pytest.raises(genius.GeniusError, match="wrote its settings in one flat list"):
        read_file(tmp_path / "search.json")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"when_done": "no"}, "when-done must be 'stop' or 'ask', got 'no'"),
        ({"flops": ("1M",)}, "flops"),
        ({"llm_options": ["top_p"]}, "NAME=VALUE"),
        ({"temperature": float("nan")}, "temperature must be at most 2"),
    ],
)
def test_a_flat_option_is_checked_by_the_name_that_its_user_knows(options, words):
    with pytest.raises(genius.GeniusError, match=words):
        by_path(options)


async def test_an_unknown_keyword_is_a_type_error_that_names_the_nearest():
    options: dict[str, Any] = {"iteration": 3}
    with pytest.raises(TypeError, match="no option 'iteration': did you mean 'iterations'"):
        await genius.search("digits", proposer="random", **options)


# --- by path


@pytest.mark.parametrize(
    ("given", "path", "value"),
    [
        ("llm.timeout=60", "llm.timeout", 60.0),
        ("loop.order=time", "loop.order", "time"),
        ("loop.trace=no", "loop.trace", False),
        ("loop.advice=true", "loop.advice", True),
        ("loop.seed=none", "loop.seed", None),
        ("llm.max_tokens=null", "llm.max_tokens", None),
        ("llm.reasoning_effort=low", "llm.reasoning_effort", "low"),
        ("training.memory=20", "training.memory", "20"),
        ("training.on=ray:auto", "training.on", "ray:auto"),
        ("limits.flops=270M 330M", "limits.flops", ("270M", "330M")),
        ("limits.flops=[270M, 330M]", "limits.flops", ("270M", "330M")),
        ('limits.params=["-", 7e6]', "limits.params", ("-", "7000000")),
        ("llm.price=2.5,10", "llm.price", (2.5, 10.0)),
        ("llm.models=replay:my recording.json", "llm.models", ("replay:my recording.json",)),
        ('llm.models=["openai:a", "local"]', "llm.models", ("openai:a", "local")),
        ("llm.options.top_k=5", "llm.options", {"top_k": 5}),
        ("llm.options.stop=yes", "llm.options", {"stop": "yes"}),
        ("training.recipe=digits", "training.recipe", "digits"),
        ("training.recipe.name=digits", "training.recipe", "digits"),
        ("training.recipe.lr=0.2", "training.recipe_changes", ("lr=0.2",)),
        ("lr=0.2", "training.recipe_changes", ("lr=0.2",)),
        ("batch=8", "training.recipe_changes", ("batch=8",)),
        ("training.batch=8", "training.batch", 8),
    ],
)
def test_a_setting_is_changed_by_its_path(given, path, value):
    assert read_set([given], Settings(), RECIPE_FIELDS) == {path: value}


def test_changes_add_to_each_other_and_to_what_is_there():
    given = ["lr=0.3", "epochs=2", "epochs=4", "llm.options.top_k=5", "llm.options.top_p=1"]
    settings = FULL.changed(read_set(given, FULL, RECIPE_FIELDS))
    assert settings.training.recipe_changes == ("lr=0.3", "epochs=4")
    assert settings.llm.options == {"top_p": 1, "extra_body": {"k": [1, None]}, "top_k": 5}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("llm.timout=60", r"there is no setting 'llm\.timout'; did you mean llm\.timeout\?"),
        ("lim.timeout=60", r"did you mean llm\.timeout\?"),
        ("timeout=60", r"there is no setting 'timeout'; did you mean llm\.timeout\?"),
        ("max-cost=5", r"did you mean loop\.max_cost\?"),
        ("lrr=0.2", r"there is no setting 'lrr'; did you mean lr\?"),
        ("zzzz=1", "there is no setting 'zzzz'; the settings are: "),
        ("llm.timeout", "a setting is changed as in llm.timeout=60"),
        ("llm.timeout=soon", "llm.timeout must be a number, got 'soon'"),
        ("llm.timeout=-5", "llm.timeout must be more than 0, got -5"),
        ("loop.order=tme", "loop.order must be 'best' or 'time', got 'tme'"),
        ("loop.trace=maybe", "loop.trace must be true or false, got 'maybe'"),
        ("loop.iterations=1.5", "loop.iterations must be a whole number, got 1.5"),
        ("run.id=x", r"there is no setting 'run\.id'"),
        ("llm.options=5", "llm.options must be an object, got 5"),
        ("llm=local", r"did you mean llm\.models\?"),
        ("limits.flops=3M", r"limits\.flops"),
        ("\x1b[2J=1", "there is no setting"),
    ],
)
def test_a_change_that_cannot_be_made_is_one_line_with_the_nearest_name(given, words):
    with pytest.raises(genius.GeniusError, match=words) as refused:
        read_set([given], Settings(), RECIPE_FIELDS)
    assert str(refused.value).isprintable()


# --- files

YAML = """\
space: nas-bench-macro
llm:
  models: [openai:m]
  timeout: 1e2
  options: {top_p: 0.9}
limits:
  flops: [-, 60M]
training:
  recipe: {name: digits, lr: 1e-2, nesterov: false}
loop: {iterations: 3, order: time}
"""


def test_a_file_of_settings_is_yaml_or_json(tmp_path):
    (tmp_path / "my.yaml").write_text(YAML)
    settings = read_file(tmp_path / "my.yaml")
    assert (settings.space, settings.llm.models, settings.llm.timeout) == ("nas-bench-macro", ("openai:m",), 100.0)
    assert (settings.limits.flops, settings.llm.options) == (("-", "60M"), {"top_p": 0.9})
    assert (settings.loop.iterations, settings.loop.order) == (3, "time")
    assert settings.training.recipe == "digits"
    assert settings.training.recipe_changes == ("lr=0.01", "nesterov=false")


def test_a_runs_own_file_is_one(tmp_path):
    FULL.save(tmp_path)
    settings = read_file(tmp_path / "search.json")
    assert settings.changed({"run": FULL.run}) == FULL
    assert settings.run.id != FULL.run.id


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("llm: {timout: 3}", r"there is no setting 'llm\.timout'; did you mean llm\.timeout\?"),
        ("lop: {iterations: 3}", "there is no setting 'lop'; did you mean loop"),
        ("iterations: 3", r"there is no setting 'iterations'; did you mean loop\.iterations\?"),
        ("loop: 3", "loop must be a group of settings"),
        ("loop: {iterations: many}", "loop.iterations must be a whole number, got 'many'"),
        ("- 3", "a file of settings holds the groups"),
        ("", "a file of settings holds the groups"),
        ("version: 3\nspace: digits", "this one reads 2"),
        ("loop: {iterations: 3", "line 1: "),
        ("a: &a [x, x]\nb: [*a, *a]", "alias"),
        ("space: digits\nspace: other", "'space' twice"),
        ("space: !!python/object/apply:os.system [true]", "line 1: could not determine"),
        ("[" * 5_000, "nested too deeply"),
        ("space: " + "x" * 1_000_000, "more than 1,000,000 bytes"),
        ("space: \x00", "no YAML"),
        ("? [a, b]\n: 3", "a name is a list"),
        ("? {a: b}\n: 3", "my.yaml"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path, text, words):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(genius.GeniusError, match=words) as refused:
        read_file(tmp_path / "my.yaml")
    assert "my.yaml" in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "llm: {models: [local], options: {api_key: hush-hush}}",
        "llm: {models: ['openai:m@https://me:hush-hush@h/v1']}",
        "llm: {models: ['openai:m'], base_url: 'https://h/v1?key=hush-hush'}",
        "llm: {api_key: hush-hush}",
    ],
)
async def test_a_file_with_a_secret_is_refused_and_not_quoted(tmp_path, text):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(genius.GeniusError) as refused:
        await genius.search("nas-bench-macro", settings=tmp_path / "my.yaml", run=tmp_path / "run")
    assert "hush" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(genius.GeniusError, match=r"nothing\.yaml cannot be read: No such file"):
        read_file(tmp_path / "nothing.yaml")
