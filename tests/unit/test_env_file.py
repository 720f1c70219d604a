"""The file of settings that ROSTERHUB_ENV_FILE names."""

from pathlib import Path

import pytest

from rosterhub.settings import ENV_FILE, SettingsError, settings

read = settings.__wrapped__
"""The settings as a process that starts now reads them."""


@pytest.fixture
def env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    monkeypatch.setenv(ENV_FILE, str(path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://from-the-environment/hub")
    monkeypatch.delenv("CSV_BATCH_SIZE", raising=False)
    return path


def test_what_is_appended_counts_from_the_next_start(env_file: Path) -> None:
    env_file.write_text("WEB_CONCURRENCY=2\n")
    assert (read().web_concurrency, read().csv_batch_size) == (2, 1_000)
    with env_file.open("a") as out:
        out.write("\n# more rows at once\nCSV_BATCH_SIZE=5000\n\nNODE_OPTIONS=--unknown-to-us\n")
    assert (read().web_concurrency, read().csv_batch_size) == (2, 5_000)


def test_the_environment_comes_first(env_file: Path) -> None:
    env_file.write_text("DATABASE_URL=postgresql://from-the-file/hub\n")
    assert read().database_url == "postgresql://from-the-environment/hub"


def test_a_wrong_value_is_named_without_being_shown(env_file: Path) -> None:
    env_file.write_text("CSV_BATCH_SIZE=s3cret\n")
    with pytest.raises(SettingsError, match="CSV_BATCH_SIZE") as error:
        read()
    assert "s3cret" not in str(error.value)
