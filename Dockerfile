# Two images of one checkout:
#   docker build --tag tidewaiter .                                    the service: without compiler, MLflow, pip and root rights
#   docker build --tag tidewaiter-training --target training .         `tidewaiter train` and the MLflow server of compose.yaml
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-trixie AS base
# Slim images lack the OpenMP runtime for LightGBM and two libraries that RDKit's drawing loads.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 libgomp1 libxrender1 \
    && rm -rf /var/lib/apt/lists/*
# USER below is a number instead of a name, so that an orchestrator can check that it is not root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/tidewaiter --shell /usr/sbin/nologin tidewaiter \
    && install --directory --owner=10001 --group=10001 /var/lib/tidewaiter /var/lib/tidewaiter/models /var/lib/tidewaiter/mlflow \
        /var/lib/tidewaiter/store
ENV PATH=/opt/tidewaiter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TIDEWAITER_MODELS_DIR=/var/lib/tidewaiter/models

FROM base AS builder
# Compiles the loops over rows. The images themselves contain no compiler.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies come first: they change less often than the code, so their layer stays in the cache.
COPY requirements/build.txt requirements/serve.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt
RUN python -m venv --without-pip /opt/tidewaiter \
    && /opt/build/bin/pip --python /opt/tidewaiter/bin/python install --no-cache-dir --require-hashes --only-binary :all: -r requirements/serve.txt
COPY pyproject.toml setup.py README.md LICENSE ./
# The bill of materials of the image's packages, for scanners: /opt/tidewaiter/sbom.cdx.json.
COPY tools/sbom.py tools/
RUN python -m tools.sbom requirements/serve.txt /opt/tidewaiter/sbom.cdx.json
COPY features features
COPY models models
COPY training training
COPY service service
RUN /opt/build/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels . \
    && /opt/build/bin/pip --python /opt/tidewaiter/bin/python install --no-cache-dir --no-index --no-deps /wheels/*.whl

FROM builder AS training-builder
COPY requirements/train.txt requirements/
RUN /opt/build/bin/pip --python /opt/tidewaiter/bin/python install --no-cache-dir --require-hashes --only-binary :all: -r requirements/train.txt \
    && python -m tools.sbom requirements/train.txt /opt/tidewaiter/sbom.cdx.json

FROM base AS training
COPY --from=training-builder /opt/tidewaiter /opt/tidewaiter
# Matplotlib writes its font list there, because the image itself may be mounted read-only. The image has no git, and GitPython must
# not warn about this.
ENV MPLCONFIGDIR=/tmp/matplotlib \
    GIT_PYTHON_REFRESH=quiet
USER 10001:10001
WORKDIR /var/lib/tidewaiter
CMD ["tidewaiter", "--help"]

FROM base AS service
COPY --from=builder /opt/tidewaiter /opt/tidewaiter
USER 10001:10001
WORKDIR /var/lib/tidewaiter
# Requests need a key, also on the loopback address, because the network of a container may be that of its host. Without
# TIDEWAITER_KEYS_FILE the first start writes the first key into the second volume.
ENV TIDEWAITER_AUTH=on \
    TIDEWAITER_DATABASE_URL=sqlite:////var/lib/tidewaiter/store/tidewaiter.db \
    TIDEWAITER_FIRST_KEY_FILE=/var/lib/tidewaiter/store/administrator-key \
    TIDEWAITER_JOBS_DIR=/var/lib/tidewaiter/store/jobs \
    TIDEWAITER_JOURNAL_DIR=/var/lib/tidewaiter/store/journal
# The first volume has promoted bundles (while it is empty, the bundled champion serves), the second the database and the files of
# jobs and of the journal. Both must outlive the container.
VOLUME ["/var/lib/tidewaiter/models", "/var/lib/tidewaiter/store"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# Listens on the loopback address. compose.yaml shows how to publish the port to this machine alone.
CMD ["tidewaiter", "serve"]
