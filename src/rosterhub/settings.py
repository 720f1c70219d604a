"""Every setting, read from the environment and a file it may name (docs/settings.md)."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from croniter import croniter
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rosterhub.model.profiles import DEFAULT_PROFILE, PROFILES

CONNECTION_FILE = "connection.json"
"""In ROSTERHUB_DATA: how to reach the embedded servers, for whoever may read the folder."""

ENV_FILE = "ROSTERHUB_ENV_FILE"
"""Names a file of `NAME=value` lines that is read at every start, after the environment: a
container that is restarted has the environment it was made with, whatever its `.env` says now."""

NO_DATABASE = (
    "DATABASE_URL is not set. Set it to a PostgreSQL URL "
    "(postgresql://user:password@host:5432/database), or run `rosterhub up`, "
    "which brings a database of its own."
)


def _data_home() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "rosterhub"


class Settings(BaseSettings):
    """The settings of one process. Names in the environment are the field names in capitals."""

    model_config = SettingsConfigDict(
        case_sensitive=False, env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    database_url: str = Field("", description="PostgreSQL for reads; may be a replica.")
    database_write_url: str = Field(
        "", description="The primary PostgreSQL; the same as DATABASE_URL when empty."
    )
    redis_url: str = Field("", description="Redis or Valkey; without one the hub is slower.")
    redis_password: SecretStr = Field(
        SecretStr(""), description="Password for REDIS_URL, when the URL holds none."
    )
    csv_batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1_000, description="Rows one SQL statement of an import writes."
    )
    csv_upload_max_size: Annotated[int, Field(ge=1)] = Field(
        500 * 1024 * 1024, description="The largest upload, in bytes."
    )
    csv_unpacked_max_size: Annotated[int, Field(ge=1)] = Field(
        20 * 1024**3, description="The most a zip may unpack to, in bytes."
    )
    guard_deleted_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        10, description="An import waits that would delete more of an entity's records, in percent."
    )
    guard_changed_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        75, description="An import waits that would change more of an entity's records, in percent."
    )
    guard_least_records: Annotated[int, Field(ge=1)] = Field(
        20, description="So many records have to be concerned before an import waits."
    )
    history_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        730, description="How long it is kept what records were before they changed, in days."
    )
    import_retention_days: Annotated[int, Field(ge=0, le=36_500)] = Field(
        30, description="How long an import's upload, issues and difference are kept, in days."
    )
    audit_retention_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        90, description="How long entries of the audit log are kept, in days."
    )
    export_schedule: str = Field(
        "", description="When the roster is exported by itself: cron's five fields, local time."
    )
    export_folder: Path | None = Field(
        None, validate_default=True, description="Where those exports go."
    )
    export_keep: Annotated[int, Field(ge=1, le=10_000)] = Field(
        14, description="How many of those exports are kept."
    )
    export_profile: str = Field(DEFAULT_PROFILE, description="The CSV profile of those exports.")
    web_concurrency: Annotated[int, Field(ge=1, le=256)] = Field(
        1, description="API processes on this machine."
    )
    api_servers: str = Field(
        "",
        description="host:port of every API server, with commas, as nginx knows them; for the"
        " doctor, this one alone when empty.",
    )
    keep_alive_timeout: Annotated[int, Field(ge=0)] = Field(
        65_000, description="How long an idle HTTP connection is kept, in milliseconds."
    )
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = Field(
        8,
        description="Database connections of one API process for reads; half as many more for"
        " changes.",
    )
    api_host: str = Field("127.0.0.1", description="The address the API listens on.")
    api_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        3000, description="The port the API listens on."
    )
    public_url: str = Field(
        "", description="The URL clients reach us by; taken from each request when empty."
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="Proxies (addresses, networks; with commas) whose X-Forwarded-For counts.",
    )
    rosterhub_language: Literal["", "ja", "en"] = Field(
        "",
        description="Of commands and reports where the terminal names none; English when empty.",
    )
    log_stdout: bool = Field(True, description="Whether logs go to standard output.")
    log_dir: Path | None = Field(None, description="Where daily log files go, if anywhere.")
    rosterhub_home: Path = Field(
        Path("/opt/rosterhub"), description="The installation: compose file, backups, reports."
    )
    rosterhub_data: Path = Field(
        default_factory=_data_home,
        description="Data of the embedded servers; ~/.local/share/rosterhub when empty.",
    )

    @field_validator("export_schedule")
    @classmethod
    def _is_a_schedule(cls, value: str) -> str:
        if value and (len(value.split()) != 5 or not croniter.is_valid(value)):
            raise ValueError("five fields of cron, such as 0 3 * * *")
        return value

    @field_validator("export_folder")
    @classmethod
    def _is_there_for_a_schedule(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if info.data.get("export_schedule") and value is None:
            raise ValueError("EXPORT_SCHEDULE is set, so it has to say where exports go")
        return value

    @field_validator("export_profile")
    @classmethod
    def _is_a_profile(cls, value: str) -> str:
        if value not in PROFILES:
            raise ValueError(f"one of {', '.join(PROFILES)}")
        return value

    @property
    def read_url(self) -> str:
        """The database reads go to.

        Raises:
            RuntimeError: none is configured; the message says what to do.
        """
        url = self.database_url or self.database_write_url
        if not url:
            raise RuntimeError(NO_DATABASE)
        return url

    @property
    def write_url(self) -> str:
        """The database writes go to; the same errors as `read_url`."""
        return self.database_write_url or self.read_url


class SettingsError(RuntimeError):
    """The environment holds values that settings do not take; the text names each."""


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Where no database is named, the embedded one of ROSTERHUB_DATA is meant, if it was ever set up.

    Raises:
        SettingsError: a variable of the environment has a value that its setting does not take.
    """
    try:
        found = Settings(_env_file=os.environ.get(ENV_FILE) or None)  # type: ignore[call-arg]
    except ValidationError as error:
        # Without the value: it may be a password that landed in the wrong variable.
        wrong = [f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors() if e["loc"]]
        raise SettingsError("Wrong in the environment: " + "; ".join(wrong)) from None
    if found.database_url or found.database_write_url:
        return found
    try:
        memory = json.loads((found.rosterhub_data / CONNECTION_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return found
    redis = found.redis_url or memory["redis_url"]
    return found.model_copy(update={"database_url": memory["database_url"], "redis_url": redis})
