"""The rules of the house: who imports whom, and what an import costs."""

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    "spaces",
    "record",
    "tables",
    "training",
    "evaluators",
    "guide",
    "tools",
    "agents",
    "graph",
    "report",
    "trackers",
    "bench",
    "assistant",
    "cli",
)


ROOT_MODULES = ("documents", "errors", "plugins", "printable", "python_files", "schema")


def modules(folder):
    """List the files of a folder and of the packages in it; of the root its own files alone."""
    return sorted((ROOT / folder).glob("*.py" if folder == "." else "**/*.py"))


def imports(path):
    """Yield (level, module) of every import of a file, the late ones included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""
        elif isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_strictly_downwards(layer):
    above = LAYERS[LAYERS.index(layer) + 1 :]
    for path in modules(layer):
        root = len(path.relative_to(ROOT).parts)  # the number of dots that lead from this file to the root
        for level, module in imports(path):
            first = module.split(".")[0]
            assert not (level == root and first in above), f"{path.name} imports {module}"
            assert not (level == 0 and first in (*LAYERS, "genius")), f"{path.name} imports {module} absolutely"


def test_the_modules_at_the_root_import_nothing_but_each_other():
    for name in ROOT_MODULES:
        for level, module in imports(ROOT / f"{name}.py"):
            assert level == 0 or module in ROOT_MODULES, f"{name}.py imports {module}"


def test_every_package_is_installed():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {path.parent.relative_to(ROOT).as_posix() for layer in LAYERS for path in (ROOT / layer).rglob("*.py")}
    assert sorted(packages) == sorted(["genius", *(f"genius.{folder.replace('/', '.')}" for folder in found)])


@pytest.mark.parametrize(("package", "home"), [("langgraph", "graph"), ("langchain", "agents")])
def test_one_folder_knows_the_framework(package, home):
    for layer in LAYERS:
        for path in modules(layer):
            for level, module in imports(path):
                if level == 0 and module.split(".")[0].split("_")[0] == package:
                    # A type of LangChain's may be named where the graph is built; it is never imported to run.
                    assert layer == home or _only_for_types(path, module), f"{layer}/{path.name} imports {module}"


def _only_for_types(path, module):
    tree = ast.parse(path.read_text())
    guarded = [
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
    ]
    return module in {node.module for node in guarded}


@pytest.mark.parametrize("statement", ["import genius", "import genius.cli", "import genius.spaces"])
def test_an_import_loads_neither_torch_nor_langchain_and_prints_nothing(statement):
    code = f"{statement}\nimport sys\nheavy = {{'torch', 'langchain', 'langchain_core', 'langgraph', 'matplotlib'}}\n"
    code += "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_search_of_a_table_needs_no_torch():
    code = "import genius.graph.search, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_at_the_front_door_can_be_imported():
    import genius

    assert all(getattr(genius, name) for name in dir(genius))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = genius.nothing


def test_files_and_functions_stay_small():
    for folder in (*LAYERS, "."):
        for path in modules(folder):
            text = path.read_text()
            assert text.count("\n") <= 400, f"{path} has {text.count(chr(10))} lines"
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert (lines := lines_of(node)) <= 40, f"{node.name} in {path} has {lines} lines"


def lines_of(function):
    """Count the lines of a function besides its docstring."""
    first = function.body[0]
    words = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) else 0
    return function.end_lineno - function.lineno + 1 - words


COMMANDS = {"bench", "export", "fetch", "fork", "hint", "imagenet", "open", "paper", "resume", "search", "train"}
"""Commands of the command line, named after the function that each of them calls."""

NAMED_TWICE = {
    *COMMANDS,
    "main",  # the entry point of a process
    "conv_bn",  # a block of layers, and its cost
    "whole",
}
"""Public names that two modules of the package still define."""

MODULES_NAMED_TWICE = {"options"}


def public_names(path):
    """Yield the public classes, functions and constants that a module defines."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found = [node.name]
        else:
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            found = [target.id for target in targets if isinstance(target, ast.Name)]
        yield from (name for name in found if not name.startswith("_"))


def test_no_two_modules_share_a_name():
    names = Counter(path.stem for layer in LAYERS for path in modules(layer) if path.stem != "__init__")
    assert {name for name, count in (names + Counter(ROOT_MODULES)).items() if count > 1} <= MODULES_NAMED_TWICE


def test_no_public_name_is_defined_in_two_modules():
    files = [path for layer in LAYERS for path in modules(layer)] + [ROOT / f"{name}.py" for name in ROOT_MODULES]
    names = Counter(name for path in files for name in set(public_names(path)))
    assert {name for name, count in names.items() if count > 1} <= NAMED_TWICE


def test_typed_dicts_can_be_made_schemas_of_on_every_python():
    for folder in (*LAYERS, "."):
        for path in modules(folder):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "typing":
                    assert "TypedDict" not in {alias.name for alias in node.names}, f"{path}: not on Python 3.11"
