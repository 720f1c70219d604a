"""What all tests of operations have."""

from collections.abc import Iterator

import pytest

from rosterhub.api import checks, whole_hub


@pytest.fixture(autouse=True, scope="session")
def patient() -> Iterator[None]:
    """Hubs in this process do not take for away what a busy machine answers late."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (checks, whole_hub):
            patch.setattr(module, "PATIENCE_SECONDS", 10.0)
        yield
