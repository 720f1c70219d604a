"""`rosterhub api` and `rosterhub worker`: the processes of a hub, with servers from elsewhere."""

from typing import Annotated

import typer

from rosterhub import logging
from rosterhub.ops.ports import refuse_taken
from rosterhub.settings import settings


def api(
    host: Annotated[str, typer.Option(help="The address to listen on; API_HOST if left out.")] = "",
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="API_PORT if left out (3000).")
    ] = None,
) -> None:
    """Serve the API, in WEB_CONCURRENCY processes."""
    from rosterhub.api.serve import serve

    config = settings()
    config.read_url  # noqa: B018 (better now than at the first request)
    logging.configure(config)
    host, port = host or config.api_host, port or config.api_port
    refuse_taken(host, port)
    serve(config, host, port)


def worker(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether a worker of this hub is at work.")
    ] = False,
) -> None:
    """Run imports and other background work, until it is told to stop."""
    from rosterhub.jobs.worker import heard_of, run

    config = settings()
    config.write_url  # noqa: B018
    if check:
        _check(heard_of(config))
        return
    logging.configure(config)
    run(config)


def _check(alive: bool) -> None:
    if not alive:
        raise RuntimeError("No worker has been heard of in the last minute.")
    typer.echo("A worker is at work.")
