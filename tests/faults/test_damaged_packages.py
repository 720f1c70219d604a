"""Two thousand damaged packages: half with faults at known places, half with any bytes at all.

Which of them failed is in the test's name: `see(config, with_faults(NUMBER, folder))` is it again.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rosterhub.settings import Settings
from tests.damaged import Damaged, see, with_any_bytes, with_faults

pytestmark = pytest.mark.faults

_EACH = 1_000
_AT_ONCE = 50


@pytest.fixture(scope="module")
def hub(fresh: Callable[[], AbstractContextManager[Settings]]) -> Iterator[Settings]:
    """A hub that stays empty."""
    with fresh() as config:
        yield config


@pytest.mark.parametrize("made", [with_faults, with_any_bytes])
@pytest.mark.parametrize("start", range(0, _EACH, _AT_ONCE))
def test_damaged_packages(
    hub: Settings, tmp_path: Path, made: Callable[[int, Path], Damaged], start: int
) -> None:
    failed: dict[int, str] = {}
    for number in range(start, start + _AT_ONCE):
        try:
            see(hub, made(number, tmp_path))
        except Exception as error:
            failed[number] = f"{type(error).__name__}: {str(error)[:500]}"
    assert failed == {}
