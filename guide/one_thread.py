"""One thread for the guide's linear algebra: its matrices are small, and threads that wait for each other cost more
than they save, most of all on a busy machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock

from threadpoolctl import ThreadpoolController

_turn = RLock()  # limits are the process's, and are lifted by the thread that set them


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit the BLAS of NumPy and SciPy to one thread meanwhile; others who want the same wait for their turn.

    Matrix products of other threads of the process run on one thread meanwhile, too. Other libraries of OpenMP, and so
    torch, are not limited.
    """
    with _turn, _blas().limit(limits=1):
        yield


@cache
def _blas() -> ThreadpoolController:
    """Find the BLAS libraries that are loaded, which takes milliseconds."""
    import scipy.linalg  # noqa: F401  (it loads a library of its own)

    return ThreadpoolController().select(user_api="blas")
