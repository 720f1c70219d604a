"""The language of whoever sits at the terminal."""

import os

from rosterhub.settings import SettingsError, settings
from rosterhub.transfer.issues import Language

_NO_LANGUAGE = ("C", "POSIX")


def language() -> Language:
    """Japanese where the environment asks for it (LC_ALL, LC_MESSAGES, LANG), or names no language,
    as in a container, and ROSTERHUB_LANGUAGE does; else English.
    """
    asked = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, asked), "")
    if not name or name.partition(".")[0] in _NO_LANGUAGE:
        name = _set()
    return "ja" if name.lower().startswith("ja") else "en"


def _set() -> str:
    try:
        return settings().rosterhub_language
    except SettingsError:
        return ""
