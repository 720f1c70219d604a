"""The options of an import as somebody gives them: form fields, query parameters, CLI options.

An unknown option, or a value that it does not take, is an error that says what it takes.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar, get_args

from rosterhub.model.profiles import READ_PROFILES
from rosterhub.transfer.issues import Level
from rosterhub.transfer.package import Mode
from rosterhub.transfer.reader import ENCODINGS
from rosterhub.transfer.records import OnError, Request

MODES: tuple[Mode, ...] = ("merge", "bulk", "delta")
LEVELS: tuple[Level, ...] = get_args(Level)
ON_ERROR: tuple[OnError, ...] = get_args(OnError)
SOURCE = "[0-9A-Za-z][0-9A-Za-z._-]{0,63}"
"""How a sending system may be called, as a regular expression."""
IDEMPOTENCY_KEY = "[!-~]{1,255}"
"""What a sender may call one sending, as a regular expression."""
BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
NAMES = ("mode", "source", "encoding", "dryRun", "level", "onError", "placeholders", "profile")

_T = TypeVar("_T", bound=str)


class OptionError(ValueError):
    """An option that we do not know, or a value that it does not take; the text says which."""


def refuse_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise OptionError for the first of `given` that is not `known`."""
    for name in given:
        if name not in known:
            raise OptionError(f"Unknown option {name[:40]!r}; known: {', '.join(known)}.")


def each_once(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The options by their names; raise OptionError for one that is given twice."""
    found: dict[str, str] = {}
    for name, value in given:
        if name in found:
            raise OptionError(f"The option {name[:40]!r} is given twice.")
        found[name] = value
    return found


def request(
    file_name: str,
    entity: str | None,
    given: Mapping[str, str],
    api_key: str | None,
    idempotency_key: str | None = None,
) -> Request:
    """What the options in `given` ask for.

    Raises:
        OptionError: an unknown option or value.
    """
    refuse_unknown(given, NAMES)
    mode = _one_of("mode", MODES, given.get("mode"))
    if mode is not None and entity is None:
        raise OptionError("A package's manifest states the mode of each file; leave mode out.")
    source = given.get("source", "default")
    if not re.fullmatch(SOURCE, source):
        raise OptionError("source is 1 to 64 of 0-9 A-Z a-z . _ - and begins with one of 0-9 A-z.")
    encoding = given.get("encoding")
    if encoding is not None and encoding.lower() not in ENCODINGS:
        raise OptionError(f"encoding is one of {', '.join(ENCODINGS)}, not {encoding[:40]!r}.")
    level: Level = _one_of("level", LEVELS, given.get("level")) or "tolerant"
    if level == "strict" and encoding and encoding.lower() != "utf-8":
        raise OptionError("The level strict takes UTF-8 and nothing else; leave encoding out.")
    if idempotency_key is not None and not re.fullmatch(IDEMPOTENCY_KEY, idempotency_key):
        raise OptionError("Idempotency-Key is 1 to 255 ASCII characters without spaces.")
    return Request(
        file_name="".join(filter(str.isprintable, file_name))[:255] or "upload",
        entity=entity,
        mode=mode,
        source=source,
        encoding=encoding and encoding.lower(),
        dry_run=_boolean("dryRun", given),
        level=level,
        profile=_one_of("profile", READ_PROFILES, given.get("profile")),
        placeholders=_boolean("placeholders", given),
        on_error=_one_of("onError", ON_ERROR, given.get("onError")) or "reject",
        api_key=api_key,
        idempotency_key=idempotency_key,
    )


def _one_of(name: str, known: Iterable[_T], value: str | None) -> _T | None:
    """`value`, which is one of `known` if it is given."""
    found = next((k for k in known if k == value), None)
    if value is not None and found is None:
        raise OptionError(f"{name} is one of {', '.join(known)}, not {value[:40]!r}.")
    return found


def _boolean(name: str, given: Mapping[str, str]) -> bool:
    value = given.get(name, "false").lower()
    if value not in BOOLEANS:
        raise OptionError(f"{name} is true or false.")
    return BOOLEANS[value]
