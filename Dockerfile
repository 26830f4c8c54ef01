# Thermowell in a container. How to use it: docs/production.md. Base image by tag; its digest has to be added where it is known.
FROM python:3.11.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/thermowell
COPY requirements.lock ./
RUN /opt/thermowell/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY domain ./domain
COPY collector ./collector
COPY detectors ./detectors
COPY historian ./historian
COPY alarms ./alarms
COPY records ./records
COPY api ./api
COPY dashboards ./dashboards
COPY simulators ./simulators
COPY service ./service
RUN /opt/thermowell/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11.13-slim-bookworm AS runtime
# A number, not a name: who runs it can be told from root without looking into the image.
RUN groupadd --gid 10001 thermowell && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin thermowell && \
    install -d -m 0750 -o 10001 -g 10001 /data
# Batch reports become PDF with pango and a font that has our signs.
RUN apt-get update -qq && \
    apt-get install -y -qq --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/thermowell /opt/thermowell
# The root file system is read-only: bytecode was made above, and what libraries cache goes to a tmpfs.
ENV PATH=/opt/thermowell/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    THERMOWELL_READY_URL=http://127.0.0.1:8087/-/ready
USER 10001:10001
WORKDIR /plant
EXPOSE 8087
STOPSIGNAL SIGTERM
# Its own loopback: no proxy of the environment, and any certificate, for it is made out to the outside name.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; c = ssl._create_unverified_context(); u.build_opener(u.ProxyHandler({}), u.HTTPSHandler(context=c)).open(os.environ['THERMOWELL_READY_URL'], timeout=4)"]
ENTRYPOINT ["thermowell"]
CMD ["run", "--config", "/plant/thermowell.yaml"]
