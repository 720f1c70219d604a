"""The language of whoever sits at the terminal."""

import locale
import os

from rosterhub.transfer.issues import Language


def language() -> Language:
    """Japanese where the environment asks for it (LC_ALL, LC_MESSAGES, LANG), else English."""
    asked = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, asked), None) or locale.getlocale()[0] or ""
    return "ja" if name.lower().startswith("ja") else "en"
