"""Elements of SVG, with every text and every attribute escaped."""

from markupsafe import Markup, escape

from ...printable import printable

Attribute = str | float | None


def element(tag: str, *content: str, **attributes: Attribute) -> Markup:
    """Return an element around texts, which are escaped, and elements; an underscore in a name stands for a dash.

    An attribute that is None is left out.
    """
    words = (f' {_named(name)}="{_value(value)}"' for name, value in attributes.items() if value is not None)
    inner = Markup("").join(each if isinstance(each, Markup) else printable(each) for each in content)
    return Markup(f"<{tag}{''.join(words)}>{inner}</{tag}>")


def picture(width: float, height: float, label: str, *content: str, kind: str = "") -> Markup:
    """Return a picture of a size in pixels, told by its label to those who do not see it."""
    box = f"0 0 {_value(width)} {_value(height)}"
    return element(
        "svg", element("title", label), *content, viewBox=box, width=width, height=height, role="img", class_=kind
    )


def words(text: str, x: float, y: float, kind: str = "", anchor: str = "middle") -> Markup:
    """Return a text whose anchor lies at a point."""
    return element("text", text, x=x, y=y, class_=kind or None, text_anchor=None if anchor == "start" else anchor)


def _named(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: Attribute) -> str:
    return f"{value:.5g}" if isinstance(value, int | float) else str(escape(printable(str(value))))


def cut_label(text: str, length: int) -> str:
    """Cut a label at its end."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
