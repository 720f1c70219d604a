"""API keys (manual: APIキー管理). Two kinds live in `api_keys`:

a key of the manual's plain INSERT, where `key` is the whole secret, and a key of `rosterhub keys
create`, where `key` is only the public part and `secret_hash` the SHA-256 of the other.
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.rows import TupleRow, dict_row

from rosterhub.access.scopes import checked

Connection = psycopg.Connection[TupleRow]

LONGEST = 512
"""Bytes of the longest key we look at."""

FIND = """
SELECT key, secret_hash, name, scopes FROM api_keys WHERE is_active AND key IN (%s, %s)
"""
"""The keys that a presented one may be: parameters are its whole and its public part."""

_CREATE = """
INSERT INTO api_keys (key, name, description, secret_hash, scopes) VALUES (%s, %s, %s, %s, %s)
"""

_DISABLE = """
UPDATE api_keys SET is_active = false, updated_at = now() WHERE key = %s RETURNING name
"""

_LIST = """
SELECT key, secret_hash IS NOT NULL AS hashed, name, description, is_active, created_at,
       updated_at, scopes
  FROM api_keys ORDER BY created_at, id
"""

_USAGE = """
SELECT ak.name, ak.key, ak.secret_hash IS NOT NULL AS hashed, count(*) AS total,
       count(*) FILTER (WHERE al.response_status < 400) AS success,
       count(*) FILTER (WHERE al.response_status >= 400) AS errors,
       max(al.created_at) AS last_used
  FROM api_keys ak JOIN audit_logs al ON al.api_key = ak.key
 WHERE al.created_at > now() - make_interval(days => %s)
 GROUP BY ak.id ORDER BY total DESC, ak.name
"""
"""The manual's statistics (APIキー使用状況確認)."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A key as a caller sent it: `KEY.SECRET`, or a plain one, which may have a dot too."""

    whole: str
    public: str
    secret: str

    def opens(self, key: str, secret_hash: str | None) -> bool:
        """Whether this is the key of the row with `key` and `secret_hash`, in constant time."""
        if secret_hash is None:
            return hmac.compare_digest(self.whole.encode(), key.encode())
        right_key = hmac.compare_digest(self.public.encode(), key.encode())
        return right_key and hmac.compare_digest(hashed(self.secret), secret_hash)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it may be shown: `key` is masked where it is the whole secret."""

    key: str
    name: str
    description: str | None
    is_active: bool
    created_at: datetime
    updated_at: datetime
    scopes: list[str]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a key did in the days asked for."""

    name: str
    key: str
    total: int
    success: int
    errors: int
    last_used: datetime


def presented(sent: bytes) -> Presented | None:
    """The key in the bytes of a header, None if they cannot be one."""
    if not 0 < len(sent) <= LONGEST or not sent.isascii():
        return None
    whole = sent.decode("ascii")
    if not whole.isprintable():
        return None
    public, _, secret = whole.partition(".")
    return Presented(whole, public, secret)


def hashed(secret: str) -> str:
    """What we keep of a secret.

    One round of SHA-256 is enough: the secret is 256 random bits, so there is no dictionary to go
    through, and a slow hash would only make every request slow.
    """
    return sha256(secret.encode()).hexdigest()


def masked(key: str) -> str:
    """A key that is itself the secret, so that people can tell it from others and no more."""
    return f"{key[:4]}…" if len(key) > 8 else "…"


def create(
    connection: Connection, name: str, description: str | None, scopes: Iterable[str]
) -> tuple[str, str]:
    """Make a key; returns its public part and the whole of it, which cannot be shown again.

    Raises:
        UnknownScope: one of `scopes` is none.
    """
    key, secret = f"rh_{secrets.token_hex(8)}", secrets.token_urlsafe(32)
    connection.execute(_CREATE, [key, name, description, hashed(secret), checked(scopes)])
    return key, f"{key}.{secret}"


def disable(connection: Connection, key: str) -> str | None:
    """Disable the key with this `key`; returns its name, None if there is none."""
    row = connection.execute(_DISABLE, [key]).fetchone()
    return row[0] if row else None


def every(connection: Connection) -> list[Key]:
    """All keys, oldest first."""
    rows = connection.cursor(row_factory=dict_row).execute(_LIST).fetchall()
    return [Key(**_shown(row)) for row in rows]


def usage(connection: Connection, days: int) -> list[Usage]:
    """What each key that was used in the last `days` days did, busiest first."""
    rows = connection.cursor(row_factory=dict_row).execute(_USAGE, [days]).fetchall()
    return [Usage(**_shown(row)) for row in rows]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shown = dict(row)
    if not shown.pop("hashed"):
        shown["key"] = masked(shown["key"])
    return shown
