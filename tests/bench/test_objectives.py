"""A bench on a table whose objective is another one than accuracy."""

import csv
import json

import pytest
from genius.bench.bench import bench

NAME = "latency_space:SPACE"
pytestmark = pytest.mark.usefixtures("in_this_process")


async def test_lower_ranks_first_and_the_report_says_value(toy, tmp_path, monkeypatch):
    (tmp_path / "latency_space.py").write_text(
        "from dataclasses import replace\nimport genius, own_space\n"
        "SPACE = replace(own_space.SPACE, name='latencies', objective=genius.Objective('latency', 'ms', 'lower', 0))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    toy.write_text(json.dumps({f"{a}{b}": {"value": 900.5 + 100 * a + b} for a in range(3) for b in range(3)}))
    found = await bench(
        [NAME], proposers=["guided", "random"], seeds=2, iterations=[9], tables={NAME: toy}, out=tmp_path / "b"
    )
    assert [(row.rank.mean, row.value.mean, row.regret.mean) for row in found.rows] == [(1.0, 900.5, 0.0)] * 2
    words = (tmp_path / "b" / "bench.md").read_text()
    assert "| value | regret |" in words
    assert "| 900.5 | 0 |" in words
    assert "holds one latency" in words
    line = next(csv.DictReader((tmp_path / "b" / "bench.csv").open()))
    assert line["value_mean"] == "900.5"
    result = json.loads((tmp_path / "b" / "bench.json").read_text())["results"][0]
    assert (result["objective"]["name"], result["value"]["mean"]) == ("latency", 900.5)
