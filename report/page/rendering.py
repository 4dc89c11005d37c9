"""The page as one HTML file: a template that escapes every text, with its style and its script inside."""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from ...printable import printable
from ...tools.toolbox import chance_in_words
from .run_charts import compared_figures
from .run_page import RunPage


def render(runs: Sequence[RunPage], *, live: bool = False) -> str:
    """Write the page of runs; one that is `live` listens to the server that it came from, and asks no other."""
    names = _names(runs)
    compared = list(compared_figures([run.result for run in runs], names)) if len(runs) > 1 else []
    title = f"{runs[0].space_name}, {runs[0].proposed_by}" if len(runs) == 1 else f"{len(runs)} runs"
    return _template().render(
        runs=runs,
        names=names,
        compared=compared,
        title=title,
        live=live,
        style=Markup(_part("page.css")),
        script=Markup(_part("page.js")),
        policy=policy(live=live),
    )


@cache
def policy(*, live: bool) -> str:
    """Return the Content-Security-Policy: the page's own style and script, and where it is `live` its own server."""
    rules = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    rules += [f"style-src {_digest('page.css')}", f"script-src {_digest('page.js')}"]
    return "; ".join([*rules, *(["connect-src 'self'"] if live else [])])


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _digest(name: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(_part(name).encode()).digest()).decode()}'"


@cache
def _template() -> Template:
    """Return the template; whatever it is given is made printable, then escaped."""
    environment = Environment(
        loader=PackageLoader(__package__.partition(".")[0], "report/page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=False,
    )
    environment.filters["chance"] = chance_in_words
    return environment.get_template("page.html.j2")


def _printable(value: object) -> object:
    return printable(value) if type(value) is str else value


def _names(runs: Sequence[RunPage]) -> list[str]:
    """Name runs after their folders, with numbers where two share a name."""
    count = Counter(run.name for run in runs)
    return [run.name if count[run.name] == 1 else f"{run.name} ({run.number})" for run in runs]
