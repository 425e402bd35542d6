# Debian's Prometheus, with the folders and the user of the official prom/prometheus.
FROM agentplatform-standin:trixie
RUN mkdir -p /prometheus /etc/prometheus && chown nobody:nogroup /prometheus
USER nobody
ENTRYPOINT ["prometheus"]
