# Redis from Debian's own packages, for places that can't pull the official image:
#   docker build -t greenline-redis -f deploy/redis.Dockerfile deploy
#   REDIS_IMAGE=greenline-redis docker compose up
# The user's number is that of the official images, so a data volume fits both.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
RUN groupadd --system --gid 999 redis \
 && useradd --system --uid 999 --gid redis --home-dir /data --no-create-home redis \
 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends redis-server >/dev/null \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && install -d -o redis -g redis -m 0750 /data
USER redis
WORKDIR /data
VOLUME /data
EXPOSE 6379
CMD ["redis-server"]
