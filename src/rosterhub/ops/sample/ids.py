"""Identity and chance from (seed, kind, number): any row of any file without the rows before it.

Nothing here knows what the rows are.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

_VARIANT = {c: "89ab"[int(c, 16) & 3] for c in "0123456789abcdef"}


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance gives to one thing: two UUIDs of the form of version 4, and 128 random bits."""

    digits: str

    @property
    def id(self) -> str:
        """The sourcedId."""
        return _uuid(self.digits)

    @property
    def second_id(self) -> str:
        """Another id of the same thing: a person's userMasterIdentifier."""
        return _uuid(self.digits[32:64])

    @property
    def bits(self) -> int:
        """128 random bits to make choices by."""
        return int(self.digits[64:], 16)


@dataclass(frozen=True)
class Chance:
    """The source of all ids and choices of one board."""

    seed: int

    @cached_property
    def _root(self) -> "blake2b":
        return blake2b(b"rosterhub sample %d:" % self.seed, digest_size=48)

    def draw(self, kind: str, number: int, part: int = 0) -> Draw:
        """What chance gives to the thing of `kind` with this number (and part, if it has any)."""
        state = self._root.copy()
        state.update(f"{kind} {number} {part}".encode())
        return Draw(state.hexdigest())

    def id(self, kind: str, number: int, part: int = 0) -> str:
        """The sourcedId of a thing, where nothing else of it is needed."""
        return self.draw(kind, number, part).id


def _uuid(digits: str) -> str:
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}"
        f"-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"
    )
