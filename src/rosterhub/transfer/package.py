"""An upload opened: the CSV files in it, what the manifest says of them, and what is odd about it.

Facts: spec/csv.md, "Package". Nothing is unpacked to disk; members are read as streams, bounded.
"""

import csv
import io
import struct
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Literal, cast

from rosterhub.model.entities import ENTITIES, Entity
from rosterhub.model.profiles import VERSIONS
from rosterhub.transfer import looks
from rosterhub.transfer.inflate import open_member
from rosterhub.transfer.issues import Issue, RefusedError
from rosterhub.transfer.reader import DAMAGED
from rosterhub.transfer.upload import TooMuchError, Upload

Mode = Literal["bulk", "delta", "merge"]
MANIFEST = "manifest.csv"
_MANIFEST_LIMIT = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members may be packed: the others can unpack a few bytes to gigabytes in one step."""
_UNREADABLE = (*DAMAGED, NotImplementedError, OSError, ValueError, RuntimeError, struct.error)
"""What `zipfile` raises over a file that is no zip, or a damaged one."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One CSV file to import: its entity, its name as sent, its mode, and how to open it.

    `assumed` says that the mode is the usual one, because the manifest has none.
    """

    entity: Entity
    name: str
    mode: Mode
    open: Callable[[], IO[bytes]]
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Package:
    """The files of an upload in the order of `ENTITIES`; `issues` are warnings and errors.

    `unread` are the entities whose files should be there or should not, and so were left unread.
    """

    files: tuple[PackageFile, ...]
    unread: frozenset[str] = frozenset()
    version: str | None = None
    issues: list[Issue] = field(default_factory=list[Issue])

    @property
    def has_more(self) -> bool:
        """Whether there are files of which nobody knows what they hold."""
        return any(issue.code == "file_extra" for issue in self.issues)


@contextmanager
def open_package(upload: Callable[[], Upload], unpacked_limit: int) -> Generator[Package]:
    """Open the zip that `upload` gives.

    Raises:
        RefusedError: it is no zip, or not one that is safe to read.
    """
    if not _start(upload).startswith(looks.ZIP):
        raise RefusedError(Issue("zip_expected"))
    with _archive(upload) as archive:
        yield _read_package(archive, upload, unpacked_limit)


def single_file(upload: Callable[[], Upload], entity: str, mode: Mode, name: str) -> Package:
    """The package that one CSV file is by itself (spec/csv.md, end: no manifest).

    Raises:
        RefusedError: the file is a zip, or another kind of file that is no CSV.
    """
    start = _start(upload)
    if start.startswith(looks.ZIP):
        with _archive(upload):
            raise RefusedError(Issue("zip_for_entity", file=name))
    kind = looks.kind(start)
    if kind:
        raise RefusedError(Issue("not_csv", file=name, details={"value": kind}))
    return Package(
        (PackageFile(ENTITIES[entity], name, mode, lambda: cast("IO[bytes]", upload())),)
    )


def _start(upload: Callable[[], Upload]) -> bytes:
    with upload() as stream:
        return stream.read(64)


@contextmanager
def _archive(upload: Callable[[], Upload]) -> Generator[zipfile.ZipFile]:
    """The zip that `upload` gives; an Excel workbook is refused by its name."""
    with upload() as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except TooMuchError as error:
            raise RefusedError(Issue("zip_members")) from error
        except _UNREADABLE as error:
            raise RefusedError(Issue("zip_invalid", details={"value": str(error)})) from error
        with archive:
            if any(name.startswith("xl/") for name in archive.namelist()):
                raise RefusedError(Issue("not_csv", details={"value": "Excel (xlsx)"}))
            yield archive


def _read_package(
    archive: zipfile.ZipFile, upload: Callable[[], Upload], unpacked_limit: int
) -> Package:
    issues: list[Issue] = []
    members = _members(archive, unpacked_limit, issues)
    if MANIFEST not in members:
        raise RefusedError(Issue("manifest_missing", file=MANIFEST))
    member = members.pop(MANIFEST)
    manifest = _manifest(_opener(archive, member, upload), member.filename, issues)
    announced, version = manifest.announced, manifest.version
    unsaid = [e.file for e in ENTITIES.values() if e.file in members and e.name not in announced]
    for key, line in manifest.unknown_files:
        issues.append(_unknown_file(key, unsaid, member.filename, line))
    files: list[PackageFile] = []
    unread: set[str] = set()
    for entity in ENTITIES.values():
        member = members.get(entity.file)
        mode = announced.get(entity.name) or _unannounced(entity, member, version, issues)
        if (mode == "absent") == bool(member):
            unread.add(entity.name)
        if mode == "absent" and member:
            issues.append(Issue("file_not_announced", file=member.filename))
        elif mode != "absent" and not member:
            issues.append(Issue("file_missing", file=entity.file, details={"value": mode}))
        elif member and mode in ("bulk", "delta"):
            opener, assumed = _opener(archive, member, upload), entity.name not in announced
            files.append(PackageFile(entity, member.filename, mode, opener, assumed))
    if not files and not any(i.severity == "error" for i in issues):
        raise RefusedError(Issue("package_empty", file=MANIFEST))
    return Package(tuple(files), frozenset(unread), version, issues)


def _members(
    archive: zipfile.ZipFile, unpacked_limit: int, issues: list[Issue]
) -> dict[str, zipfile.ZipInfo]:
    """The members by the standard's file name, each looked at before anything is read."""
    known = {name.lower(): name for name in (MANIFEST, *(e.file for e in ENTITIES.values()))}
    found: dict[str, zipfile.ZipInfo] = {}
    if sum(m.file_size for m in archive.infolist()) > unpacked_limit:
        raise RefusedError(Issue("zip_bomb", details={"value": unpacked_limit}))
    for member in archive.infolist():
        name = _name(member)
        if name.startswith("__MACOSX/") or name.endswith("/.DS_Store") or name == ".DS_Store":
            continue
        if member.flag_bits & 1:
            raise RefusedError(Issue("zip_encrypted", file=name, details={"value": name}))
        if member.compress_type not in _METHODS:
            raise RefusedError(Issue("zip_method", file=name, details={"value": name}))
        if "/" in name or "\\" in name or name in (".", ".."):
            raise RefusedError(Issue("zip_path", file=name, details={"value": name}))
        if name.lower().endswith(".zip"):
            raise RefusedError(Issue("zip_nested", file=name, details={"value": name}))
        standard = known.get(name.lower())
        if not standard:
            issues.append(Issue("file_extra", "warning", file=name))
            continue
        if standard in found:
            raise RefusedError(Issue("zip_duplicate", file=name, details={"value": name}))
        if standard != name:
            issues.append(
                Issue("file_name_case", "warning", file=name, details={"value": standard})
            )
        found[standard] = member
    return found


_NAME_IS_UTF8 = 1 << 11
"""The flag of a member; without it `zipfile` takes the name for CP437."""


def _name(member: zipfile.ZipInfo) -> str:
    """What a member is called; Japanese Windows writes names in CP932, where the second byte of a
    letter may be a backslash's.
    """
    if member.flag_bits & _NAME_IS_UTF8:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("cp932")
    except UnicodeError:
        return member.filename


@dataclass(slots=True)
class _Manifest:
    """What the manifest says: entity -> absent | bulk | delta, the OneRoster version, and which
    properties `file.…` on which lines are of no file that there is.
    """

    announced: dict[str, str] = field(default_factory=dict[str, str])
    version: str | None = None
    unknown_files: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


_FILE_PROPERTIES = {f"file.{name}".lower(): f"file.{name}" for name in ENTITIES}


def _manifest(opened: Callable[[], IO[bytes]], name: str, issues: list[Issue]) -> _Manifest:
    """Read the manifest, whose file is called `name`."""
    try:
        with opened() as stream:
            data = stream.read(_MANIFEST_LIMIT + 1)
    except DAMAGED as error:
        details = {"value": f"{name}: {error}"}
        raise RefusedError(Issue("zip_invalid", details=details)) from error
    rows = _manifest_rows(data, name)
    if data.startswith(b"\xef\xbb\xbf"):
        issues.append(Issue("bom", "warning", file=name, line=1))
    header = [c.strip() for c in rows[0][:2]] if rows else []
    if header != ["propertyName", "value"] or len(data) > _MANIFEST_LIMIT:
        raise RefusedError(Issue("manifest_invalid", file=name, line=1))
    said = _Manifest()
    seen: set[str] = set()
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) < 2 or any(cell.strip() for cell in row[2:]):
            raise RefusedError(Issue("manifest_invalid", file=name, line=line))
        written, value = row[0].strip(), row[1].strip()
        key = _FILE_PROPERTIES.get(written.lower(), written)
        if key != written:
            details = {"value": written, "taken": key}
            issues.append(
                Issue("manifest_property_case", "warning", name, line, "propertyName", details)
            )
        if key in seen:
            issues.append(
                Issue("manifest_property_twice", "error", name, line, details={"property": key})
            )
        seen.add(key)
        if key == "oneroster.version":
            said.version = value
            if value not in VERSIONS:
                known = ", ".join(sorted(VERSIONS))
                issues.append(_bad_value(key, value, known, name, line))
        elif key == "manifest.version":
            if value == "1":
                # Excel saves the number so.
                details = {"value": value, "taken": "1.0"}
                issues.append(Issue("manifest_value_form", "warning", name, line, "value", details))
            elif value != "1.0":
                issues.append(_bad_value(key, value, "1.0", name, line))
        elif key.lower() in _FILE_PROPERTIES:
            mode = value.lower()
            if mode in ("absent", "bulk", "delta"):
                said.announced[key.removeprefix("file.")] = mode
                if mode != value:
                    details = {"value": value, "taken": mode}
                    issues.append(
                        Issue("enumeration_case", "warning", name, line, "value", details)
                    )
            elif value:
                issues.append(_bad_value(key, value, "absent, bulk, delta", name, line))
                said.announced[key.removeprefix("file.")] = "invalid"
        elif key.lower().startswith("file."):
            said.unknown_files.append((key, line))
        elif key not in ("source.systemName", "source.systemCode"):
            issues.append(_unknown(key, name, line))
    for key, taken in (("manifest.version", "1.0"), ("oneroster.version", "1.2")):
        if key not in seen:
            details = {"property": key, "value": taken}
            issues.append(Issue("manifest_property_missing", "warning", name, details=details))
    return said


def _manifest_rows(data: bytes, name: str) -> list[list[str]]:
    """The rows of the manifest; where it is no CSV, it is refused at the row that breaks."""
    # What is no UTF-8 can only stand in values that nobody reads, like the system's name.
    text = data.decode("utf-8-sig", "replace")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    begin = 1
    try:
        for row in reader:
            rows.append(row)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise RefusedError(Issue("manifest_invalid", file=name, line=begin)) from error
    return rows


def _unknown(key: str, file: str, line: int) -> Issue:
    details = {"property": key}
    return Issue("manifest_property_unknown", "warning", file, line, details=details)


def _unknown_file(key: str, unsaid: list[str], file: str, line: int) -> Issue:
    """The issue for a property of no file: the mode of one of the files `unsaid` may be meant."""
    if not unsaid:
        return _unknown(key, file, line)
    details = {"property": key, "value": ", ".join(unsaid)}
    return Issue("manifest_property_unclear", "error", file, line, details=details)


def _bad_value(key: str, value: str, known: str, file: str, line: int) -> Issue:
    details = {"property": key, "value": value, "known": known}
    return Issue("manifest_value", "error", file, line, details=details)


def _unannounced(
    entity: Entity, member: zipfile.ZipInfo | None, version: str | None, issues: list[Issue]
) -> str:
    mode = "bulk" if member else "absent"
    if member or not (version == "1.1" and entity.since != "1.1"):
        details = {"property": f"file.{entity.name}", "value": mode}
        issues.append(Issue("manifest_property_missing", "warning", MANIFEST, details=details))
    return mode


def _opener(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, upload: Callable[[], Upload]
) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        try:
            return open_member(archive, member, lambda: cast("IO[bytes]", upload()))
        except _UNREADABLE as error:
            details = {"value": f"{member.filename}: {error}"}
            raise RefusedError(Issue("zip_invalid", details=details)) from error

    return opened
