"""One contract for every published table."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from genius import PublishedTable
from genius.tables.fetch import sources_named
from genius.tables.published import TABLES, BadTable, load_table

from . import mine


@pytest.mark.parametrize("name", [*TABLES, "mine:TABLE", "mine:PUBLISHED", "tiny-table"])
def test_it_says_where_it_is_and_what_it_must_hash_to(name):
    table = TABLES.find(name)
    assert isinstance(table, PublishedTable)
    assert table.url.endswith(f"/{table.file}")
    assert len(table.sha256) == 64
    assert 0 < table.size < 1e9
    assert sources_named(name) == [table]


def test_a_space_of_one_s_own_looks_its_published_table_up(tmp_path):
    content = {"00": {"accuracy": 50.0}}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    table = replace(mine.TABLE, sha256=sha256((tmp_path / "mine.json").read_bytes()).hexdigest())
    space = replace(mine.SPACE, table=table)
    with pytest.raises(BadTable, match=r"the table mine\.json, which mine names, has no entry '01'"):
        load_table(space, tmp_path)
    content = {space.key(a): {"accuracy": 50.0 + sum(a)} for a in space.architectures()}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(BadTable, match="is truncated or changed"):
        load_table(space, tmp_path)
    right = replace(table, sha256=sha256((tmp_path / "mine.json").read_bytes()).hexdigest())
    assert load_table(replace(space, table=right), tmp_path).measure((3, 1)).accuracy == 54.0
