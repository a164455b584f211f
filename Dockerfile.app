# An application under ls-s6: a visit counter. What an author writes is the
# second stage, two lines and the settings.
#
#   docker build -f Dockerfile.app -t ls-s6-app .
#   docker run -p 8080:8080 -v data:/data -e REPLICA_URL=s3://... ls-s6-app
ARG BASE_IMAGE=ls-s6
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${DEBIAN_IMAGE} AS app
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    libmicrohttpd-dev libsqlite3-dev >/dev/null
COPY images/app/counter.c /
RUN cc -O2 -std=c99 -D_GNU_SOURCE -s -o /counter /counter.c \
    -lmicrohttpd -lsqlite3 -lpthread

FROM ${BASE_IMAGE}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends libmicrohttpd12 \
    >/dev/null && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=app /counter /usr/local/bin/counter
ENV DB_PATH=/data/db
VOLUME /data
EXPOSE 8080
CMD ["counter", "-l", "0.0.0.0", "-dsn", "/data/db"]
