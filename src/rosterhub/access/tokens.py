"""Access tokens: issue them, and say who calls with one. A token is a JWT that lives an hour.

Signed with HS256 under random 256-bit keys: only hubs of one database check the tokens, so nothing
is won by a public key, and an HMAC costs microseconds and no further dependency.
"""

import base64
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import jwt

from rosterhub.access.callers import Caller
from rosterhub.access.clients import Client, Clients
from rosterhub.access.signing_keys import SigningKeys

LIFETIME_SECONDS = 3_600

ISSUER = "rosterhub"
"""Not the hub's URL: tokens go on when that changes. Another hub's have another key anyway."""

AUDIENCE = "oneroster"

LONGEST = 2_048
"""Bytes of the longest token we look at; ours have some 300 to 700."""

KEPT = 10_000
"""Tokens whose signature is remembered."""

_ALGORITHM = "HS256"
_REQUIRED = ["iss", "sub", "aud", "iat", "exp", "jti", "scope"]


@dataclass(frozen=True, slots=True)
class _Signed:
    """What a token says that was signed with `secret`, the key `kid`. That stays true for ever."""

    kid: str
    secret: bytes
    client_id: str
    scopes: frozenset[str]
    expires_at: int


class Tokens:
    """The tokens of one process; it shares the keys with all others."""

    def __init__(self, clients: Clients, keys: SigningKeys) -> None:
        self._clients = clients
        self._keys = keys
        self._signed: OrderedDict[bytes, _Signed] = OrderedDict()

    async def caller(self, sent: bytes) -> Caller | None:
        """Who calls with the token `sent` (as in the header), None if it is not good now.

        A disabled client's tokens, and those of a key that is gone, are no good half a second
        later; of its scopes it loses what its client loses.

        Raises:
            psycopg.OperationalError: no database answers.
        """
        name = sha256(sent).digest()
        signed = self._signed.get(name) or await self._check(name, sent)
        if signed is None or signed.expires_at <= time.time():
            return None
        if await self._keys.secret(signed.kid) != signed.secret:
            return None
        client = await self._clients.find(signed.client_id)
        if client is None:
            return None
        return Caller(client.client_id, client.name, signed.scopes & client.scopes)

    async def issue(self, client: Client, scopes: Iterable[str]) -> str:
        """A token that lets `client` do what `scopes` (short names) allow.

        Raises:
            psycopg.Error: there is no key to sign with, and none can be made now.
        """
        key = await self._keys.signing()
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": client.client_id,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": secrets.token_urlsafe(12),
            "scope": " ".join(sorted(scopes)),
        }
        return jwt.encode(  # pyright: ignore[reportUnknownMemberType]
            claims, key.secret, _ALGORITHM, {"kid": key.kid, "typ": "at+jwt"}
        )

    async def _check(self, name: bytes, sent: bytes) -> _Signed | None:
        if len(sent) > LONGEST:
            return None
        kid = _kid(sent)
        secret = await self._keys.secret(kid) if kid else None
        if kid is None or secret is None:
            return None
        try:
            claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType]
                sent,
                secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # The clock of the server that issued it may be ahead of ours.
                options={"require": _REQUIRED, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        scopes = frozenset(claims["scope"].split())
        signed = _Signed(kid, secret, claims["sub"], scopes, claims["exp"])
        self._signed[name] = signed
        while len(self._signed) > KEPT:
            self._signed.popitem(last=False)
        return signed


def _kid(sent: bytes) -> str | None:
    """The key that a token says it was signed with."""
    try:
        # Not by PyJWT: it reads the whole token for that, and then we have it read it again.
        header = json.loads(base64.urlsafe_b64decode(sent.partition(b".")[0] + b"=="))
    # The header is whatever somebody sent: no base64, no text, JSON too deep to parse.
    except (ValueError, RecursionError):
        return None
    kid = cast(dict[str, object], header).get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else None
