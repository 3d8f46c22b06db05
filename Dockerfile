# Two images of one checkout:
#   docker build --tag tidewaiter .                                    the service: no compiler, no MLflow, no pip beside it, not root
#   docker build --tag tidewaiter-training --target training .         `tidewaiter train` and the MLflow server of compose.yaml
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-trixie AS base
# What slim images lack: the OpenMP runtime for LightGBM; two libraries that RDKit's drawing loads.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 libgomp1 libxrender1 \
    && rm -rf /var/lib/apt/lists/*
# A number and not a name in USER below, so that an orchestrator can see that it is not root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/tidewaiter --shell /usr/sbin/nologin tidewaiter \
    && install --directory --owner=10001 --group=10001 /var/lib/tidewaiter /var/lib/tidewaiter/models /var/lib/tidewaiter/mlflow \
        /var/lib/tidewaiter/store
ENV PATH=/opt/tidewaiter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TIDEWAITER_MODELS_DIR=/var/lib/tidewaiter/models

FROM base AS builder
# Compiles the loops over rows; the images themselves hold no compiler.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first: they change more seldom than the code, and their layer is kept.
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
# Matplotlib keeps its font list there; the image itself may be mounted read-only. There is no git here to look for.
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
# TIDEWAITER_KEYS_FILE the first start leaves the first key in the second volume.
ENV TIDEWAITER_AUTH=on \
    TIDEWAITER_DATABASE_URL=sqlite:////var/lib/tidewaiter/store/tidewaiter.db \
    TIDEWAITER_FIRST_KEY_FILE=/var/lib/tidewaiter/store/administrator-key \
    TIDEWAITER_JOBS_DIR=/var/lib/tidewaiter/store/jobs \
    TIDEWAITER_JOURNAL_DIR=/var/lib/tidewaiter/store/journal
# Bundles that were promoted (while it is empty, the bundled champion serves), and the database with the files of jobs and of the
# journal, which must outlive the container.
VOLUME ["/var/lib/tidewaiter/models", "/var/lib/tidewaiter/store"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# On the loopback address. compose.yaml shows how to publish the port to this machine alone.
CMD ["tidewaiter", "serve"]
