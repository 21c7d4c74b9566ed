#!/bin/sh
# From a fresh machine to a web server that answers: set-up, daemon, an image built from a Dockerfile, its container.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
socket=/run/gantry/gantry.sock
log=/var/log/gantryd.log
bold='' plain=''
[ -t 1 ] && [ -z "${NO_COLOR+set}" ] && bold=$(printf '\033[1m') plain=$(printf '\033[0m')
step() { printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"; }

step 'Installing what is missing'
sh tools/setup.sh engine

answers() { [ -S "$socket" ] && curl --silent --fail --max-time 5 --unix-socket "$socket" http://gantry/_ping >/dev/null; }

if answers; then
  step "gantryd runs already on $socket"
else
  step "Starting gantryd on $socket (its log: $log)"
  mkdir -p "$(dirname "$log")"
  # Its own session, so that it outlives this terminal.
  setsid "$root/bin/gantryd" --pidfile /run/gantryd.pid >>"$log" 2>&1 </dev/null &
  tries=0
  until answers; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || { tail -n 20 "$log" >&2; echo "quickstart: gantryd does not answer" >&2; exit 1; }
    sleep 0.1
  done
fi

step "Making gantry/debian:12 from Debian's archive"
sh tools/images.sh debian
bin/gantry image inspect gantry/debian:12 >/dev/null 2>&1 || bin/gantry load --input .cache/images/debian.tar

step 'gantry build --tag hello examples/hello'
bin/gantry build --tag hello examples/hello

step 'gantry run --detach hello, and what it answers'
container=$(bin/gantry run --detach --publish 127.0.0.1::8080 hello)
trap 'bin/gantry rm --force "$container" >/dev/null' EXIT
address=$(bin/gantry port "$container" 8080)
tries=0
until curl --silent --fail "http://$address/"; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || { bin/gantry logs "$container" >&2; echo "quickstart: nothing answers at $address" >&2; exit 1; }
  sleep 0.1
done

step 'Done. Go on with'
cat <<TEXT
  bin/gantry run -it --rm gantry/debian:12 bash      a shell in a container
  bin/gantry build --tag hello examples/hello        again: every step comes from the cache
  bin/gantry ps -a                                   what there is
  export DOCKER_HOST=unix://$socket        and any Docker client works
  kill \$(cat /run/gantryd.pid)                       stops the daemon; containers go on
TEXT
