# Greenline: one binary, with git and CA certificates, as an ordinary user. Builds with BuildKit and
# with the classic builder. The dependencies are a layer of their own, made from the manifests
# alone, so a change to the source compiles the source and nothing else.
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

# The manifests, with an empty program in place of every source file. The next stage copies the
# result by content: as long as no manifest changes, it is the same and the cache holds.
FROM ${RUST_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock \
      ! -path '*/src/lib.rs' ! -path '*/src/main.rs' ! -path '*/src/bin/*.rs' ! -name build.rs \
      ! -path '*/benches/*.rs' ! -path '*/examples/*.rs' ! -path '*/tests/*.rs' -delete \
 && echo 'fn main() {}' >/empty.rs && find . -name '*.rs' -exec cp /empty.rs {} \; \
 && find . -depth -type d -empty -delete

FROM ${RUST_IMAGE} AS build
WORKDIR /src
ENV CARGO_INCREMENTAL=0
COPY --from=manifests /src .
RUN cargo build --release --locked --quiet --package greenline
COPY . .
# Cargo goes by time, and the empty programs are younger than the source they stood in for.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --package greenline \
 && cp target/release/greenline /greenline

FROM ${BASE_IMAGE}
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates git >/dev/null \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /workspace --shell /usr/sbin/nologin greenline \
 && install -d -o greenline -g greenline -m 0700 /workspace /run/greenline
COPY --from=build /greenline /usr/local/bin/greenline
ENV GREENLINE_STATE_DIR=/run/greenline GREENLINE_WORKSPACE=/workspace
USER 10001:10001
WORKDIR /workspace
ENTRYPOINT ["greenline"]
CMD ["--help"]
