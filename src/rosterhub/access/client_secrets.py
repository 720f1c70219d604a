"""Whether somebody is the client that they say: the check of client ids and secrets.

One hash is computed at a time and beside the event loop, so that wrong secrets cost a process one
core at most; a secret that was right is not hashed again for a minute. No secret is kept.
"""

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict

from argon2.exceptions import InvalidHashError, VerificationError

from rosterhub.access.clients import HASHER, Client, Clients
from rosterhub.access.failures import Failures

PROVED_SECONDS = 60.0
"""How long a right secret is taken without computing its hash again."""

WAITING = 64
"""Checks that may wait for their turn; at some 20 ms each the last waits little over a second."""

LONGEST = 256
"""Characters of the longest id or secret we look at."""

_PROVED = 10_000


class TooMuch(Exception):  # noqa: N818
    """No check just now, because somebody failed too often or because too many wait."""

    def __init__(self, why: str, seconds: int) -> None:
        super().__init__(why)
        self.seconds = seconds


class TooManyFailures(TooMuch):
    """From this address, for this client."""


class ClientSecrets:
    """The check of one process, and the proofs of its last minute."""

    def __init__(self, clients: Clients, failures: Failures) -> None:
        self._clients = clients
        self._failures = failures
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        # A quick keyed hash, whose key never leaves this process, stands in for the slow one.
        self._key = secrets.token_bytes(32)
        self._proved: OrderedDict[bytes, float] = OrderedDict()

    async def client(self, client_id: str, secret: str, address: str) -> Client | None:
        """The client with this id if `secret` is its secret, else None.

        A client that proved itself within the last minute is let in whatever others try in its
        name: only who has not is made to wait, by `address`.

        Raises:
            TooMuch: try again later, without having looked at the secret.
            psycopg.OperationalError: no database answers.
        """
        client = await self._clients.find(client_id) if _possible(client_id, secret) else None
        proof = self._proof(client, secret) if client else b""
        if self._holds(proof):
            return client
        if self._waiting >= WAITING:
            raise TooMuch("Too many secrets are being checked. Try again in a second.", 1)
        self._waiting += 1
        try:
            async with self._turn:
                # While we waited, the same client may have proved itself.
                if self._holds(proof):
                    return client
                wait = await self._failures.seconds_to_wait(client_id, address)
                if wait:
                    raise TooManyFailures(f"Too many failures. Try again in {wait} seconds.", wait)
                # Ids are random, so that nothing is given away by being quick with unknown ones.
                if client and await asyncio.to_thread(_verify, client.secret_hash, secret):
                    self._keep(proof)
                    return client
                await self._failures.note(client_id, address)
                return None
        finally:
            self._waiting -= 1

    def _proof(self, client: Client, secret: str) -> bytes:
        # With the stored hash in it, no proof outlives a change of the secret.
        text = "\0".join((client.client_id, client.secret_hash, secret))
        return hmac.digest(self._key, text.encode(), "sha256")

    def _holds(self, proof: bytes) -> bool:
        return self._proved.get(proof, 0.0) > time.monotonic()

    def _keep(self, proof: bytes) -> None:
        self._proved[proof] = time.monotonic() + PROVED_SECONDS
        self._proved.move_to_end(proof)
        while len(self._proved) > _PROVED:
            self._proved.popitem(last=False)


def _possible(client_id: str, secret: str) -> bool:
    """Whether these may be an id and a secret at all: printable ASCII, not endless."""
    return all(
        0 < len(text) <= LONGEST and text.isascii() and text.isprintable()
        for text in (client_id, secret)
    )


def _verify(secret_hash: str, secret: str) -> bool:
    try:
        return HASHER.verify(secret_hash, secret)
    except (VerificationError, InvalidHashError):
        return False
