# Debian's Redis 8, with the user and the folder of the official redis:8-bookworm.
FROM agentplatform-standin:trixie
RUN usermod --uid 999 redis && groupmod --gid 999 redis && mkdir /data && chown redis:redis /data
WORKDIR /data
VOLUME /data
CMD ["redis-server"]
