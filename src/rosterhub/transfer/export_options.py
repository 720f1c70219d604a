"""The options of an export as somebody gives them: query parameters, CLI options, settings.

An unknown option, or a value that it does not take, is an error that says what it takes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rosterhub.model import values
from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES, Profile


@dataclass(frozen=True, slots=True)
class Choice:
    """What to export, and how.

    `as_of` is a moment in the past, in the zone in which it was stated; `since` asks for what
    changed after it, and only that; `orgs` limits the roster to theirs. `excel` is for a
    spreadsheet to show, never to be imported.
    """

    profile: Profile = PROFILES[DEFAULT_PROFILE]
    bom: bool = False
    excel: bool = False
    as_of: datetime | None = None
    since: datetime | None = None
    orgs: tuple[str, ...] = ()

    @property
    def quoted(self) -> bool:
        """Whether every value is in quotes, and rows end with CRLF."""
        return self.profile.japanese or self.excel


class ChoiceError(ValueError):
    """An option that we do not know, or a value that it does not take; the text says which."""


NAMES = ("profile", "bom", "excel", "asOf", "since", "org")
_ORG = re.compile(f"[{values.GUID_CHARACTERS}]{{1,{values.GUID_MAX_LENGTH}}}")
_MOST_ORGS = 1_000


def choose(given: Iterable[tuple[str, str]], history_days: int) -> Choice:
    """What the options in `given` ask for; of them `org` alone may stand more than once.

    Raises:
        ChoiceError: an unknown option or value, or two that do not go together.
    """
    orgs: list[str] = []
    found: dict[str, str] = {}
    for name, value in given:
        if name not in NAMES:
            raise ChoiceError(f"Unknown parameter {name[:40]!r}; known: {', '.join(NAMES)}.")
        if name == "org":
            orgs.append(value)
        elif name in found:
            raise ChoiceError(f"The parameter {name} stands twice.")
        else:
            found[name] = value
    if len(orgs) > _MOST_ORGS:
        raise ChoiceError(f"org stands {_MOST_ORGS:,} times at most.")
    for org in orgs:
        if not _ORG.fullmatch(org):
            raise ChoiceError(f"org is the sourcedId of an org, not {org[:40]!r}.")
    if "asOf" in found and "since" in found:
        raise ChoiceError("asOf and since do not go together: a delta ends now.")
    return Choice(
        profile=profile_named(found.get("profile", DEFAULT_PROFILE)),
        bom=_switch("bom", found),
        excel=_switch("excel", found),
        as_of=_moment("asOf", found, history_days),
        since=_moment("since", found, history_days),
        orgs=tuple(dict.fromkeys(orgs)),
    )


def profile_named(name: str) -> Profile:
    """The profile with the id `name`.

    Raises:
        ChoiceError: there is none; the text lists those that there are.
    """
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(PROFILES)
        raise ChoiceError(f"profile is one of {known}, not {name[:40]!r}.") from None


def _switch(name: str, found: dict[str, str]) -> bool:
    value = found.get(name, "false")
    if value not in ("true", "false"):
        raise ChoiceError(f"{name} is true or false.")
    return value == "true"


def _moment(name: str, found: dict[str, str], history_days: int) -> datetime | None:
    text = found.get(name)
    if text is None:
        return None
    moment = values.moment(text)
    if moment is None:
        raise ChoiceError(f"{name} is a time such as 2026-05-01T00:00:00Z, not {text[:40]!r}.")
    # The clock of the database may be a little ahead of ours.
    if moment > datetime.now(UTC) + timedelta(minutes=1):
        raise ChoiceError(f"{name} lies in the future.")
    if moment < datetime.now(UTC) - timedelta(days=history_days):
        raise ChoiceError(f"{name} is more than {history_days} days ago (HISTORY_DAYS).")
    return moment
