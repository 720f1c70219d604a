"""What this machine has: programs, disks, the installation's files, certificates."""

import os
import shutil
import ssl
import stat
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import rosterhub
from rosterhub.ops.doctor.findings import Finding, fail, ok, warn
from rosterhub.settings import ENV_FILE, Settings

FULL_WARN, FULL_FAIL = 0.7, 0.9
"""The manual looks into it from 70% on."""
CERTIFICATE_DAYS = 30
BACKUP_HOURS = 24
_PYTHONS = ((3, 11), (3, 14))


def versions(config: Settings) -> Iterator[Finding]:
    """RosterHub and Python."""
    has = sys.version_info[:2]
    python = f"{has[0]}.{has[1]}"
    if _PYTHONS[0] <= has <= _PYTHONS[1]:
        text = f"RosterHub {rosterhub.__version__}, Python {python}"
        yield ok("versions", f"{text}.", f"{text}。")
    else:
        yield warn(
            "versions",
            f"Python {python} is none that RosterHub is tested with. Use 3.11 to 3.14.",
            f"Python {python} では試験していません。3.11〜3.14 を使ってください。",
        )


def disks(config: Settings) -> Iterator[Finding]:
    """How full the disks are on which the installation, its logs and its data lie."""
    seen: set[int] = set()
    folders = (config.rosterhub_home, config.log_dir, config.rosterhub_data, Path("/"))
    for folder in filter(None, folders):
        if not folder.exists() or folder.stat().st_dev in seen:
            continue
        seen.add(folder.stat().st_dev)
        usage = shutil.disk_usage(folder)
        full, free = usage.used / (usage.used + usage.free), usage.free >> 20
        en = f"The disk of {folder} is {full:.0%} full, {free:,} MB are free."
        ja = f"{folder} のディスク使用率は {full:.0%}、空きは {free:,} MB です。"
        if full < FULL_WARN:
            yield ok("disk", en, ja)
        else:
            level = fail if full >= FULL_FAIL else warn
            yield level(
                "disk",
                f"{en} Run scripts/rotate-logs.sh, remove old backups, or make it larger.",
                f"{ja} scripts/rotate-logs.sh の実行、古いバックアップの削除、増量を"
                "検討してください。",
            )


def env_file(config: Settings) -> Iterator[Finding]:
    """Who can read the secrets in .env."""
    # In a container it lies elsewhere.
    path = Path(os.environ.get(ENV_FILE) or config.rosterhub_home / ".env")
    if not path.exists():
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o027:
        yield fail(
            "env file",
            f"Others can read or change {path} ({mode:o}), which holds passwords. "
            f"Run: chmod 640 {path}",
            f"パスワードを含む {path} を他のユーザーが読み書きできます（{mode:o}）。"
            f"chmod 640 {path} を実行してください。",
        )
    else:
        yield ok("env file", f"{path} is private.", f"{path} の権限は適切です。")


def certificate(config: Settings) -> Iterator[Finding]:
    """Whether nginx's certificate is valid, for how long, and whether the key belongs to it."""
    folder = config.rosterhub_home / "nginx" / "ssl"
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not folder.exists():
        return
    if not os.access(folder, os.X_OK):
        yield _closed("certificate", folder)
        return
    if not cert.exists() or not key.exists():
        yield fail(
            "certificate",
            f"There is no cert.pem or no key.pem in {folder}, so nginx cannot start. "
            "Run scripts/install-server, or copy them there (docs/deployment.md).",
            f"{folder} に cert.pem または key.pem がなく、nginx が起動できません。"
            "scripts/install-server を実行するか、配置してください。",
        )
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
        # All that Python's own modules offer to read a certificate which nobody presents.
        found: dict[str, Any] = cast(Any, ssl)._ssl._test_decode_cert(str(cert))
    except PermissionError:
        yield warn(
            "certificate",
            f"{key} cannot be read, so nobody knows whether it belongs to {cert}. Run as root.",
            f"{key} を読めないため確認できません。root で実行してください。",
        )
        return
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "reason", None) or error
        yield fail(
            "certificate",
            f"{cert} and key.pem are no pair that nginx can use ({why}). Copy both again.",
            f"{cert} と key.pem の組が正しくありません（{why}）。両方を配置し直してください。",
        )
        return
    yield _validity(cert, found)


def _closed(check: str, folder: Path) -> Finding:
    return warn(
        check,
        f"{folder} cannot be read. Run as root.",
        f"{folder} を読めません。root で実行してください。",
    )


def _validity(cert: Path, found: dict[str, Any]) -> Finding:
    ends = ssl.cert_time_to_seconds(found["notAfter"])
    begins = ssl.cert_time_to_seconds(found["notBefore"])
    days = int((ends - time.time()) // 86_400)
    until = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
    renew = "certbot renew, copy it to nginx/ssl, docker compose restart nginx"
    if days < 0 or begins > time.time():
        return fail(
            "certificate",
            f"{cert} is not valid now (until {until}). {renew}.",
            f"{cert} は現在有効ではありません（{until} まで）。更新してください: {renew}",
        )
    if days < CERTIFICATE_DAYS:
        return warn(
            "certificate",
            f"{cert} ends in {days} days, on {until}. {renew}.",
            f"{cert} の有効期限はあと {days} 日です（{until}）。更新してください: {renew}",
        )
    if found["issuer"] == found["subject"]:
        return warn(
            "certificate",
            f"{cert} is the one to begin with, which no client trusts. Get a real one "
            "(docs/deployment.md).",
            f"{cert} は仮の証明書で、クライアントに信頼されません。正式な証明書を"
            "取得してください。",
        )
    return ok("certificate", f"{cert} is valid until {until}.", f"{cert} は {until} まで有効です。")


def backups(config: Settings) -> Iterator[Finding]:
    """How old the newest backup is."""
    folder = config.rosterhub_home / "backups"
    if not folder.exists():
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        yield _closed("backup", folder)
        return
    ages = [time.time() - p.stat().st_mtime for p in folder.glob("db-backup-*.sql.gz")]
    hours = min(ages) / 3600 if ages else None
    if hours is not None and hours <= BACKUP_HOURS:
        yield ok(
            "backup",
            f"The newest backup is {hours:.0f} hours old.",
            f"最新のバックアップは {hours:.0f} 時間前です。",
        )
        return
    en, ja = f"There is no backup in {folder}.", "バックアップがありません。"
    if hours is not None:
        en = f"The newest backup in {folder} is {hours:.0f} hours old."
        ja = f"最新のバックアップは {hours:.0f} 時間前です。"
    yield warn(
        "backup",
        f"{en} Run scripts/backup-database.sh, and see /var/log/rosterhub-backup.log.",
        f"{ja}scripts/backup-database.sh を実行し、/var/log/rosterhub-backup.log を"
        "確認してください。",
    )
