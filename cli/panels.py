"""How a command shows its options: in named panels, readable on narrow terminals too."""

from typing import Any

from typer.core import TyperCommand

_NARROW = 60  # columns: below, an option stands on a line of its own and its help below it
_LONGEST = 30  # columns of an option that has its help beside it


class Command(TyperCommand):
    """A command whose options stand in the panels that they name (`rich_help_panel`), those without one last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in sorted(self.get_params(ctx), key=_is_general):
            if (record := param.get_help_record(ctx)) is not None:
                panels.setdefault(_panel_of(param), []).append(record)
        widest = 8 if formatter.width < _NARROW else _LONGEST
        for name, records in panels.items():
            with formatter.section(name):
                formatter.write_dl(records, col_max=widest)


def _panel_of(param: Any) -> str:
    return getattr(param, "rich_help_panel", None) or {"argument": "Arguments"}.get(param.param_type_name, "Options")


def _is_general(param: Any) -> bool:
    return _panel_of(param) == "Options"
