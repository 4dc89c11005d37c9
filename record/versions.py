"""The identifier of a run, and the versions of the packages that it was made with."""

import platform
from functools import cache
from uuid import uuid4

_OWN = "genius-nas"
_PACKAGES = (_OWN, "langgraph", "langchain", "langchain-core", "openai", "torch", "numpy", "scikit-learn")


@cache
def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages whose behaviour a search depends on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def made_with(*packages: str) -> str:
    """Write the versions of these packages, as far as they are installed, and of `python`."""
    versions = installed_versions()
    return ", ".join(f"{name} {versions[name]}" for name in packages if name in versions)


def fresh_id() -> str:
    """Make the identifier of a new run, which its threads in checkpoints and traces carry."""
    return uuid4().hex[:12]


def own_version() -> str:
    """Return the version of this package, as its installation tells it."""
    from importlib.metadata import version

    return version(_OWN)
