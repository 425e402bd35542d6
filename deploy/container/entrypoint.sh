#!/bin/sh
# What a container of the platform runs, by its first argument; whatever is none of these is run as a command.
#
#   web        the web server, on PORT (the default)
#   worker     a Celery worker
#   sweeper    the process that keeps deadlines and takes over abandoned tasks
#   migrate    brings the database up to date and fills in what is missing, then ends
#
# The first three refuse to start on a database that is not migrated.
set -eu

part=${1:-web}
case $part in
    web)
        # Of this container's processes alone; /tmp is empty at each start, so no counter of a dead process is counted again.
        export PROMETHEUS_MULTIPROC_DIR="${PROMETHEUS_MULTIPROC_DIR:-/tmp/metrics}"
        python manage.py requiremigrated
        exec granian --interface asgi --loop uvloop --host "${HOST:-0.0.0.0}" --port "${PORT:-8000}" \
            --workers "${WEB_WORKERS:-2}" --workers-kill-timeout 20 --respawn-failed-workers --log-level warning \
            agentplatform.asgi:application
        ;;
    worker)
        python manage.py requiremigrated
        exec celery -A agentplatform worker
        ;;
    sweeper)
        python manage.py requiremigrated
        exec python manage.py runsweeper --heartbeat /tmp/sweeper-alive
        ;;
    migrate)
        exec python manage.py bootstrap
        ;;
    *)
        exec "$@"
        ;;
esac
