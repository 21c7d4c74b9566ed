#!/bin/sh
# The one gate: style, lint, types and structure. All run, so that one look shows every complaint.
set -u
cd "$(dirname "$0")/.."
sh tools/setup.sh || exit 1
failed=0
node_modules/.bin/biome check --error-on-warnings --diagnostic-level=warn --max-diagnostics=100 || failed=1
node_modules/.bin/tsc --project . || failed=1
bin/node tools/check-structure.ts || failed=1
[ "$failed" = 0 ] && echo "check: ok"
exit "$failed"
