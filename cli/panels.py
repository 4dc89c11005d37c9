"""How a command shows its options: in named panels, which narrow terminals can show too."""

import shutil
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

MAIN, FILES = "Main options", "Files and output"
PANELS = {
    "llm": "Language model",
    "limits": "Limits",
    "training": "Training",
    "measures": "Measures",
    "loop": "The loop",
    "": FILES,
}
"""The panels of the groups of settings; names of parts and folders belong to no group."""

_ORDER = ("Arguments", MAIN, *PANELS.values())
_NARROW = 60  # columns: below, the help of an option stands below it
_LONGEST = 30  # columns of an option that has its help beside it
_LEAST = 52  # columns: below, the width has to be given, since help is made for more


def context_settings() -> dict[str, Any]:
    """Return the settings that all commands share: `-h`, and the width of a narrow terminal."""
    columns = shutil.get_terminal_size().columns
    narrow = {"terminal_width": max(columns - 2, 20)} if columns < _LEAST else {}
    return {"help_option_names": ["-h", "--help"], **narrow}


class Command(TyperCommand):
    """A command that shows its options in the panels that they name as `rich_help_panel`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, with the words of each `--limit` as one."""
        return super().parse_args(ctx, together(args))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {name: [] for name in _ORDER}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                panels.setdefault(_panel_of(param), []).append(record)
        for name, records in panels.items():
            _write(formatter, name, records)


class Commands(TyperGroup):
    """The program, which shows its commands with the whole of their first lines."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options of the program itself."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        shown = {name: command for name, command in commands.items() if command and not command.hidden}
        _write(formatter, "Commands", [(name, command.help or "") for name, command in shown.items()])
        records = [param.get_help_record(ctx) for param in self.get_params(ctx)]
        _write(formatter, "Options", [record for record in records if record is not None])


def together(arguments: Sequence[str]) -> list[str]:
    """Join the three words behind each `--limit` to one: Typer has no option that is repeated and takes several."""
    words, found = list(arguments), []
    while words:
        found.append(words.pop(0))
        if found[-1] == "--limit":
            found.append(" ".join(words[:3]))
            del words[:3]
    return found


def _write(formatter: Any, name: str, records: list[tuple[str, str]]) -> None:
    if records:
        with formatter.section(name):
            formatter.write_dl(records, col_max=12 if formatter.width < _NARROW else _LONGEST)


def _panel_of(param: Any) -> str:
    if param.param_type_name == "argument":
        return "Arguments"
    return getattr(param, "rich_help_panel", None) or "Options"
