#!/bin/bash
# What the official image's entrypoint does with the variables that docker-compose.yml sets, and no more.
set -euo pipefail

if [[ $(id -u) == 0 ]]; then
    chown postgres:postgres "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    initdb --encoding=UTF8 --locale=C.UTF-8 --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth-local=trust --auth-host=trust > /dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --silent --wait --options="-c listen_addresses=''" start
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB" 2> /dev/null || true
    pg_ctl --silent --mode=fast --wait stop
fi
exec "$@" -c listen_addresses='*'
