"""Ranks are counted among the architectures that a search may try, and reports say which these are."""

import io

import genius
from genius.report.show import print_tables
from genius.spaces.region import Limits, Region
from genius.tables.published import load_table
from rich.console import Console

LIMIT = 60e6


def said(result):
    out = io.StringIO()
    print_tables(result, Console(file=out, width=400, markup=False))
    return out.getvalue()


async def test_within_limits_ranks_are_among_what_keeps_them(tables, tmp_path):
    options = {"proposer": "largest", "iterations": 2, "downloads": tables}
    within = await genius.search("nas-bench-macro", flops=(None, LIMIT), run=tmp_path / "within", **options)
    whole = await genius.search("nas-bench-macro", run=tmp_path / "whole", **options)
    table = load_table(genius.get_space("nas-bench-macro"), tables)
    pool = table.part(Region(genius.get_space("nas-bench-macro"), Limits(flops=(0, LIMIT))).allows(table.architectures))
    assert len(pool) < len(table)
    for result, expected in ((within, pool), (whole, table)):
        for candidate in result.candidates:
            assert candidate.measurement.rank == expected.measure(candidate.architecture).rank
    assert "Ranks are among all architectures of the space within the limits;" in said(within)
    assert "Ranks are among all architectures of the space;" in said(whole)
