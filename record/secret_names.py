"""Secret names: names of variables, fields and headers that hold secrets, and the secrets in URLs."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

_WORDS = {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PAT", "JWT", "BEARER"}
_WORDS |= {"AUTHORIZATION", "COOKIE", "CREDENTIAL", "CREDENTIALS", "SIG", "SIGNATURE"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>,;]+")


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Tell whether a variable, a field or a header of this name holds a secret."""
    words = re.split(r"[^A-Z0-9]+", _HUMP.sub("_", name).upper())
    return not _WORDS.isdisjoint(words) or {"API", "KEYS"} <= set(words)


def secrets_in_urls(text: str) -> Iterator[str]:
    """Yield the secrets in a text's URLs: passwords, users without a password, and fields that sign or authorise."""
    for url in _URL.findall(text) if "://" in text else ():
        try:
            parts = urlsplit(url)
        except ValueError:
            continue
        user = parts.netloc.rpartition("@")[0]
        yield from filter(None, [user.partition(":")[2] or user.rstrip(":")])
        for fields in (parts.query, parts.fragment):
            yield from (value for name, value in parse_qsl(fields) if is_secret_name(name))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold no secret."""
    return {
        name: value
        for name, value in environment.items()
        if not is_secret_name(name) and next(secrets_in_urls(value), None) is None
    }
