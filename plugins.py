"""One door for plug-ins: a built-in name, `MODULE:NAME`, `FILE.py:NAME`, or an entry point of a package."""

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from inspect import Signature, signature
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import GeniusError, GeniusWarning
from .printable import brief, named, reason
from .python_files import import_file, importing, object_of, split_file

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

_T = TypeVar("_T")

OWN = "MODULE:NAME or FILE.py:NAME"
"""How one's own plug-in is named."""


class Plugins(Mapping[str, _T], Generic[_T]):
    """The plug-ins of one kind. As a mapping it holds the built-in ones by name; `find` finds all others too.

    - `kind`: its word, as in "space"; the entry points of installed packages are those of the group `genius.spaces`.
    - `builtin`: the values by name. `arguments` are the words behind some of them, as in `folder:PATH`.
    - `read`: returns an object as a value of this kind, or None where it is none; `wanted` describes such a value.
    - `spell`: brings other spellings of a built-in name to the one that it has here.
    - `own`: how one's own is named, for messages.
    """

    def __init__(
        self,
        kind: str,
        builtin: Mapping[str, _T],
        read: Callable[[object], _T | None],
        wanted: str,
        *,
        arguments: Mapping[str, str] | None = None,
        spell: Callable[[str], str] = str,
        own: str = OWN,
    ) -> None:
        self.kind, self._builtin, self._read, self._wanted = kind, dict(builtin), read, wanted
        self._arguments, self._spell, self._own = dict(arguments or {}), spell, own
        self._registered: dict[str, _T] = {}

    def __getitem__(self, name: str) -> _T:
        return self._builtin[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._builtin)

    def __len__(self) -> int:
        return len(self._builtin)

    @property
    def group(self) -> str:
        """The group of entry points by which packages bring their own."""
        return f"genius.{self.kind.replace(' ', '_')}s"

    def names(self) -> list[str]:
        """List the names that `find` knows, `MODULE:NAME` aside; no package is loaded for it."""
        own = [name + self._arguments.get(name, "") for name in self._builtin]
        return list(dict.fromkeys((*own, *self._registered, *self._installed())))

    def register(self, name: str, value: object) -> None:
        """Add a value to those of this process; worker processes do not know it.

        Raises: GeniusError where the name is taken, is `MODULE:NAME`, or the value is not of this kind.
        """
        if not name or ":" in name or self._of_here(name) is not None:
            raise GeniusError(f"the name {name!r} of a {self.kind} must be new and without a colon")
        self._registered[name] = self.take(value, name)

    def known(self, name: str) -> _T | None:
        """Return a built-in, a registered or an installed value; None for one's own, of which nothing is imported.

        Raises: GeniusError where an installed package cannot be loaded.
        """
        if (found := self._of_here(name)) is not None:
            return found
        points = [] if ":" in name else self._installed().get(name, [])
        if len(points) > 1:
            owners = " and ".join(map(_owner, points))
            raise GeniusError(f"several packages bring a {self.kind} {name!r}, {owners}: name it as MODULE:NAME")
        return self._loaded(points[0]) if points else None

    def find(self, name: str) -> _T:
        """Return a value by its name, or one's own as `MODULE:NAME` or `FILE.py:NAME`, which is imported.

        Raises: GeniusError for an unknown name, a failed import, and a value of another kind.
        """
        if (found := self.known(name)) is not None:
            return found
        if ":" not in name and split_file(name) is None:
            known = f"; the {self.kind}s are: {', '.join(names)}, and" if (names := self.names()) else ": name"
            raise GeniusError(f"there is no {self.kind} {brief(name)!r}{known} your own as {self._own}")
        return self.take(import_object(name, self.kind), name)

    def importable(self, name: str) -> str | None:
        """Return the `MODULE:NAME` by which another process finds a value; None for one of this package or process."""
        if self._of_here(name) is not None:
            return None
        points = [] if ":" in name else self._installed().get(name, [])
        return f"{points[0].module}:{points[0].attr}" if points else name

    def take(self, value: object, name: str = "") -> _T:
        """Return an object of one's own, perhaps of a name, as a value of this kind.

        Raises: GeniusError for an object of another kind.
        """
        try:
            found = self._read(value)
        except GeniusError as error:
            raise GeniusError(f"{name}: {error}" if name else str(error)) from None
        if found is None:
            raise GeniusError(f"{name or f'the {self.kind}'} is not {self._wanted}, but {named(value)}")
        return found

    def _of_here(self, name: str) -> _T | None:
        head = name.partition(":")[0]
        if head in self._arguments:
            return self._builtin[head]
        return self._builtin.get(self._spell(name), self._registered.get(name))

    def _installed(self) -> "dict[str, list[EntryPoint]]":
        """Return the entry points of installed packages by name; none is loaded."""
        found: dict[str, list[EntryPoint]] = {}
        for point in _entry_points(self.group):
            found.setdefault(point.name, []).append(point)
        return found

    def _loaded(self, point: "EntryPoint") -> _T:
        name = f"the {self.kind} {point.name!r} of the package {_owner(point)}"
        try:
            value = point.load()
        except GeniusError:
            raise
        except (Exception, SystemExit) as error:
            raise GeniusError(f"{name} cannot be loaded: {reason(error)}") from error
        return self.take(value, name)


def signature_refusing(function: Callable[..., object], arguments: int) -> Signature | None:
    """Return the parameters of a function that cannot be called with so many arguments; None where it can."""
    try:
        takes = signature(function)
    except (TypeError, ValueError):  # of some that are written in C nothing is known
        return None
    try:
        takes.bind(*[None] * arguments)
    except TypeError:
        return takes
    return None


def import_object(name: str, kind: str) -> object:
    """Import the object of a kind that `MODULE:NAME` or `FILE.py:NAME` names; modules of the current folder count too.

    Raises: GeniusError.
    """
    if (parts := split_file(name)) is not None:
        path, attribute = parts
        if not attribute:
            raise GeniusError(f"{brief(name)} is a file: name the {kind} in it, as in {brief(name)}:NAME")
        return object_of(import_file(path), attribute, path)
    module, _, attribute = name.partition(":")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # as `python -m` does; the command line's script does not
    try:
        with importing(module):
            return reduce(getattr, attribute.split("."), importlib.import_module(module))
    except GeniusError:
        raise
    except (Exception, SystemExit) as error:
        why = brief(str(error)) if isinstance(error, ImportError | AttributeError | ValueError) else reason(error)
        raise GeniusError(f"there is no {kind} {name!r}: {why}") from error


def _entry_points(group: str) -> "Iterator[EntryPoint]":
    """Go through the entry points of a group; a package that cannot be read is told of, and hinders no other.

    The current folder is no place where packages are installed: packages there are not looked at.
    """
    from importlib.metadata import distributions

    here, seen = {"", os.getcwd()}, set()
    for distribution in distributions(path=[folder for folder in sys.path if folder not in here]):
        try:
            points = list(distribution.entry_points.select(group=group))
        except (TypeError, ValueError, OSError) as error:
            words = f"the entry points of the package {_name_of(distribution)} cannot be read: {brief(str(error))}"
            warnings.warn(words, GeniusWarning, stacklevel=4)
            continue
        if points and (name := _name_of(distribution)) not in seen:  # the same package may lie at two places
            seen.add(name)
            yield from points


def _name_of(distribution: "Distribution") -> str:
    try:
        return brief(distribution.metadata["Name"])
    except (TypeError, KeyError, AttributeError):  # it has no file of metadata, or none with a name
        return brief(str(getattr(distribution, "_path", "without a name")))


def _owner(point: "EntryPoint") -> str:
    return _name_of(point.dist) if point.dist else "without a name"
