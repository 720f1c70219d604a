"""The floor of the reads: a bare ASGI app that runs one SQL statement and hands on its text.

It has no keys, no audit, no parameters, no counts and no links, and the same driver and server.
"""

import os
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from rosterhub.model.objects import properties
from rosterhub.store.documents import document

_ROOT = "http://127.0.0.1:3000"


def _list(rows: str, entity: str = "users") -> bytes:
    one = document(properties(entity))
    return (
        f"SELECT '{{\"{entity}\":[' || string_agg({one}, ',') || ']}}' FROM ({rows}) t"
        " WHERE $1::text IS NOT NULL"
    ).encode()


def statements(
    size: int, user: str, classroom: str, school: str
) -> dict[str, tuple[bytes, tuple[str, ...]]]:
    """What a person would write for each of the reads, by the path it is asked for at."""
    order = "ORDER BY t.sourced_id LIMIT 100"
    contains = "SELECT t.* FROM users t WHERE t.family_name ILIKE '%田%'"
    one = f"SELECT '{{\"user\":' || {document(properties('users'))} || '}}' FROM users t"
    students = (
        "SELECT t.* FROM users t WHERE t.sourced_id IN (SELECT e.user_sourced_id FROM enrollments e"
        " WHERE e.class_sourced_id = $2 AND e.role = 'student' AND e.status = 'active')"
    )
    enrollments = "SELECT t.* FROM enrollments t WHERE t.school_sourced_id = $2"
    return {
        "/list": (_list(f"SELECT t.* FROM users t {order}"), ()),
        "/page": (_list(f"SELECT t.* FROM users t {order} OFFSET {size * 9 // 10}"), ()),
        "/one": (f"{one} WHERE t.sourced_id = $2".encode(), (user,)),
        "/contains": (_list(f"{contains} {order}"), ()),
        "/class-students": (_list(f"{students} {order}"), (classroom,)),
        "/school-enrollments": (_list(f"{enrollments} {order}", "enrollments"), (school,)),
    }


class App:
    """The ASGI app."""

    def __init__(self) -> None:
        self._pool: AsyncConnectionPool[Any] | None = None
        size, user, classroom, school = os.environ["PLAIN"].split()
        self._statements = statements(int(size), user, classroom, school)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            kwargs = {"autocommit": True}
            self._pool = AsyncConnectionPool(
                os.environ["DATABASE_URL"], min_size=1, max_size=8, open=False, kwargs=kwargs
            )
            await self._pool.open()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert self._pool
        sql, values = self._statements[scope["path"]]
        async with self._pool.connection() as connection:
            cursor = psycopg.AsyncRawCursor(connection)
            await cursor.execute(sql, (_ROOT, *values))
            assert cursor.pgresult
            body = cursor.pgresult.get_value(0, 0) or b""
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


app = App()
