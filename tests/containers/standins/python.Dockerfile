# Debian's Python 3.11 under the names that the official python:3.11-slim-bookworm gives it. Trusts the certificates that the
# machine trusts (its own go into the build's folder), so that packages install behind a company's proxy.
FROM agentplatform-standin:bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && ln -s python3 /usr/bin/python \
    && rm -rf /var/lib/apt/lists/*
COPY certificates /usr/local/share/ca-certificates
RUN update-ca-certificates && printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > /etc/pip.conf
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
CMD ["python3"]
