"""The versions that a search depends on."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("genius-nas", "langgraph", "langchain", "langchain-core", "openai", "torch", "numpy", "scikit-learn")


@cache
def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages whose behaviour a search depends on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
