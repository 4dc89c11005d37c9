"""The graph's schemas can be written down on every Python, as servers of graphs and their forms ask for them."""

import genius
import pytest


@pytest.mark.parametrize("schema", ["get_input_jsonschema", "get_output_jsonschema"])
def test_state_has_a_schema(schema):
    found = getattr(genius.build_graph(), schema)()
    assert {"trial", "done", "candidate", "running", "stopped"} <= set(found["properties"])
