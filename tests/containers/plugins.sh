#!/usr/bin/env bash
# Gets Docker's compose and buildx plugins from Debian trixie, without installing them: tests/containers/plugins.sh FOLDER
#
# They are put into FOLDER/cli-plugins, where Docker finds them with DOCKER_CONFIG=FOLDER; docker-compose also runs by itself,
# without Docker. On Debian, as any user. What is there already is not fetched again.
set -euo pipefail

readonly FOLDER=${1:?Name a folder for the plugins.}
readonly MIRROR=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

[[ -x $FOLDER/cli-plugins/docker-compose && -x $FOLDER/cli-plugins/docker-buildx ]] && exit
if ! command -v apt-get > /dev/null || [[ ! -r $KEYRING ]]; then
    echo "Docker's compose plugin is missing, and this is no Debian to fetch it from. Install it: https://docs.docker.com/compose/install/linux/" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/sources" "$FOLDER/cli-plugins"
# Lists of its own: nothing of trixie reaches the machine's apt.
printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$MIRROR" "$KEYRING" \
    > "$work/sources/trixie.sources"
options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
apt-get "${options[@]}" -qq update
cd "$work"
apt-get "${options[@]}" -qq download docker-compose docker-buildx
for package in ./*.deb; do dpkg-deb -x "$package" unpacked; done
cp unpacked/usr/libexec/docker/cli-plugins/* "$FOLDER/cli-plugins/"
