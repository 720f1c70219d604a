"""Hand an import to the workers from outside the API: keep its upload, say that it is there."""

import asyncio
from collections.abc import Iterator
from typing import BinaryIO

from rosterhub.jobs.app import opened
from rosterhub.jobs.tasks import defer_import
from rosterhub.settings import Settings
from rosterhub.transfer import records
from rosterhub.transfer.stage import Connection


def submit(
    config: Settings, connection: Connection, request: records.Request, upload: BinaryIO
) -> int:
    """Create the import that `request` asks for and queue it; its id."""
    import_id = records.create(connection, request, _chunks(upload))
    asyncio.run(_defer(config, import_id, request.source))
    return import_id


async def _defer(config: Settings, import_id: int, source: str) -> None:
    async with opened(config) as jobs:
        await defer_import(jobs, import_id, source)


def _chunks(upload: BinaryIO) -> Iterator[bytes]:
    while chunk := upload.read(records.CHUNK):
        yield chunk
