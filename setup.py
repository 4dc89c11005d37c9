"""The description on a package index: the README, with links that lead out of it to the repository that is released.

All else is in `pyproject.toml`. `GENIUS_URL` names the repository on its host, without a slash at the end;
where it is not set, relative links stay as they are.
"""

import os
import re
from pathlib import Path


def absolute(text: str, url: str) -> str:
    """Return Markdown whose relative links and pictures lead to files below a URL."""
    found = re.sub(r"(!\[[^]]*\])\((?!\w+:|#)([^)]+)\)", rf"\1({url}/\2?raw=true)", text)
    return re.sub(r"(\[[^]]*\])\((?!\w+:|#)([^)]+)\)", rf"\1({url}/\2)", found)


if __name__ == "__main__":
    from setuptools import setup

    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    url = os.environ.get("GENIUS_URL", "").rstrip("/")
    setup(long_description=absolute(readme, url) if url else readme, long_description_content_type="text/markdown")
