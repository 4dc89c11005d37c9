"""The prompts: Jinja2 templates in `agents/prompts/`, each of which a file of the user's own folder can replace.

A template comes from a stranger where a run folder does, so its language is a small one: text, `if`, `for`, values and
a few filters. It calls nothing, sets nothing and includes nothing, so that its work is bounded by its length and by
that of its values. Values are put in as text; they are never templates themselves.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from jinja2 import StrictUndefined, Template, TemplateError, TemplateRuntimeError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment

from ..errors import GeniusError
from ..printable import brief
from ..record.files import NotPlain, read_plain, sha256_of

SUFFIX = ".j2"
_SUFFIXES = (SUFFIX, ".jinja", ".jinja2")
_MOST_BYTES = 100_000  # of a template
_MOST_PIECES, _MOST_LETTERS = 200_000, 2_000_000  # of a prompt
_FILTERS = ("abs", "capitalize", "default", "first", "join", "last", "length", "lower", "round", "trim", "upper")
_TESTS = ("defined", "none")
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Const, nodes.Getattr),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Filter, nodes.Test),
)
_LANGUAGE = f"a prompt has text, values, if, for, comparisons and the filters {', '.join(_FILTERS)}"


class BadPrompt(GeniusError):
    """A template that cannot be used: its file, its line, and the rule that it breaks."""


def _text(value: object) -> str:
    """Return the text of a value.

    Raises: TemplateRuntimeError for a value that is no text and no number.
    """
    if isinstance(value, StrictUndefined):
        return str(value)  # which raises, with its name
    if not isinstance(value, str | int | float):
        raise TemplateRuntimeError(f"a value is {'None' if value is None else f'a {type(value).__name__}'}, not a text")
    return str(value)


_ENVIRONMENT = SandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False, finalize=_text
)
_ENVIRONMENT.filters = {name: _ENVIRONMENT.filters[name] for name in _FILTERS}
_ENVIRONMENT.tests = {name: _ENVIRONMENT.tests[name] for name in _TESTS}
_ENVIRONMENT.globals = {}


@dataclass(frozen=True)
class _Compiled:
    """A template, and the names of the values and of the attributes that it uses."""

    template: Template
    names: frozenset[str]
    attributes: frozenset[str]


class Prompts:
    """The prompts of a search: the built-in templates, with those of a folder in their places.

    A template of the folder may use the values that the built-in one of the same name uses.
    Raises: BadPrompt for a folder that cannot be read, an unknown name, a syntax error or an unknown value.
    """

    def __init__(self, folder: Path | None = None) -> None:
        own = {} if folder is None else _read_folder(folder)
        self._texts = {**built_in_prompts()} | {name: text for name, (_, text) in own.items()}
        self._own = {name: _checked(name, file, text) for name, (file, text) in own.items()}

    @property
    def sha256(self) -> str:
        """The SHA-256 of all templates in use."""
        return sha256_of(json.dumps(sorted(self._texts.items())).encode())

    def render(self, name: str, /, **values: object) -> str:
        """Write the prompt of a name, without `.j2`, from values.

        Raises: BadPrompt, with the file and the line.
        """
        template = (self._own.get(name) or _built_in(name)).template
        try:
            return _joined(template.generate(values))
        except (TemplateError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            line = _line_of(error, str(template.filename))
            raise BadPrompt(f"{template.filename}, line {line}: {brief(str(error))}") from None


def _joined(pieces: Iterable[str]) -> str:
    """Join the pieces of a prompt, without the line breaks at its ends.

    Raises: ValueError where they are too many or too long.
    """
    found, letters = [], 0
    for piece in pieces:
        found.append(piece)
        letters += len(piece)
        if len(found) > _MOST_PIECES or letters > _MOST_LETTERS:
            raise ValueError(f"the prompt has more than {_MOST_PIECES:,} pieces or {_MOST_LETTERS:,} characters")
    return "".join(found).strip("\n")


@cache
def built_in_prompts() -> Mapping[str, str]:
    """Return the texts of the built-in templates by their names."""
    found = (files(__name__.rpartition(".")[0]) / "prompts").iterdir()
    texts = {file.name.removesuffix(SUFFIX): file.read_text("utf-8") for file in found if file.name.endswith(SUFFIX)}
    return MappingProxyType(dict(sorted(texts.items())))


def write_prompts(folder: Path) -> list[Path]:
    """Write the built-in templates into a folder, to be edited; returns their paths.

    Raises: GeniusError where one of them is there, or the folder cannot be written.
    """
    paths = {folder / f"{name}{SUFFIX}": text for name, text in built_in_prompts().items()}
    if there := [path for path in paths if path.exists()]:
        raise GeniusError(f"{there[0]} exists, and no edited prompt is written over: name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise GeniusError(f"cannot write the prompts into {folder}: {error.strerror or error}") from error
    return list(paths)


def _read_folder(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the path and the text of each template of a folder, by name; files of other kinds are left alone."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise BadPrompt(f"the prompts {folder} cannot be read: {error.strerror}; name a folder of templates") from None
    if not paths:
        raise BadPrompt(f"{folder} holds no template NAME{SUFFIX}: `genius prompts {folder}` writes the built-in ones")
    for path in paths:
        if path.suffix != SUFFIX or path.stem not in built_in_prompts():
            near = get_close_matches(path.stem, built_in_prompts(), 1, cutoff=0.0)
            raise BadPrompt(
                f"{path} replaces no prompt: they are {', '.join(built_in_prompts())}; did you mean {near[0]}{SUFFIX}?"
            )
    return {path.stem: (str(path), _read(path)) for path in paths}


def _read(path: Path) -> str:
    try:
        return read_plain(path, _MOST_BYTES).decode("utf-8-sig")
    except NotPlain:
        raise BadPrompt(f"{path} is no plain file of at most {_MOST_BYTES:,} bytes, as a template is") from None
    except UnicodeDecodeError:
        raise BadPrompt(f"{path} is no text in UTF-8, as a template is") from None
    except OSError as error:
        raise BadPrompt(f"{path} cannot be read: {error.strerror}") from None


@cache
def _built_in(name: str) -> _Compiled:
    return _compiled(built_in_prompts()[name], f"{name}{SUFFIX}")


def _checked(name: str, file: str, text: str) -> _Compiled:
    """Compile a template that stands in for the built-in one of a name.

    Raises: BadPrompt, also for a value that the built-in one does not use.
    """
    found, known = _compiled(text, file), _built_in(name)
    for used, may in ((found.names, known.names), (found.attributes, known.attributes)):
        if unknown := sorted(used - may):
            line = _line_using(text, unknown[0])
            listed = ", ".join(sorted(may)) or "none"
            raise BadPrompt(f"{file}, line {line}: there is no {brief(unknown[0])!r} here; there are {listed}")
    return found


def _compiled(text: str, file: str) -> _Compiled:
    """Compile a template.

    Raises: BadPrompt, with the line.
    """
    try:
        tree = _ENVIRONMENT.parse(text, filename=file)
        for node in tree.find_all(nodes.Node):
            _check(node, file)
        names, attributes = find_undeclared_variables(tree), _attributes(tree)
        for loop in tree.find_all(nodes.For):
            loop.body.insert(0, nodes.Output([nodes.TemplateData("")]))  # a piece for each round, which is counted
        code = _ENVIRONMENT.compile(tree, filename=file)
    except TemplateSyntaxError as error:
        raise BadPrompt(f"{file}, line {error.lineno}: {brief(str(error.message))}") from None
    except (SyntaxError, RecursionError, ValueError, MemoryError):
        raise BadPrompt(f"{file}, line 1: it is nested too deeply, or holds a number that is too long") from None
    template = Template.from_code(_ENVIRONMENT, code, {})
    return _Compiled(template, frozenset(names), frozenset(attributes))


def _check(node: nodes.Node, file: str) -> None:
    """Check that a node is of the small language of prompts.

    Raises: BadPrompt.
    """
    is_target = isinstance(node, nodes.Tuple) and node.ctx == "store"
    wrong = not (isinstance(node, _ALLOWED) or is_target)
    if isinstance(node, nodes.For):
        wrong = node.recursive
    if isinstance(node, nodes.Filter | nodes.Test):
        constant = all(isinstance(argument, nodes.Const) for argument in node.args)
        wrong = not constant or bool(node.kwargs or node.dyn_args or node.dyn_kwargs) or node.node is None
    if wrong:
        raise BadPrompt(f"{file}, line {node.lineno}: {type(node).__name__} is not of its language: {_LANGUAGE}")
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise BadPrompt(f"{file}, line {node.lineno}: {brief(node.attr)!r} is no attribute of a value")


def _attributes(tree: nodes.Template) -> Iterator[str]:
    """Yield the attributes of values that a template uses; those of its loops are not among them."""
    for node in tree.find_all(nodes.Getattr):
        if not (isinstance(node.node, nodes.Name) and node.node.name == "loop"):
            yield node.attr


def _line_using(text: str, name: str) -> int:
    """Return the line of a template that first uses a name."""
    tree = _ENVIRONMENT.parse(text)
    used = (node for node in tree.find_all((nodes.Name, nodes.Getattr)) if name in (*_names_of(node),))
    return min(node.lineno for node in used)


def _names_of(node: nodes.Expr) -> tuple[str, ...]:
    return (node.name,) if isinstance(node, nodes.Name) else (node.attr,) if isinstance(node, nodes.Getattr) else ()


def _line_of(error: BaseException, file: str) -> int:
    """Return the last line of a template through which an exception came."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == file else line
        trace = trace.tb_next
    return line
