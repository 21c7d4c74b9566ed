#!/bin/sh
# Puts the Docker client that the tests drive, its plugins for builds and compose, and cosign under .cache/clients, never into /usr:
# Debian bookworm has none of that age, but those in forky need only a libc that bookworm has. Fetched by apt (signed, checked) with its own
# state and sources, so that the machine's package lists stay as they are.
set -eu
cd "$(dirname "$0")/.."
home=$PWD/.cache/clients
plugins="$home/cli-plugins"
[ -x "$home/docker" ] && [ -x "$plugins/docker-buildx" ] && [ -x "$plugins/docker-compose" ] && [ -x "$home/cosign" ] && exit 0
echo "setup: Docker client, buildx, compose and cosign from Debian forky"

mkdir -p "$plugins"
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
packages='docker-cli docker-buildx docker-compose cosign'
# shellcheck disable=SC2086  # a list of names
apt download $packages
for package in $packages; do
  dpkg-deb --extract "$package"_*.deb "$work/$package"
done
mv "$work/docker-cli/usr/bin/docker" "$home/docker"
mv "$work/cosign/usr/bin/cosign" "$home/cosign"
for plugin in buildx compose; do
  mv "$work/docker-$plugin/usr/libexec/docker/cli-plugins/docker-$plugin" "$plugins/docker-$plugin"
done
"$home/docker" --version >/dev/null
"$home/cosign" version >/dev/null
