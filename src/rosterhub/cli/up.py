"""`rosterhub up`: a whole hub with one command, and what to try once it runs."""

import sys
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from rosterhub import logging
from rosterhub.cli.following import follow
from rosterhub.cli.language import language
from rosterhub.ops import demo
from rosterhub.ops import up as ops
from rosterhub.ops.supervisor import Stopped, stop_on_signals
from rosterhub.settings import Settings, settings
from rosterhub.store.connect import connect
from rosterhub.transfer.issues import Language


def up(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="API_PORT if left out (3000); 0 for any free one."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The folder for all data; ROSTERHUB_DATA if left out.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, metavar="N", help="Fill an empty hub with N invented people.")
    ] = 0,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes for imports and background work.")
    ] = 1,
) -> None:
    """Run a whole hub: its own PostgreSQL and Valkey, the API, a worker. Ctrl-C stops it."""
    config = settings()
    data = (data_dir or config.rosterhub_data).expanduser().absolute()
    port = config.api_port if port is None else port
    environment = _logs(config, data)
    logging.configure(config)
    spoken = language()
    stop_on_signals()
    try:
        _say("starting", spoken, data=data)
        running = ops.hub(config, data=data, port=port, workers=workers, environment=environment)
        with running as hub:
            _say("ready", spoken, url=hub.url, docs=_entrance(hub.url), data=data)
            if sample:
                _fill(hub, sample, spoken)
            _say("stop", spoken)
            hub.watch()
    except Stopped:
        _say("stopped", spoken)


def _entrance(url: str) -> str:
    """Where a person should go first."""
    return f"{url}/docs"


def _logs(config: Settings, data: Path) -> dict[str, str]:
    """Where the logs of the API and the workers go: a terminal is for what `up` itself says."""
    if not sys.stdout.isatty():
        return {}
    return {"LOG_STDOUT": "false", "LOG_DIR": str(config.log_dir or data / "logs")}


def _fill(hub: ops.Hub, people: int, spoken: Language) -> None:
    """Import a sample board where there is no data yet, and say what can be done with it."""
    import_id = demo.under_way(hub.config)
    if import_id is None and demo.is_empty(hub.config):
        _say("making", spoken, people=people)
        import_id = demo.import_sample(hub.config, people)
    if import_id is None:
        _say("has data", spoken)
    elif _followed(hub, import_id) != "completed":
        _say("failed", spoken, id=import_id)
    _say("try", spoken, url=hub.url, key=demo.fresh_key(hub.config))


def _followed(hub: ops.Hub, import_id: int) -> str:
    while True:
        try:
            with connect(hub.config.write_url) as connection:
                return follow(connection, import_id, rest=hub.look_after)
        except psycopg.OperationalError:
            hub.look_after()


def _say(what: str, spoken: Language, **values: object) -> None:
    typer.echo(_TEXTS[what][spoken == "ja"].format(**values))


_ROSTERING = "{url}/ims/oneroster/rostering/v1p2"
_LINES = f"""
  curl -H "X-API-Key: {{key}}" "{_ROSTERING}/users?limit=3"
  curl -H "X-API-Key: {{key}}" -G "{_ROSTERING}/classes" -d limit=3 \
--data-urlencode "filter=classType='homeroom'"
  curl -H "X-API-Key: {{key}}" "{{url}}/api/v1.2/csv/export/users" -o users.csv"""

_TEXTS = {
    "starting": ("Starting RosterHub on {data} …", "RosterHubを起動しています（{data}）…"),
    "ready": (
        "RosterHub is ready: {url}\n  start here: {docs}\n  data:       {data}",
        "RosterHubの準備ができました: {url}\n  入口:   {docs}\n  データ: {data}",
    ),
    "making": (
        "Making a sample board of {people:,} people and importing it …",
        "サンプルの教育委員会（{people:,}人）を作成し、インポートしています…",
    ),
    "has data": (
        "There is data already, so nothing is imported. Here is a new key; the last one is "
        "disabled.",
        "すでにデータがあるため、インポートは行いません。新しいAPIキーを発行し、"
        "前回のキーを無効にしました。",
    ),
    "failed": (
        "The sample was not imported; see: rosterhub imports show {id}",
        "サンプルのインポートに失敗しました。確認方法: rosterhub imports show {id}",
    ),
    "try": (
        "API key (shown now and never again): {key}\nTry in another terminal:" + _LINES,
        "APIキー（再表示はできません）: {key}\n別の端末でお試しください:" + _LINES,
    ),
    "stop": ("Press Ctrl-C to stop it.", "Ctrl-Cで停止します。"),
    "stopped": ("RosterHub is stopped. The data is kept.", "停止しました。データは残っています。"),
}
