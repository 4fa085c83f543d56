# One image, three programs: web (default), `manage.py reconcile`, `manage.py serve_models`.
FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install -r requirements.txt

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
    MLOPS_STREAM_PORT=8502
USER 10001:10001
VOLUME /data
EXPOSE 8500 8501 8502
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8500", \
     "--workers", "2", "--respawn-failed-workers", "--blocking-threads", "32", \
     "mlops.wsgi:application"]
