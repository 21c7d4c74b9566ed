#!/bin/sh
# Puts the Docker client that the tests drive under .cache/clients, never into /usr: Debian bookworm has none of
# that age, but the one in forky needs only a libc that bookworm has. Fetched by apt (signed, checked) with its own
# state and sources, so that the machine's package lists stay as they are.
set -eu
cd "$(dirname "$0")/.."
home=$PWD/.cache/clients
[ -x "$home/docker" ] && exit 0
echo "setup: Docker client from Debian forky"

mkdir -p "$home"
work=$(mktemp -d "$home/.fetch.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/parts"

# The mirror that this machine uses already.
mirror() { apt-get indextargets --format '$(SITE) $(RELEASE)' | sed -n 's/ bookworm$//p' | head -n 1; }
mirror=$(mirror)
# apt knows its sources only once their lists are there.
[ -n "$mirror" ] || { apt-get -qq update || true; mirror=$(mirror); }
[ -n "$mirror" ] || { echo "setup: no Debian bookworm source in /etc/apt" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main" >"$work/sources.list"

apt() {
  command=$1
  shift
  apt-get -qq \
    -o Dir::State="$work/state" -o Dir::Cache="$work/cache" -o Dir::State::status=/dev/null \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts="$work/parts" -o Dir::Etc::PreferencesParts="$work/parts" \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Check-Valid-Until=false \
    -o APT::Sandbox::User=root "$command" "$@"
}

cd "$work"
apt update
apt download docker-cli
dpkg-deb --extract docker-cli_*.deb "$work/docker-cli"
mv "$work/docker-cli/usr/bin/docker" "$home/docker"
"$home/docker" --version >/dev/null
