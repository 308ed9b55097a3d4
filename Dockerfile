# Portcullis in a container.
#
#   docker build -t portcullis .
#   docker run --read-only --cap-drop ALL -p 8080:8080 -v portcullis-data:/data \
#     -v ./portcullis.toml:/etc/portcullis/portcullis.toml:ro -v ./policies:/etc/portcullis/policies:ro portcullis
#
# The configuration has to set  server.http = "0.0.0.0:8080"  (or PORTCULLIS_SERVER__HTTP does) to be reached from
# outside, and its policies count from /etc/portcullis. Nothing but /data is written.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# The dependencies alone: this layer is built again only when Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it \
 && echo 'fn main() {}' | tee src/main.rs src/lib.rs > tests/it/main.rs \
 && cargo build --release --locked --bin portcullis \
 && rm -r src tests

COPY build.rs ./
COPY link link
COPY src src
COPY policies policies
# Newer than the empty ones above, whatever the copies' times say.
RUN touch src/main.rs src/lib.rs \
 && cargo build --release --locked --bin portcullis \
 && strip --strip-debug target/release/portcullis \
 && install -d -m 0700 /rootfs/data

FROM debian:bookworm-slim
RUN groupadd --system --gid 10001 portcullis \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin portcullis
COPY --from=build --chown=10001:10001 /rootfs/data /data
COPY --from=build /src/target/release/portcullis /usr/local/bin/portcullis

ENV PORTCULLIS_CONFIG=/etc/portcullis/portcullis.toml \
    PORTCULLIS_SERVER__DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["portcullis", "healthcheck"]
ENTRYPOINT ["portcullis"]
CMD ["serve"]
