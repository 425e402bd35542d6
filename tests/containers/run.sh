#!/usr/bin/env bash
# Builds and runs the containers for real, and hits them: tests/containers/run.sh
#
# Uses the machine's Docker when it answers. Otherwise, on Debian and as root, it installs one from Debian's packages, with
# compose and buildx from Debian trixie's, and runs its own dockerd for as long as the tests take, all of it below FOLDER.
# Images that cannot be pulled are made from Debian's packages (standins/make.sh). Takes 8 minutes on two quiet cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly FOLDER=${FOLDER:-/tmp/agentplatform-containers}
export PORT=${PORT:-18000}
dockerd_pid=

start_docker() {
    command -v dockerd > /dev/null || {
        apt-get -qq update
        apt-get install -y -qq --no-install-recommends docker.io iptables > /dev/null
    }
    mkdir -p "$FOLDER"
    dockerd --storage-driver overlay2 --data-root "$FOLDER/data" --exec-root "$FOLDER/exec" \
        --pidfile "$FOLDER/dockerd.pid" > "$FOLDER/dockerd.log" 2>&1 &
    dockerd_pid=$!
    for _ in {1..60}; do
        docker info > /dev/null 2>&1 && return
        sleep 1
    done
    tail -n 20 "$FOLDER/dockerd.log" >&2
    exit 1
}

finish() {
    docker compose down --volumes > /dev/null 2>&1 || true
    [[ -z $dockerd_pid ]] || kill "$dockerd_pid"
}

if [[ -e .env ]]; then
    echo "There is a .env here; these tests run the trial, without one, and forget its data. Run them in a fresh copy." >&2
    exit 1
fi
trap finish EXIT
docker info > /dev/null 2>&1 || start_docker
if ! docker compose version > /dev/null 2>&1 || ! docker buildx version > /dev/null 2>&1; then
    tests/containers/plugins.sh "$FOLDER/config"
    export DOCKER_CONFIG=$FOLDER/config
fi
tests/containers/standins/make.sh

echo "── build ──"
time docker compose build
docker image ls agentplatform
docker history --format '{{.Size}}\t{{.CreatedBy}}' agentplatform | head -n 8
echo "── up ──"
time docker compose up --detach --wait
python3 tests/smoke.py --url "http://127.0.0.1:$PORT" --key demo-key-123
echo "── promises ──"
python3 tests/containers/promises.py
echo "── the commands of the documents ──"
python3 tests/docs/container_commands.py docs/operations.md | bash -eux
docker compose up --detach --wait
echo "── restarts and kills ──"
python3 tests/containers/survive.py
