#!/bin/sh
# The tests, on the pinned Node.
#   tools/test.sh [all]                        the gate, then every test (chaos with few rounds)
#   tools/test.sh unit|integration|clients     one kind
#   tools/test.sh chaos [--rounds N] [--seed S]
set -eu
cd "$(dirname "$0")/.."
kind=${1:-all}
[ $# -eq 0 ] || shift

failed=0
case $kind in
  all) folders='src tools test' ;;
  unit) folders='src tools' ;;
  integration | clients | chaos) folders=test/$kind ;;
  *) echo "usage: npm test [all|unit|integration|clients|chaos]" >&2; exit 2 ;;
esac
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) export GANTRY_CHAOS_ROUNDS="${2:?--rounds needs a number}"; shift 2 ;;
    --seed) export GANTRY_CHAOS_SEED="${2:?--seed needs a number}"; shift 2 ;;
    *) echo "test: unknown argument '$1'" >&2; exit 2 ;;
  esac
done

if [ "$kind" = all ]; then sh tools/check.sh || failed=1; else sh tools/setup.sh; fi
# Made before the clock of any test runs.
[ "$kind" = unit ] || sh tools/images.sh

# shellcheck disable=SC2086  # a list of folders
files=$(find $folders -name '*.test.ts' | LC_ALL=C sort)
[ -n "$files" ] || { echo "test: no test of kind '$kind'" >&2; exit 1; }
# Two files at a time: the project's machines have two cores. A test that hangs fails, and its file ends
# (--test-force-exit: the time limit alone would leave it waiting for what the test holds); chaos goes on for as many rounds as asked.
minutes=10
[ "$kind" != chaos ] || minutes=1440
# shellcheck disable=SC2086  # a list of files
bin/node --test --test-force-exit --test-concurrency=2 --test-timeout=$((minutes * 60000)) $files || failed=1
exit "$failed"
