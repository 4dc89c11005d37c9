"""A pool that is lent to searches: it does their evaluations, and stays open."""

import genius
import pytest
from genius.errors import GeniusError


class Lent:
    """A pool that answers at once."""

    capacity = 2

    def __init__(self):
        self.jobs, self.closed = [], 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed += 1

    async def train(self, job, **_):
        self.jobs.append(job)
        return genius.Measurement(float(sum(job.architecture)), seconds=1.0, device="CPU")


async def test_two_searches_share_a_pool_that_stays_open(tmp_path):
    pool = Lent()
    for name in ("one", "two"):
        found = await genius.search("digits", proposer="random", iterations=2, pool=pool, run=tmp_path / name)
        assert found.best.value == max(candidate.value for candidate in found.candidates)
    assert len(pool.jobs) == 4
    assert {job.kind for job in pool.jobs} == {"training"}
    assert pool.closed == 0


async def test_a_search_that_was_lent_a_pool_asks_for_it_again(tmp_path):
    await genius.search("digits", proposer="random", iterations=1, pool=Lent(), run=tmp_path / "run")
    with pytest.raises(GeniusError, match="this run was given its own pool: pass the same again from Python"):
        await genius.resume(tmp_path / "run", iterations=2)
    pool = Lent()
    found = await genius.resume(tmp_path / "run", iterations=2, pool=pool)
    assert len(found.candidates) == 2
    assert len(pool.jobs) == 1
