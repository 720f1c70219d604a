"""Rosters that follow one another, every row changed each time, and what a hub must hold then.

Independent of how imports work: plain dictionaries say what the standard's bulk mode means.
"""

import io
import zipfile
from dataclasses import dataclass, field

from rosterhub.model.entities import ENTITIES

SCHOOLS = 20
User = tuple[str, str, str]
"""Status, given name, family name."""
Role = tuple[str, str]
"""Status, role."""


def family(generation: int) -> str:
    """The family name of everybody in a generation: who sees two of them sees half an import."""
    return f"G{generation}"


def present(number: int, generation: int) -> bool:
    """Whether a person is in the file: each time a tenth is left out, another one every time."""
    return (number + generation) % 10 != 0


def role(number: int, generation: int) -> str:
    """Everybody changes from pupil to teacher and back."""
    return "student" if (number + generation) % 2 else "teacher"


def package(people: int, generation: int) -> bytes:
    """The generation as a bulk package of about twice as many rows as `people`."""
    there = [n for n in range(people) if present(n, generation)]
    users = "".join(
        f"u{n:06},true,u{n:06}@mihon.example,{_given(n)},{family(generation)},s{n % SCHOOLS}\r\n"
        for n in there
    )
    roles = "".join(
        f"r{n:06},u{n:06},primary,{role(n, generation)},s{n % SCHOOLS}\r\n" for n in there
    )
    orgs = "".join(f"s{n},School {n},school\r\n" for n in range(SCHOOLS))
    files = {
        "orgs": f"sourcedId,name,type\r\n{orgs}",
        "users": f"{_USERS}\r\n{users}",
        "roles": f"sourcedId,userSourcedId,roleType,role,orgSourcedId\r\n{roles}",
    }
    manifest = ["propertyName,value", "manifest.version,1.0", "oneroster.version,1.2"]
    manifest += [f"file.{name},{'bulk' if name in files else 'absent'}" for name in ENTITIES]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("manifest.csv", "\r\n".join(manifest) + "\r\n")
        for name, text in files.items():
            archive.writestr(f"{name}.csv", text)
    return out.getvalue()


_USERS = "sourcedId,enabledUser,username,givenName,familyName,primaryOrgSourcedId"


def _given(number: int) -> str:
    return f"花{number}"


@dataclass(slots=True)
class Expected:
    """What the hub holds after the generations so far."""

    people: int
    generation: int | None = None
    users: dict[str, User] = field(default_factory=dict[str, User])
    roles: dict[str, Role] = field(default_factory=dict[str, Role])
    replaced: int = 0

    def after(self, generation: int) -> "Expected":
        """The same after one more; `replaced` are the records it changes or deletes."""
        users, roles, replaced = dict(self.users), dict(self.roles), 0
        for n in range(self.people):
            user, own = f"u{n:06}", f"r{n:06}"
            if present(n, generation):
                replaced += (user in users) + (own in roles)
                users[user] = ("active", _given(n), family(generation))
                roles[own] = ("active", role(n, generation))
            elif user in users and users[user][0] == "active":
                replaced += 2
                users[user] = ("tobedeleted", *users[user][1:])
                roles[own] = ("tobedeleted", roles[own][1])
        return Expected(self.people, generation, users, roles, replaced)

    @property
    def seen(self) -> tuple[list[str] | None, int]:
        """What a reader sees: the family names of those who are active, and how many those are."""
        active = sum(status == "active" for status, *_ in self.users.values())
        return (None if self.generation is None else [family(self.generation)]), active
