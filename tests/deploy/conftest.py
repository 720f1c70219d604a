"""One nginx of each version at hand before two real API servers, for all tests here."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from rosterhub.settings import Settings
from tests.deploy.fronts import Front, front, programs
from tests.integration.test_serve import Api, serving
from tests.serving import add_key

NGINX = programs() if shutil.which("openssl") else {}
UPLOAD_MAX_SIZE = 1_000_000

Fresh = Callable[[], AbstractContextManager[Settings]]


@pytest.fixture(scope="session", params=NGINX or ["none"])
def nginx(request: pytest.FixtureRequest) -> str:
    """The program."""
    if not NGINX:
        pytest.skip("needs nginx and openssl: apt-get install nginx-light openssl")
    return NGINX[request.param]


@pytest.fixture(scope="package")
def hub(fresh: Fresh) -> Iterator[Settings]:
    """The database of both API servers."""
    with fresh() as config:
        add_key(config)
        yield config


@pytest.fixture(scope="package")
def apis(hub: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Api]]:
    """Two API servers, as `rosterhub api` runs them."""
    limit = {"CSV_UPLOAD_MAX_SIZE": str(UPLOAD_MAX_SIZE)}
    with (
        serving(hub, tmp_path_factory.mktemp("api-1"), **limit) as one,
        serving(hub, tmp_path_factory.mktemp("api-2"), **limit) as two,
    ):
        yield [one, two]


@pytest.fixture(scope="package")
def site(nginx: str, apis: list[Api], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """nginx before the two."""
    servers = [api.url.removeprefix("http://") for api in apis]
    with front(tmp_path_factory.mktemp("nginx"), nginx, servers) as made:
        yield made
