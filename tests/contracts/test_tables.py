"""One contract for every published table."""

import pytest
from genius import PublishedTable
from genius.tables.fetch import sources_named
from genius.tables.published import TABLES


@pytest.mark.parametrize("name", [*TABLES, "mine:TABLE", "tiny-table"])
def test_it_says_where_it_is_and_what_it_must_hash_to(name):
    table = TABLES.find(name)
    assert isinstance(table, PublishedTable)
    assert table.url.endswith(f"/{table.file}")
    assert len(table.sha256) == 64
    assert 0 < table.size < 1e9
    assert sources_named(name) == [table]
