"""The procrastinate app: jobs in PostgreSQL, in a schema of their own.

Who defers a job opens the app with `opened`; the worker does the rest.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import procrastinate
from procrastinate.app import App

from rosterhub.settings import Settings

OPTIONS = "-c search_path=procrastinate,public"

HEARD_OF = (
    "SELECT count(*) FROM procrastinate.procrastinate_workers"
    " WHERE last_heartbeat > now() - interval '1 minute'"
)
"""How many workers have given a sign of life within the last minute."""


def job_app(config: Settings) -> App:
    """The app for the database that `config` names, not yet open, with every task registered."""
    connector = procrastinate.PsycopgConnector(
        conninfo=config.write_url,
        kwargs={"options": OPTIONS, "application_name": "rosterhub jobs", "connect_timeout": 5},
        min_size=1,
        max_size=4,
        timeout=5,
    )
    app = App(connector=connector)
    from rosterhub.jobs import tasks

    tasks.register(app, config)
    return app


@asynccontextmanager
async def opened(config: Settings) -> AsyncGenerator[App]:
    """The app with its connections open."""
    app = job_app(config)
    async with app.open_async():
        yield app
