"""The guide's linear algebra on one thread: what is limited, for how long, and what is not."""

import threading

import numpy as np
import pytest
import torch
from genius import get_space
from genius.guide.features import encoder
from genius.guide.means import PriorMean
from genius.guide.one_thread import one_thread
from genius.guide.surrogate import Surrogate
from threadpoolctl import threadpool_info, threadpool_limits


def threads(api="blas"):
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == api}


def test_a_surrogate_computes_on_one_thread_and_leaves_openmp_alone():
    seen = []

    def looks(encoded):
        seen.append((threads(), torch.get_num_threads()))
        return np.zeros(len(encoded))

    space, before = get_space("nas-bench-macro"), torch.get_num_threads()
    tried = encoder(space).encode([[0] * 8, [1] * 8, [2] * 8])
    torch.set_num_threads(3)
    try:
        with threadpool_limits(2, user_api="blas"):
            rng = np.random.default_rng(0)
            fitted = Surrogate(
                tried, [1.0, 2.0, 3.0], encoder(space).counts.tolist(), rng, means=[PriorMean("it", looks, 1.0)]
            )
            of_fit = len(seen)
            for ask in (fitted.predict, fitted.standard, fitted.joint):
                count = len(seen)
                ask(tried)
                assert len(seen) > count, ask
            assert threads() == {2}
    finally:
        torch.set_num_threads(before)
    assert of_fit
    assert set(map(str, seen)) == {str(({1}, 3))}


def test_those_who_come_together_leave_the_limit_as_it_was():
    seen = []

    def works():
        for _ in range(20):
            with one_thread(), one_thread():
                seen.append(threads())

    before = threads()
    workers = [threading.Thread(target=works) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(seen) == 80
    assert set(map(str, seen)) == {"{1}"}
    assert threads() == before


def test_an_exception_lifts_the_limit():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ValueError, match="it"), one_thread():
            raise ValueError("it")
        assert threads() == {2}
