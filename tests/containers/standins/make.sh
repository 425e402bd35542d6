#!/usr/bin/env bash
# Makes, from Debian's packages, images that stand in for the official ones where those cannot be pulled, under their names.
# What is there already, pulled or made, stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

is_here() { docker image inspect "$1" > /dev/null 2>&1; }

# debian <suite> <packages,…>: a minimal Debian as agentplatform-standin:<suite>.
debian() {
    is_here "agentplatform-standin:$1" && return
    echo "Making a minimal Debian $1 …" >&2
    command -v debootstrap > /dev/null || apt-get install -y -qq --no-install-recommends debootstrap > /dev/null
    local folder
    folder=$(mktemp -d)
    debootstrap --variant=minbase --include="$2" "$1" "$folder/root" "$MIRROR" > "$folder/log" || {
        tail -n 20 "$folder/log" >&2
        exit 1
    }
    tar -C "$folder/root" --exclude=./var/cache/apt/archives/\*.deb --exclude=./var/lib/apt/lists/\* \
        --exclude=./usr/share/doc/\* --exclude=./usr/share/man/\* --exclude=./usr/share/locale/\* \
        -c . | docker import - "agentplatform-standin:$1" > /dev/null
    rm -rf --one-file-system "$folder"
}

# standin <image> <Dockerfile>: builds it, unless the official one is here or can be pulled.
standin() {
    is_here "$1" && return
    timeout 60 docker pull --quiet "$1" > /dev/null 2>&1 && return
    case $2 in
        python) debian bookworm ca-certificates ;;
        *) debian trixie ca-certificates,postgresql-17,redis-server,prometheus ;;
    esac
    echo "Making a stand-in for $1 …" >&2
    local context
    context=$(mktemp -d)
    mkdir "$context/certificates"
    cp /usr/local/share/ca-certificates/*.crt "$context/certificates/" 2> /dev/null || true
    cp postgres-entrypoint.sh "$context/"
    docker build --quiet --tag "$1" --file "$2.Dockerfile" "$context" > /dev/null
    rm -rf --one-file-system "$context"
}

standin python:3.11-slim-bookworm python
standin postgres:17-bookworm postgres
standin redis:8-bookworm redis
standin prom/prometheus:v3.5.0 prometheus
