"""The graph's schemas, and what is said where it is invoked with what it cannot take."""

import genius
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import EmptyInputError, GraphRecursionError

REGION = genius.Region(genius.get_space("nas-bench-macro"))


async def propose(prompt, history):
    return f"Architecture: {[len(history) % 3] + [0] * 7}"


async def speechless(prompt, history):
    return "nothing"


async def evaluate(architecture):
    return 1.0


def context(proposer=propose, **options):
    return genius.Context(REGION, proposer, evaluate, **options)


@pytest.mark.parametrize("schema", ["get_input_jsonschema", "get_output_jsonschema"])
def test_state_has_a_schema_on_every_python(schema):
    found = getattr(genius.build_graph(), schema)()
    assert {"trial", "done", "candidate", "running", "stopped"} <= set(found["properties"])


def test_a_context_has_a_schema_though_it_holds_functions():
    found = genius.build_graph().get_context_jsonschema()
    assert (found["title"], found["type"]) == ("Context", "object")


@pytest.mark.parametrize(
    ("state", "options", "words"),
    [
        ({}, {}, r"the graph needs a context, as in ainvoke\(…, context=genius\.Context\(region.*, got NoneType"),
        ({}, {"context": "x"}, r"the graph needs a context.*, got str"),
        ({}, {"context": {"region": "digits", "proposer": propose, "evaluator": evaluate}}, "a context's region is a"),
        ({}, {"context": {"region": REGION, "proposer": "random", "evaluator": evaluate}}, "a context's proposer is a"),
        ({}, {"context": {"region": REGION, "proposer": propose, "evaluator": None}}, "a context's evaluator is a"),
        (
            {"done": "x"},
            {"context": context()},
            "its last invocation returned: the state's done is the str 'x'",
        ),
        ({"trial": "x"}, {"context": context()}, "the state's trial is the str 'x'"),
        ({"running": None}, {"context": context()}, "the state's running is None"),
        ({"candidate": {"x": 1}}, {"context": context()}, "the state's candidates cannot be read"),
        ({"running": [7]}, {"context": context()}, "the state's candidates cannot be read"),
        ({"done": 1, "history": [{"iteration": 1}]}, {"context": context()}, "the state's candidates cannot be read"),
        ({"done": 3}, {"context": context()}, "the journal of trial 1 holds 0 lines, its checkpoint stands on 3"),
    ],
)
async def test_what_it_cannot_take_is_said_in_a_sentence(state, options, words):
    with pytest.raises(genius.GeniusError, match=words) as error:
        await genius.build_graph().ainvoke(state, **options)
    assert "\n" not in error.value.args[0]


PARTS = {"region": REGION, "proposer": propose, "evaluator": evaluate}


@pytest.mark.parametrize(
    ("state", "thread", "given", "error"),
    [
        (None, {"thread_id": "t"}, context(), EmptyInputError),
        ({}, {}, context(), ValueError),
        ({}, {"thread_id": "t"}, {}, TypeError),
        ({}, {"thread_id": "t"}, {**PARTS, "colour": 1}, TypeError),
    ],
)
async def test_what_langgraph_itself_refuses_it_refuses_here(state, thread, given, error):
    with pytest.raises(error):
        await genius.build_graph(InMemorySaver()).ainvoke(state, {"configurable": thread}, context=given)


async def test_a_context_may_be_a_dict_and_what_is_not_of_the_state_is_left_out():
    found = await genius.build_graph().ainvoke({"more": 1}, context=PARTS)
    assert (found["done"], "more" in found) == (1, False)


async def test_after_the_recursion_limit_it_goes_on():
    graph, config = genius.build_graph(InMemorySaver()), {"configurable": {"thread_id": "t"}}
    with pytest.raises(GraphRecursionError):
        await graph.ainvoke({}, {**config, "recursion_limit": 3}, context=context(speechless))
    assert (await graph.ainvoke(None, config, context=context()))["done"] == 1
