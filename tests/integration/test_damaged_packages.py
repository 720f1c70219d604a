"""Some of the two thousand damaged packages of tests/faults, in every test run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rosterhub.settings import Settings
from tests.damaged import see, with_any_bytes, with_faults


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub that stays empty."""
    with fresh() as config:
        yield config


@pytest.mark.parametrize("start", range(0, 20, 5))
def test_planted_faults_are_found_and_no_others(hub: Settings, tmp_path: Path, start: int) -> None:
    for number in range(start, start + 5):
        see(hub, with_faults(number, tmp_path))


@pytest.mark.parametrize("start", range(0, 30, 10))
def test_any_bytes_come_to_an_end_that_is_explained(
    hub: Settings, tmp_path: Path, start: int
) -> None:
    for number in range(start, start + 10):
        see(hub, with_any_bytes(number, tmp_path))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(197, id="a long line in another encoding"),
        pytest.param(232, id="a NUL in the manifest"),
    ],
)
def test_what_once_was_too_much(hub: Settings, tmp_path: Path, number: int) -> None:
    see(hub, with_any_bytes(number, tmp_path))
