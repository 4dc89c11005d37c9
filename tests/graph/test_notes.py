"""What a search makes of a model besides its proposals: starts and beliefs, a notebook, hints, design principles."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import genius
import pytest
from genius.agents.proposer import Form, Thinking
from genius.agents.reflection import surprise
from genius.graph.slots import Slots
from genius.record.call import Reply
from genius.record.files import BrokenRun
from genius.record.hints import HINT_LENGTH, HINTS_FILE, MOST_HINTS, shown_hints
from genius.record.history import History
from genius.record.journal import Journal
from genius.record.notebook import NOTEBOOK_FILE, NOTEBOOK_LENGTH, Beliefs, CostBelief, OptionBelief, PairBelief
from langgraph.checkpoint.memory import InMemorySaver

SPACE = genius.get_space("nas-bench-macro")
REGION = genius.Region(SPACE)
START = [2, 2, 2, 2, 2, 2, 2, 0]
BELIEFS = {
    "starts": [START],
    "options": [{"decision": "layer 8", "option": 0, "score": -1.5, "why": "a\x1b[31m late layer"}],
    "pairs": [
        {
            **{"decision": "layer 1", "option": 1, "other_decision": "layer 2", "other_option": 2},
            **{"score": 1, "why": "they agree"},
        }
    ],
    "costs": [{"cost": "flops", "score": 2, "why": ""}],
}
PRINCIPLES = {
    "principles": [
        {"principle": "Keep the last layer.", "options": [{"decision": "layer 8", "option": 2}]},
        {"principle": "Do not trust one run.", "options": []},
    ]
}


def architecture(number: int) -> list[int]:
    return [number // 3**place % 3 for place in reversed(range(8))]


class Model:
    """A model that answers each form as it is told, and notes what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"beliefs": json.dumps(BELIEFS), "principles": json.dumps(PRINCIPLES)}
        self.answers |= {"notebook": lambda n: f"Hypotheses: entry {n}"} | answers
        self.asked: list[tuple[str, str, int]] = []
        self.beliefs: list[Beliefs | None] = []
        self.prompts: list[str] = []

    def times(self, form: str) -> int:
        return sum(name == form for name, _, _ in self.asked)

    async def think(self, prompt: Sequence[Any], history: Sequence[genius.Candidate], form: Form) -> Reply:
        self.asked.append((form.name, prompt[0]["content"], len(history)))
        if form.name == "proposal":
            self.beliefs.append(History.of(history).beliefs)
            self.prompts.append(prompt[-1]["content"])
        answer = self.answers.get(form.name) or f"Architecture: {architecture(len(history) + 1)}"
        text = answer(self.times(form.name)) if callable(answer) else answer
        return (
            text if isinstance(text, Reply) else Reply(text, model="fake", input_tokens=10, output_tokens=5, cost=0.5)
        )

    @property
    def proposer(self) -> Thinking:
        return Thinking(self.think)


def evaluate(architecture: genius.Architecture) -> float:
    return 60.0 + sum(architecture) + 0.1 * architecture[0]


async def search(model: Model, run: Path, **options: Any) -> genius.SearchResult:
    asked = {"beliefs": True, "reflect_every": 2, "principles": True, "iterations": 5}
    return await genius.search(SPACE, proposer=model.proposer, evaluator=evaluate, run=run, **{**asked, **options})


async def resume(model: Model, run: Path, **options: Any) -> genius.SearchResult:
    return await genius.resume(run, proposer=model.proposer, evaluator=evaluate, space=SPACE, **options)


def lines(run: Path, file: str) -> list[dict[str, Any]]:
    path = run / file
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def agents(run: Path) -> list[str]:
    return [f"{call.get('agent', 'proposer')} {call['iteration']}" for call in lines(run, "calls.jsonl")]


# --- the whole of it


async def test_a_model_starts_reflects_and_concludes(tmp_path):
    model, run = Model(), tmp_path / "run"
    result = await search(model, run)
    assert result.finished
    expected = ["starter 1", "proposer 1", "proposer 2", "reflector 3", "proposer 3", "proposer 4", "reflector 5"]
    assert agents(run) == [*expected, "proposer 5", "concluder 6"]
    pages = result.trials[0].pages
    assert [(page.kind, page.iteration, page.author) for page in pages] == [
        ("beliefs", 1, "fake"),
        ("notebook", 3, "fake"),
        ("notebook", 5, "fake"),
        ("principles", 6, "fake"),
    ]
    assert [page["kind"] for page in lines(run, NOTEBOOK_FILE)] == ["beliefs", "notebook", "notebook", "principles"]
    beliefs = pages[0].beliefs
    assert beliefs == Beliefs(
        starts=(tuple(START),),
        options=(OptionBelief(7, 0, -1.5, "a\\x1b[31m late layer"),),
        pairs=(PairBelief((0, 1), (1, 2), 1.0, "they agree"),),
        costs=(CostBelief("flops", 2.0),),
        model="fake",
    )
    assert model.beliefs == [beliefs] * 5
    assert ["Hypotheses" in prompt for prompt in model.prompts] == [False, False, True, True, True]
    assert "entry 1" in model.prompts[3]
    assert "entry 2" in model.prompts[4]
    assert "entry 1" not in model.prompts[4]
    assert result.trials[0].usage.llm_calls == 9
    assert result.spent.cost == 4.5


async def test_the_reflector_is_told_of_the_experiments_and_of_what_is_left(tmp_path):
    model = Model()
    await search(model, tmp_path / "run")
    first, second = (prompt for form, prompt, _ in model.asked if form == "notebook")
    assert "2 evaluations are done, 3 are left" in first
    assert str(architecture(2)) in first
    assert "layer 8 = " in first  # what it believed
    assert "entry 1" not in first
    assert "entry 1" in second


async def test_principles_stand_beside_the_effects_of_the_surrogate(tmp_path):
    result = await search(Model(), tmp_path / "run")
    certain, general = result.trials[0].pages[-1].principles
    (option,) = certain.options
    assert (certain.text, option.decision, option.option) == ("Keep the last layer.", 7, 2)
    assert option.effect is not None
    assert option.sd > 0
    assert general.options == ()
    told = result.to_json()["notes"]["principles"]
    expected = {"decision": 7, "option": 2, "effect": option.effect, "sd": option.sd, "claim": None}
    assert told["principles"][0]["options"][0] == expected
    assert "by the surrogate" in told["text"]


async def test_a_plain_loop_asks_for_proposals_alone(tmp_path):
    model = Model()
    result = await search(model, tmp_path / "run", beliefs=None, reflect_every=None, principles=None)
    assert {form for form, _, _ in model.asked} == {"proposal"}
    assert not (tmp_path / "run" / NOTEBOOK_FILE).exists()
    assert "notes" not in result.to_json()


async def test_a_proposer_that_cannot_think_is_asked_for_proposals_alone(tmp_path):
    def propose(prompt, history):
        return f"Architecture: {architecture(len(history) + 1)}"

    options = {"beliefs": True, "reflect_every": 1, "principles": True, "iterations": 2, "run": tmp_path / "run"}
    result = await genius.search(SPACE, proposer=propose, evaluator=evaluate, **options)
    assert result.finished
    assert not result.trials[0].pages


async def test_a_baseline_has_no_beliefs(tmp_path):
    for option in ({"beliefs": True}, {"reflect_every": 3}, {"principles": True}):
        with pytest.raises(genius.GeniusError, match="guided asks no language model"):
            await genius.search(SPACE, proposer="guided", evaluator=evaluate, run=tmp_path / "run", **option)
    assert not (tmp_path / "run").exists()


# --- never twice


async def test_a_run_that_goes_on_is_asked_nothing_again(tmp_path):
    model, run = Model(), tmp_path / "run"
    await search(model, run, iterations=3)
    again = Model()
    result = await resume(again, run, iterations=5)
    assert [form for form, _, _ in again.asked] == ["proposal", "notebook", "proposal", "principles"]
    assert again.beliefs[0] == model.beliefs[0]
    assert "entry 1" in again.prompts[0]
    assert [page.iteration for page in result.trials[0].pages if page.kind == "principles"] == [4, 6]
    finished = Model()
    await resume(finished, run)
    assert finished.asked == []


async def test_a_fork_takes_the_notes_until_then(tmp_path):
    model, run = Model(), tmp_path / "run"
    await search(model, run)
    other = Model()
    result = await genius.fork(run, 3, to=tmp_path / "fork", proposer=other.proposer, evaluator=evaluate, space=SPACE)
    assert [form for form, _, _ in other.asked] == ["proposal", "notebook", "proposal", "principles"]
    assert other.beliefs[0] == model.beliefs[0]
    assert "entry 1" in other.prompts[0]
    assert [page.iteration for page in result.trials[0].pages] == [1, 3, 5, 6]


async def test_without_checkpoints_a_run_goes_on_from_its_journal(tmp_path):
    model, run = Model(), tmp_path / "run"
    await search(model, run, iterations=3)
    (run / "checkpoints.sqlite").unlink()
    again = Model()
    await resume(again, run, iterations=4)
    assert [form for form, _, _ in again.asked] == ["proposal", "principles"]
    assert again.beliefs == [model.beliefs[0]]
    assert "entry 1" in again.prompts[0]


async def test_principles_that_a_dead_server_withheld_are_asked_for_by_resume(tmp_path):
    def dead(number):
        raise RuntimeError("the machine is off")

    run = tmp_path / "run"
    with pytest.raises(Exception, match="the machine is off"):
        await search(Model(principles=dead), run)
    model = Model()
    result = await resume(model, run)
    assert [form for form, _, _ in model.asked] == ["principles"]
    assert result.trials[0].pages[-1].kind == "principles"


async def test_a_recording_says_all_of_it_again(tmp_path):
    run = tmp_path / "run"
    recorded = await search(Model(), run)
    options = {"beliefs": True, "reflect_every": 2, "principles": True, "iterations": 5, "run": tmp_path / "again"}
    replayed = await genius.search(SPACE, llm=f"replay:{run}", evaluator=evaluate, **options)
    assert [c.architecture for c in replayed.candidates] == [c.architecture for c in recorded.candidates]
    told, again = (
        [(page.kind, page.iteration, page.text, page.principles) for page in result.trials[0].pages]
        for result in (recorded, replayed)
    )
    assert told == again
    assert agents(tmp_path / "again") == agents(run)


# --- several trials, several workers, no folder, told values


async def test_trials_have_beliefs_and_notebooks_of_their_own(tmp_path):
    model = Model()
    result = await search(model, tmp_path / "run", trials=2, workers=2, iterations=3)
    for trial in result.trials:
        assert [page.kind for page in trial.pages] == ["beliefs", "notebook", "principles"]
    assert model.times("beliefs") == 2


async def test_several_workers_wait_for_nobody_and_reflect(tmp_path):
    model = Model()
    result = await search(model, tmp_path / "run", workers=3, iterations=8)
    assert len(result.candidates) == 8
    assert model.times("beliefs") == 1
    assert {page.iteration for page in result.trials[0].pages if page.kind == "notebook"} >= {5, 7}
    assert [page.iteration for page in result.trials[0].pages if page.kind == "principles"] == [9]


async def test_without_a_folder_the_state_holds_all_of_it():
    saver, states = InMemorySaver(), []
    models = [Model(), Model(), Model()]
    for model in models:  # three processes, one after the other
        async with Slots(1) as slots:
            context = genius.Context(
                REGION,
                model.proposer,
                evaluate,
                iterations=3,
                slots=slots,
                beliefs=True,
                reflect_every=1,
                principles=True,
            )
            config: Any = {"configurable": {"thread_id": "mine"}}
            states.append(await genius.build_graph(saver).ainvoke({}, config, context=context))
    assert [[form for form, _, _ in model.asked] for model in models] == [
        ["beliefs", "proposal"],
        ["notebook", "proposal"],
        ["notebook", "proposal", "principles"],
    ]
    assert models[2].beliefs == models[0].beliefs
    assert states[0]["beliefs"]["starts"] == [START]
    assert states[2]["notebook"] == "Hypotheses: entry 1"
    assert [page["kind"] for page in states[2]["pages"]] == ["beliefs", "notebook", "notebook", "principles"]
    after = Model()
    context = genius.Context(REGION, after.proposer, evaluate, iterations=3, beliefs=True, principles=True)
    await genius.build_graph(saver).ainvoke({}, config, context=context)
    assert after.asked == []


async def test_told_values_begin_and_end_alike(tmp_path):
    model, run = Model(), tmp_path / "run"
    options = {"iterations": 2, "beliefs": True, "reflect_every": 1, "principles": True, "run": run}
    for value in (1.0, 2.0):
        async with genius.open(SPACE, proposer=model.proposer, **options) as search:  # each by another process
            asked = await search.ask()
            await search.tell(asked, value)
    async with genius.open(SPACE, proposer=model.proposer, **options) as search:
        assert await search.ask() is None
        assert await search.ask() is None
        result = await search.result()
    assert [form for form, _, _ in model.asked] == ["beliefs", "proposal", "notebook", "proposal", "principles"]
    assert [page.kind for page in result.trials[0].pages] == ["beliefs", "notebook", "principles"]


# --- budget


@pytest.mark.parametrize(("most", "forms"), [(0.5, ["beliefs"]), (1.0, ["beliefs", "proposal"])])
async def test_a_budget_holds_for_every_call(tmp_path, most, forms):
    model = Model()
    result = await search(model, tmp_path / "run", max_cost=most, reflect_every=1)
    assert [form for form, _, _ in model.asked] == forms
    assert result.stopped


async def test_principles_are_not_asked_for_beyond_the_budget(tmp_path):
    model = Model()
    result = await search(model, tmp_path / "run", iterations=2, reflect_every=0, max_cost=1.5)
    assert model.times("principles") == 0
    assert result.finished
    again = Model()
    await resume(again, tmp_path / "run")
    assert again.asked == []
    await resume(again, tmp_path / "run", max_cost=9.0)
    assert [form for form, _, _ in again.asked] == ["principles"]


# --- surprises


async def test_a_surprise_has_the_notebook_rewritten_at_once(tmp_path):
    def surprising(architecture):
        return 20.0 if architecture == tuple(globals()["architecture"](6)) else 60.0 + sum(architecture)

    model = Model()
    options = {"iterations": 9, "beliefs": False, "reflect_every": 100, "principles": False}
    await genius.search(SPACE, proposer=model.proposer, evaluator=surprising, run=tmp_path / "run", **options)
    (prompt,) = [prompt for form, prompt, made in model.asked if form == "notebook" and made == 6]
    assert "Surprises since the last entry:\n- iteration 6, " in prompt
    assert "the surrogate expected" in prompt
    assert model.times("notebook") < 8


@pytest.mark.parametrize(
    ("expected", "sd", "noise", "surprises"),
    [(60.0, 1.0, 0.0, True), (60.0, 3.0, 0.0, False), (60.0, 1.0, 3.0, False), (65.0, 0.1, 0.0, False)],
)
def test_a_proposer_is_held_to_its_own_forecast(expected, sd, noise, surprises):
    told = {"expected": expected, "expected_sd": sd, "architecture": (2,) * 8}
    history = History.of([genius.Candidate(1, 1, measurement=genius.Measurement(65.0, sd=noise), **told)])
    found = surprise(REGION, history, 0, (0,))
    assert (found is not None) == surprises
    assert (
        found is None or found == "iteration 1, [2, 2, 2, 2, 2, 2, 2, 2]: 65.00, and its proposer expected 60.00 ± 1.00"
    )


# --- hints


async def test_a_hint_is_told_at_the_next_iteration_as_a_persons_words(tmp_path):
    model, run = Model(), tmp_path / "run"

    def tell(step):
        if step.stage == "finished" and step.candidate.iteration == 2:  # the search holds the lock of its run
            genius.hint(run, "the third  stage\nmatters most")

    result = await search(model, run, progress=tell, reflect_every=0)
    words = "> A person who follows this search says:\n> - the third stage matters most"
    assert [words in prompt for prompt in model.prompts] == [False, False, True, True, True]
    (page,) = [page for page in result.trials[0].pages if page.kind == "hint"]
    assert (page.iteration, page.author, page.text) == (3, "person", "the third stage matters most")
    assert result.to_json()["notes"]["hints"] == ["the third stage matters most"]


async def test_hints_reach_every_trial_and_every_later_prompt_once(tmp_path):
    model, run = Model(), tmp_path / "run"
    await search(model, run, trials=2, iterations=1, reflect_every=0, principles=False)
    old = run / "search.json"
    settings = json.loads(old.read_text())
    settings["loop"]["iterations"] = 3
    old.write_text(json.dumps(settings))
    genius.hint(run, "one")
    genius.hint(run, "two")
    result = await resume(model, run, iterations=3, trust=True)
    for trial in result.trials:
        (page,) = [page for page in trial.pages if page.kind == "hint"]
        assert (page.iteration, page.text) == (2, "one\ntwo")
    assert all(prompt.count("> - one\n> - two") == 1 for prompt in model.prompts[2:])
    forked = await genius.fork(
        run, 2, to=tmp_path / "fork", proposer=model.proposer, evaluator=evaluate, space=SPACE, trust=True
    )
    assert "> - one\n> - two" in model.prompts[-1]
    assert len(forked.trials[0].pages) == len(result.trials[0].pages)


async def test_many_write_hints_at_once(tmp_path):
    run = tmp_path / "run"
    await search(Model(), run, iterations=1)
    resumed = json.loads((run / "search.json").read_text())
    resumed["loop"]["iterations"] = 9
    (run / "search.json").write_text(json.dumps(resumed))
    (run / HINTS_FILE).write_bytes(b'{"text": "first"}\n{"text": "torn by a cra')
    threads = [threading.Thread(target=genius.hint, args=(run, f"hint {number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [line["text"] for line in lines(run, HINTS_FILE)]
    assert told[0] == "first"
    assert sorted(told[1:]) == [f"hint {number}" for number in range(8)]
    for number in range(MOST_HINTS - 9):
        genius.hint(run, f"more {number}")
    with pytest.raises(genius.GeniusError, match="takes no more"):
        genius.hint(run, "one too many")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "from 1 to 500 characters, got 0"),
        (" \n ", "got 0"),
        ("x" * (HINT_LENGTH + 1), "got 501"),
        ("red \x1b[31m", r"U\+001B"),
        ("right \u202e to left", r"U\+202E"),
        ("bell\x07", r"U\+0007"),
    ],
)
async def test_a_hint_is_short_and_printable(tmp_path, text, why):
    run = tmp_path / "run"
    await search(Model(), run, iterations=1)
    with pytest.raises(genius.GeniusError, match=why):
        genius.hint(run, text)
    assert not (run / HINTS_FILE).exists()


async def test_a_hint_is_for_a_run_that_goes_on(tmp_path):
    await search(Model(), tmp_path / "run", iterations=1)
    with pytest.raises(genius.GeniusError, match="is finished"):
        genius.hint(tmp_path / "run", "late")
    with pytest.raises(BrokenRun, match="not a run folder"):
        genius.hint(tmp_path, "nowhere")
    with pytest.raises(BrokenRun, match="not a run folder"):
        genius.hint(tmp_path / "none", "nowhere")
    with pytest.raises(genius.GeniusError):
        await genius.search(SPACE, proposer="random", evaluator=lambda a: 1 / 0, run=tmp_path / "random", iterations=9)
    with pytest.raises(genius.GeniusError, match="random reads no words"):
        genius.hint(tmp_path / "random", "hello")


async def test_a_folder_with_links_takes_no_hint(tmp_path):
    run, secret = tmp_path / "run", tmp_path / "secret"
    await search(Model(), run, iterations=1)
    secret.write_text("kept")
    for name in (HINTS_FILE, "hints.lock"):
        (run / name).symlink_to(secret)
        with pytest.raises(genius.GeniusError, match="is a link"):
            genius.hint(run, "hello")
        (run / name).unlink()
    assert secret.read_text() == "kept"


@pytest.mark.parametrize(
    "content",
    [b'{"text": 5}\n', b'{"text": "a\\u001b[31m"}\n', b"[]\n", b'{"text": "x", "more": 1}\n', b"x" * 200_000],
    ids=["number", "escape", "list", "fields", "huge"],
)
async def test_a_spoilt_file_of_hints_ends_the_search_with_a_sentence(tmp_path, content):
    run = tmp_path / "run"
    await search(Model(), run, iterations=1)
    (run / HINTS_FILE).write_bytes(content)
    with pytest.raises(genius.GeniusError, match="hints"):
        await resume(Model(), run, iterations=2)


# --- hostile answers

HOSTILE = {
    "huge": "A" * 10_000_000,
    "nested": "[" * 100_000,
    "nested object": '{"starts": ' * 3_000 + "1" + "}" * 3_000,
    "deep": json.dumps({"options": json.loads("[" * 200 + "]" * 200)}),
    "nothing": "",
    "reasoning": "<think>I am not sure",
    "prose": "I would rather not say.",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_beliefs_that_cannot_be_read_are_asked_for_once_more_and_left(tmp_path, text):
    model, notes = Model(beliefs=text), []
    options = {"iterations": 1, "principles": False}
    await search(model, tmp_path / "run", **options, progress=lambda step: notes.append(step.note))
    assert [form for form, _, _ in model.asked] == ["beliefs", "beliefs", "proposal"]
    assert model.beliefs == [Beliefs(model="")]
    assert any("beliefs cannot be read, and the search goes on without" in note for note in notes)
    assert max(map(len, notes)) < 1_000
    assert (tmp_path / "run" / "calls.jsonl").stat().st_size < 500_000


async def test_a_hostile_notebook_is_bounded_and_printable(tmp_path):
    for at, text in enumerate(("N" * 10_000_000, "\x1b]0;title\x07\x1b[2J" * 3_000, "\ud800" * 10_000)):
        model = Model(notebook=text, principles=text)
        result = await search(model, tmp_path / str(at), iterations=3)
        for page in result.trials[0].pages:
            assert len(page.text) <= NOTEBOOK_LENGTH
            assert all(letter.isprintable() or letter == "\n" for letter in page.text)
        assert len(model.prompts[-1]) < 20_000


async def test_a_key_is_in_no_page(tmp_path, monkeypatch):
    key = "sk-never-to-be-written-4711"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    beliefs = {**BELIEFS, "costs": [{"cost": "flops", "score": 1, "why": f"as {key} says"}]}
    principles = {"principles": [{"principle": f"Use {key}.", "options": []}]}
    model = Model(beliefs=json.dumps(beliefs), notebook=f"Plan: send {key}", principles=json.dumps(principles))
    await search(model, tmp_path / "run")
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes()


async def test_a_notebook_of_a_stranger_is_held_against_the_space(tmp_path):
    run = tmp_path / "run"
    await search(Model(), run, iterations=1)
    page = lines(run, NOTEBOOK_FILE)[0]
    page["beliefs"]["options"][0]["decision"] = 99
    (run / NOTEBOOK_FILE).write_text(json.dumps(page) + "\n")
    with pytest.raises(BrokenRun, match="speaks of another space"):
        await resume(Model(), run, iterations=2)


NO_TEMPLATE = [
    "{{ 7 * 7 }}",
    "{% for a in b %}",
    "{# gone #}",
    "{{ space.__class__.__mro__ }}",
    "$(touch it) `touch it`",
]


@pytest.mark.parametrize("words", NO_TEMPLATE)
async def test_the_notes_of_a_run_folder_are_text_in_the_prompt(tmp_path, words):
    run = tmp_path / "run"
    await search(Model(), run, iterations=3, principles=False)
    (run / "checkpoints.sqlite").unlink()
    pages = lines(run, NOTEBOOK_FILE)
    for page in pages:
        if page["kind"] == "notebook":
            page["text"] = f"note {words}"
    (run / NOTEBOOK_FILE).write_text("".join(json.dumps(page) + "\n" for page in pages))
    (run / HINTS_FILE).write_text(json.dumps({"text": f"hint {words}"}) + "\n")
    model = Model()
    await resume(model, run, iterations=5)
    assert f"hint {words}" in model.prompts[0]
    assert f"note {words}" in model.prompts[0]
    assert not list(tmp_path.rglob("it"))


async def test_beliefs_in_a_passed_state_are_held_against_the_space():
    context = genius.Context(REGION, Model().proposer, evaluate, journal=Journal())
    for beliefs, why in (
        ({"options": [{"decision": 99, "option": 0, "score": 1.0}]}, "no option 0 of a decision 99"),
        ({"starts": [[0]]}, "expected 8 numbers"),
        ({"options": 5}, "beliefs cannot be read"),
    ):
        with pytest.raises(genius.GeniusError, match=why):
            await genius.build_graph().ainvoke({"beliefs": beliefs}, context=context)


def test_a_prompt_shows_the_latest_hints():
    assert shown_hints([]) == []
    assert shown_hints(["one", "two"]) == ["one", "two"]
    hints = [f"{number} {'x' * 400}" for number in range(9)]
    assert shown_hints(hints) == hints[-4:]
