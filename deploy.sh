#!/usr/bin/env bash
# Deploys the platform on this machine with Docker Compose: ./deploy.sh --help
set -euo pipefail
[[ ${BASH_SOURCE[0]} != */* ]] || cd "${BASH_SOURCE[0]%/*}"

readonly LEAST_COMPOSE=2.24.0
readonly LEAST_FREE_MB=3000
readonly HEALTHY_SECONDS=${HEALTHY_SECONDS:-300}

usage() {
    cat << 'END'
Deploys the platform on this machine with Docker Compose. Safe to run again: it brings up what is not up, and nothing is lost.

    ./deploy.sh [options]

    --host NAME        a host name that clients use, such as api.example.com; goes into ALLOWED_HOSTS of a new .env
    --local-model      no provider: answer with the small local model, for a try; goes into a new .env
    --monitoring       run Prometheus too, on 127.0.0.1:9090
    --skip-smoke       do not try the platform at the end
    --help             show this

The first run makes .env from .env.example with fresh secrets; an .env that is there is never changed. The provider's key is
taken from OPENAI_API_KEY (or OPENAI_BASE_URL, AGENT_MODEL) of the environment, or else written into .env by you:

    OPENAI_API_KEY=sk-… ./deploy.sh --host api.example.com
END
}

say() { printf '%s\n' "$*"; }
step() { printf '\n── %s\n' "$*"; }
fail() {
    printf 'deploy.sh: %s\n' "$*" >&2
    exit 1
}

host=
local_model=
smoke=yes
profiles=()
while (($#)); do
    case $1 in
        --host)
            [[ ${2:-} =~ ^[A-Za-z0-9.-]+$ ]] || fail "--host takes a host name, such as api.example.com."
            host=$2
            shift
            ;;
        --local-model) local_model=yes ;;
        --monitoring) profiles=(--profile monitoring) ;;
        --skip-smoke) smoke= ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) fail "$1 is no option of it; ./deploy.sh --help lists them." ;;
    esac
    shift
done

compose() { docker compose "${profiles[@]}" "$@"; }

# setting NAME: its value in .env, without quotes; empty when it is unset there.
setting() { sed -n "s/^$1=//p" .env | tail -n 1 | sed -e "s/^'\(.*\)'\$/\1/" -e 's/^"\(.*\)"$/\1/'; }

secret() { LC_ALL=C tr -dc 'a-f0-9' < /dev/urandom | head -c 64 || true; }

check_machine() {
    local version folder free_mb
    command -v docker > /dev/null || fail "Docker is missing. Install it: https://docs.docker.com/engine/install/"
    version=$(docker compose version --short 2> /dev/null) ||
        fail "Docker's compose plugin is missing. Install it: https://docs.docker.com/compose/install/linux/"
    version=${version#v}
    [[ $(printf '%s\n' "$LEAST_COMPOSE" "$version" | sort -V | head -n 1) == "$LEAST_COMPOSE" ]] ||
        fail "Docker Compose $version is too old; it takes $LEAST_COMPOSE or later. https://docs.docker.com/compose/install/linux/"
    docker info > /dev/null 2>&1 ||
        fail "Docker does not answer. Start it (sudo systemctl start docker), and let your user use it (sudo usermod -aG docker \"\$USER\", then log in again)."
    # Docker keeps images and data in a folder of its own, which a remote Docker does not have here.
    folder=$(docker info --format '{{.DockerRootDir}}')
    [[ -d $folder ]] || folder=.
    free_mb=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
    ((free_mb >= LEAST_FREE_MB)) ||
        fail "Only $free_mb MB are free for Docker; images and data want $LEAST_FREE_MB MB. docker system prune frees what Docker no longer needs."
    say "Docker $(docker version --format '{{.Server.Version}}'), Compose $version, $free_mb MB free."
}

# replace NAME VALUE: sets a variable in the draft, in place of its commented line.
replace() {
    awk -v name="$1" -v value="$2" '
        !done && ($0 ~ "^#?" name "=") { print name "=" value; done = 1; next }
        { print }
        END { if (!done) print name "=" value }
    ' .env.draft > .env.draft.next
    mv .env.draft.next .env.draft
}

make_env() {
    if [[ -e .env ]]; then
        say ".env is there and stays as it is."
        return
    fi
    [[ -r .env.example ]] || fail ".env.example is missing here; this takes a complete copy of the project."
    (
        umask 077
        trap 'rm -f .env.draft .env.draft.next' EXIT
        cp .env.example .env.draft
        replace ENVIRONMENT production
        replace ALLOWED_HOSTS "localhost,127.0.0.1${host:+,$host}"
        for name in SECRET_KEY API_KEY_PEPPER POSTGRES_PASSWORD METRICS_TOKEN; do replace "$name" "$(secret)"; done
        replace ADMIN_PASSWORD "$(secret | head -c 20)"
        replace API_KEYS "first-$(secret | head -c 40):premium"
        if [[ $local_model ]]; then
            replace OPENAI_BASE_URL http://model:8080/v1
            replace AGENT_MODEL smollm2-135m-instruct
            replace LOCAL_MODEL 1
        else
            replace LOCAL_MODEL 0
            for name in OPENAI_API_KEY OPENAI_BASE_URL AGENT_MODEL; do
                if [[ -n ${!name:-} ]]; then replace "$name" "${!name}"; fi
            done
        fi
        # Never over one that appeared meanwhile.
        ln .env.draft .env
    )
    say "Made .env from .env.example, with fresh secrets. Keep it safe: the keys of your clients depend on its API_KEY_PEPPER."
}

check_env() {
    local name value
    [[ -r .env ]] || fail ".env cannot be read by $(id -un)."
    # A value of the shell would win over .env inside the containers' settings, and surprise on the next run.
    for name in ENVIRONMENT SECRET_KEY API_KEY_PEPPER POSTGRES_PASSWORD OPENAI_API_KEY OPENAI_BASE_URL AGENT_MODEL \
        ALLOWED_HOSTS DATABASE_URL REDIS_URL CELERY_BROKER_URL METRICS_TOKEN LOCAL_MODEL API_KEYS PORT PROMETHEUS_PORT; do unset "$name"; done
    for name in SECRET_KEY API_KEY_PEPPER; do
        value=$(setting "$name")
        [[ ${#value} -ge 32 || -n $(setting "${name}_FILE") ]] ||
            fail "$name in .env takes a random value of at least 32 characters: openssl rand -hex 32"
    done
    [[ $(setting POSTGRES_PASSWORD) =~ ^[A-Za-z0-9._~-]+$ || -n $(setting DATABASE_URL) ]] ||
        fail "POSTGRES_PASSWORD in .env takes letters, digits and ._~- (it becomes part of a URL): openssl rand -hex 32"
    [[ -n $(setting OPENAI_API_KEY)$(setting OPENAI_API_KEY_FILE)$(setting OPENAI_BASE_URL) ]] ||
        fail "OPENAI_API_KEY is not set in .env. Put it there, or OPENAI_BASE_URL for another provider, and run ./deploy.sh again. (To try the platform without one: rm .env, then ./deploy.sh --local-model.)"
    compose config --quiet || fail "Docker Compose cannot use .env; it says why above."
}

# check_port NAME DEFAULT SERVICE: whether the port is free, or the service's own.
check_port() {
    local port
    port=$(setting "$1")
    port=${port:-$2}
    if ! [[ $port =~ ^[0-9]{1,5}$ ]] || ((10#$port < 1 || 10#$port > 65535)); then
        fail "$1 in .env takes a number from 1 to 65535."
    fi
    [[ -z $(compose ps --quiet --status running "$3" 2> /dev/null) ]] || return 0
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
        fail "Port $port is taken by another program. Stop it, or set $1 in .env to a free one."
    fi
}

# The stores of an earlier run have that run's password; this one's counts.
set_database_password() {
    [[ -z $(setting DATABASE_URL) ]] || return 0
    printf "ALTER ROLE agentplatform PASSWORD '%s';\n" "$(setting POSTGRES_PASSWORD)" |
        compose exec -T postgres psql --quiet --username=agentplatform --dbname=agentplatform > /dev/null ||
        fail "PostgreSQL does not take the password of .env. See: docker compose logs postgres"
}

state() { docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$1" 2> /dev/null || true; }

wait_until_healthy() {
    local deadline=$((SECONDS + HEALTHY_SECONDS)) waiting service id
    while true; do
        waiting=()
        for service in $(compose config --services); do
            [[ $service == migrate || ($service == model && $(setting LOCAL_MODEL) == 0) ]] && continue
            id=$(compose ps --all --quiet "$service" | head -n 1)
            [[ $(state "$id") == healthy ]] || waiting+=("$service")
        done
        ((${#waiting[@]})) || break
        if ((SECONDS > deadline)); then
            compose logs --no-color --tail 5 "${waiting[@]}" >&2 || true
            fail "Not healthy after $HEALTHY_SECONDS s: ${waiting[*]}. Their last words stand above; more: docker compose logs ${waiting[*]}"
        fi
        sleep 2
    done
    say "All services are healthy."
}

run_smoke() {
    local key
    key=$(compose exec -T web python manage.py createapikey --client smoke --tier basic --expires 1h 2> /dev/null) ||
        fail "No key for the smoke test could be made: docker compose exec web python manage.py createapikey --client smoke --tier basic"
    compose exec -T --env "SMOKE_KEY=$key" --env "METRICS_TOKEN=$(setting METRICS_TOKEN)" web \
        python - --url http://127.0.0.1:8000 < tests/smoke.py ||
        fail "The platform runs, but the smoke test failed; the line with FAIL says where. Logs: docker compose logs web worker"
}

what_next() {
    local port
    port=$(setting PORT)
    port=${port:-8000}
    cat << END

Ready on http://127.0.0.1:$port, for this machine alone until you put a proxy with TLS in front or set PUBLISH_ADDRESS in .env.

First request, with the key that .env has in API_KEYS:

  KEY=\$(sed -n 's/^API_KEYS=\([^:]*\).*/\1/p' .env)
  curl -s http://127.0.0.1:$port/agent/execute -H "Authorization: Bearer \$KEY" -H "Content-Type: application/json" -d '{"task": "Explain in two sentences what an API is."}'

Next:
  A key for a client   docker compose exec web python manage.py createapikey --client acme --tier premium
  Console              http://localhost:$port/admin/, user admin, password: ADMIN_PASSWORD in .env
  API reference        http://127.0.0.1:$port/docs
  Logs                 docker compose logs --follow web worker
  Upgrade              git pull && ./deploy.sh
  Stop, data kept      docker compose down
END
}

step "Checking this machine"
check_machine
step "Settings"
make_env
check_env
check_port PORT 8000 web
((${#profiles[@]} == 0)) || check_port PROMETHEUS_PORT 9090 prometheus
images=(web)
[[ $(setting LOCAL_MODEL) == 0 ]] || images+=(model)
step "Building the image (a few minutes the first time)"
began=$SECONDS
compose build --quiet "${images[@]}" || fail "The image could not be built; Docker says why above."
say "Built in $((SECONDS - began)) s."
step "Starting the stores and migrating the database"
compose up --detach --quiet-pull --wait postgres redis broker || fail "A store did not start. See: docker compose logs postgres redis broker"
set_database_password
compose run --rm migrate || fail "The database was not migrated; nothing else was started or stopped. The line above says why."
step "Starting everything"
compose up --detach --remove-orphans --quiet-pull || fail "Not everything started; Docker says why above."
wait_until_healthy
if [[ $smoke ]]; then
    step "Smoke test"
    run_smoke
fi
what_next
