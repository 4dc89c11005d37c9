"""The seal of a run: proof that a search of this user, on this machine, wrote its `search.json`.

A seal is an HMAC-SHA256 over all that the file tells and the folder it lies in, with a random key that only this user
can read. A folder that was copied, moved or edited has none, and neither has that of another.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from ..errors import GeniusError
from ..record.files import NotPlain, open_plain, read_plain
from ..record.settings import SETTINGS_FILE, Settings
from ..record.settings.settings import SETTINGS, read_settings

_KEY_FILE, _KEY_BYTES = "seal.key", 32


def state_folder() -> Path:
    """Return the folder of this user's state on this machine: `GENIUS_STATE`, else the platform's own."""
    if named := os.environ.get("GENIUS_STATE"):
        return Path(named)
    import platformdirs

    return platformdirs.user_state_path("genius")


def save_sealed(settings: Settings, folder: Path) -> None:
    """Write a run's `search.json` with its seal; without one where this user can keep no key.

    All modules, servers and paths of the settings are to be the user's: named in a call, trusted, or sealed before.
    """
    run = replace(settings.run, seal="")
    settings = replace(settings, run=run)
    if (key := _key(new=True)) is not None:
        seal = _seal(key, json.loads(json.dumps(SETTINGS.plain(settings))), folder)
        settings = replace(settings, run=replace(run, seal=seal))
    settings.save(folder)


def sealed_settings(folder: Path) -> Settings | None:
    """Return the settings of a run that bears this user's seal; None for any other."""
    try:
        content = read_plain(folder / SETTINGS_FILE)
        seal = read_settings(content).run.seal
        told = json.loads(content)
    except (OSError, ValueError, GeniusError):  # one that cannot be read has no seal: whoever needs it says why
        return None
    if not seal or (key := _key(new=False)) is None:
        return None
    told["run"]["seal"] = ""
    if not hmac.compare_digest(seal.encode(), _seal(key, told, folder).encode()):
        return None
    return read_settings(json.dumps(told).encode())  # of the sealed text, should the file tell a thing twice


def _seal(key: bytes, told: object, folder: Path) -> str:
    sealed = json.dumps([told, os.path.realpath(folder)], sort_keys=True)
    return hmac.new(key, sealed.encode(), hashlib.sha256).hexdigest()


def _key(*, new: bool) -> bytes | None:
    """Return this user's key, perhaps a new one; None where there is none that this user alone can read."""
    path = state_folder() / _KEY_FILE
    try:
        if new and not path.exists():
            _make_key(path)
        with open(path, "rb", opener=open_plain) as file:
            key, told = file.read(_KEY_BYTES + 1), os.fstat(file.fileno())
    except (OSError, NotPlain, NotImplementedError):
        return None
    return key if len(key) == _KEY_BYTES and _is_private(told) else None


def _make_key(path: Path) -> None:
    """Write a new key, unless another process just did."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            return
        partial = path.with_suffix(".part")
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


def _is_private(told: os.stat_result) -> bool:
    """Tell whether a file is this user's and closed to others; on Windows, files of a user's own folder are."""
    if not hasattr(os, "geteuid"):
        return True
    return told.st_uid == os.geteuid() and not told.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
