"""`.env.docker.example` explains every variable there is, and no other."""

import re

from rosterhub.settings import Settings
from tests.deploy.fronts import REPOSITORY

LINES = (REPOSITORY / ".env.docker.example").read_text("utf-8").splitlines()
COMPOSE_FILES = sorted(REPOSITORY.glob("docker-compose*.yml"))
SETTINGS = {name.upper(): field for name, field in Settings.model_fields.items()}

OF_COMPOSE_ITSELF = {"COMPOSE_FILE", "COMPOSE_PROFILES"}
OF_CONTAINERS = {
    *("API_HOST", "API_SERVERS", "LOG_DIR", "REDIS_URL", "FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY")
}
"""What has another value there than elsewhere."""


def variables() -> dict[str, str]:
    found = [re.fullmatch(r"#?([A-Z_0-9]+)=(.*)", line) for line in LINES]
    pairs = [(m[1], m[2]) for m in found if m]
    assert len(dict(pairs)) == len(pairs), "a variable stands there twice"
    return dict(pairs)


def test_it_names_every_variable_and_no_other() -> None:
    texts = "".join(path.read_text("utf-8") for path in COMPOSE_FILES)
    used = set(re.findall(r"\$\{([A-Z_0-9]+)", texts))
    assert len(COMPOSE_FILES) == 6
    assert set(variables()) == set(SETTINGS) | used | OF_COMPOSE_ITSELF


def test_it_explains_each() -> None:
    before = ""
    for line in LINES:
        if re.fullmatch(r"#?[A-Z_0-9]+=.*", line):
            assert before.startswith("# "), f"{line} has no explanation"
        before = line


def test_its_defaults_are_the_real_ones() -> None:
    for name, value in variables().items():
        field = SETTINGS.get(name)
        if field and value and name not in OF_CONTAINERS:
            real = field.default
            assert value == (str(real).lower() if isinstance(real, bool) else str(real)), name


def test_it_holds_no_secret() -> None:
    found = variables()
    secrets = [name for name in found if "PASSWORD" in name]
    assert len(secrets) == 4
    assert not any(found[name] for name in secrets)
