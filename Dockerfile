# One image, three programs: web (default), `manage.py reconcile`, `manage.py serve_models`.
FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt requirements-mlflow-ui.txt ./
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r requirements.txt
# `--build-arg MLFLOW_UI=1` brings MLflow's own pages.
ARG MLFLOW_UI=
RUN [ -z "$MLFLOW_UI" ] || /venv/bin/pip install --no-deps --require-hashes -r requirements-mlflow-ui.txt
# What is in the image is listed in it: /venv/sbom.cdx.json
COPY tests/requirements-sbom.txt ./
RUN python -m venv /sbom && /sbom/bin/pip install --require-hashes -r requirements-sbom.txt \
    && /sbom/bin/cyclonedx-py environment --output-reproducible --of JSON \
        -o /venv/sbom.cdx.json /venv/bin/python

FROM python:3.11-slim-bookworm

# LightGBM and XGBoost need OpenMP's run time.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 mlops \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data mlops \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data

COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py LICENSE ./
COPY mlops mlops
COPY datasets datasets
COPY lifecycle lifecycle
COPY deployments deployments
RUN /venv/bin/python -m compileall -q mlops datasets lifecycle deployments

ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MLOPS_ENV=production \
    MLOPS_DATA_DIR=/data \
    MLOPS_STREAM_HOST=0.0.0.0 \
    MLOPS_STREAM_PORT=8502 \
    MLOPS_WORKER_HOST=0.0.0.0 \
    MLOPS_WORKER_PORT=8503
USER 10001:10001
VOLUME /data
EXPOSE 8500 8501 8502 8503
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8500", \
     "--workers", "2", "--respawn-failed-workers", "--blocking-threads", "32", \
     "--log-config", "mlops/granian_log.json", \
     "mlops.wsgi:application"]
