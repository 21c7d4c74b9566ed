#!/bin/sh
# Installs what Gantry needs, and what its tests need too: Debian packages, npm packages (the pinned Node among them)
# and, under .cache/clients, the clients that the tests drive. Safe to run again: what is there is left alone,
# and a run that finds nothing missing asks no registry.
#   tools/setup.sh            all
#   tools/setup.sh engine     what quickstart needs: no peers, browsers and clients of the tests
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "setup: must run as root (a container engine needs it)" >&2; exit 1; }

# The engine itself, and what the pinned Node links to.
engine='libatomic1 libstdc++6 crun runc conmon catatonit nftables iproute2 golang-github-containers-common ca-certificates procps util-linux zstd isal'
# Makes images from Debian's archive, and asks the first of them for its page.
images='mmdebstrap debian-archive-keyring curl'
# The peers, clients and probes that the tests drive.
tests='openssl e2fsprogs git busybox-static docker-registry skopeo socat iptables ufw docker-compose chromium'
kind=${1:-all}
case $kind in
  all) packages="$engine $images $tests" ;;
  engine) packages="$engine $images" ;;
  *) echo "usage: tools/setup.sh [all|engine]" >&2; exit 2 ;;
esac

say() { echo "setup: $*"; }

missing_packages() {
  # shellcheck disable=SC2086  # a list of names
  installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' $packages 2>/dev/null || true) "
  for package in $packages; do
    case $installed in *" installed:$package "*) ;; *) printf '%s ' "$package" ;; esac
  done
}

install_packages() {
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  say "Debian packages: $missing"
  # A third-party source that is broken must not stop us: what counts is whether the install succeeds.
  apt-get -q update >.cache/apt-update.log 2>&1 || say "apt-get update complained (.cache/apt-update.log); going on"
  # shellcheck disable=SC2086  # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $missing >.cache/apt-install.log 2>&1 || {
    tail -n 20 .cache/apt-install.log >&2
    echo "setup: apt-get could not install: $missing" >&2
    exit 1
  }
}

# Install scripts are never run: all native parts come ready-made inside registry packages. Not 'npm ci': it takes
# away the files under a running daemon, and gives up when a mirror lacks the builds for other systems.
# What runs the engine is a part of what the tests need.
install_modules() {
  installed=node_modules/.gantry-installed.json
  cmp -s package-lock.json $installed && return 0
  omit=''
  if [ "$kind" = engine ]; then
    omit='--omit=dev' installed=node_modules/.gantry-engine.json
    cmp -s package-lock.json $installed && return 0
  fi
  say "npm packages"
  npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error $omit
  rm -f node_modules/.gantry-installed.json node_modules/.gantry-engine.json
  cp package-lock.json $installed
}

mkdir -p .cache
install_packages
install_modules
# The first start of new source strips its types, which costs 16 MB that stay: it is this one, not the daemon's.
bin/gantryd --version >/dev/null
bin/gantry --version >/dev/null
[ "$kind" = engine ] || sh tools/clients.sh
say "ready (Node $(bin/node --version), crun $(crun --version | sed -n 's/^crun version //p'))"
