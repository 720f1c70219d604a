"""Which CSV profile an import follows: the one asked for, or what manifest and headers show.

Only the family is certain from outside: a stricter profile has the columns of a milder one, and is
never taken unless it is asked for. What Japanese profiles ask of values is in `japan`.
"""

from collections.abc import Iterable

from rosterhub.model.profiles import PROFILES, READ_PROFILES, Profile
from rosterhub.transfer.issues import Issue
from rosterhub.transfer.staged import StagedFile


def taken(asked: str | None, version: str | None, files: list[StagedFile]) -> Profile:
    """The profile to read by; `version` is what the manifest says, if there is one."""
    return READ_PROFILES[asked] if asked else _detected(version, files)


def _detected(version: str | None, files: list[StagedFile]) -> Profile:
    columns = {c.csv: c.field for file in files for c in file.columns.staged}
    lower = any(c != f.csv for c, f in columns.items())
    japanese = any(f.profiles and f.metadata_key for f in columns.values())
    if version == "1.1" or "orgSourcedIds" in columns:
        return READ_PROFILES["ims-1.1"]
    if version == "1.2_JP" or lower:
        return PROFILES["jp-k12-1"]
    if japanese:
        return PROFILES["jp-1.1" if "resourceSourcedIds" in columns else "jp-1.2.1"]
    return PROFILES["ims-1.2.1" if version == "1.2.1" else "ims-1.2"]


def issues(profile: Profile, version: str | None, files: Iterable[StagedFile]) -> list[Issue]:
    """What manifest and headers lack of `profile`."""
    found: list[Issue] = []
    if version is not None and _line(version) != _line(profile.version):
        details = {"value": version, "other": profile.version, "profile": profile.id}
        found.append(Issue("profile_version", "warning", "manifest.csv", details=details))
    if profile.stricter:
        for file in files:
            for csv in REQUIRED_BY_STRICTER.get(file.entity.name, ()):
                if not file.has(csv):
                    details = {"value": csv, "profile": profile.id}
                    issue = Issue("jp_column_missing", "warning", file.name, 1, csv, details)
                    found.append(issue)
    return found


def _line(version: str) -> str:
    """Versions that nothing but a correction sets apart are one: producers write either."""
    return "1.2" if version == "1.2.1" else version


REQUIRED_BY_STRICTER = {
    "users": (
        "userMasterIdentifier",
        "preferredGivenName",
        "preferredFamilyName",
        "metadata.jp.kanaGivenName",
        "metadata.jp.kanaFamilyName",
    ),
    "enrollments": ("primary",),
}
"""What the stricter Japanese profiles want in every row (spec/japan-profiles.md)."""
