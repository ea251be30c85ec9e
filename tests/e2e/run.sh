#!/bin/sh
# The end-to-end suite: tests/e2e/run.sh BUILD_DIR [MODULE...]
# Installs the official clients first where that is possible; their tests are skipped where not.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run.sh BUILD_DIR [MODULE...]}" && pwd) || exit 2
shift
SWY_BUILD=$build
SWY_CLIENTS=${SWY_CLIENTS:-$(dirname "$build")/e2e}
PYTHONDONTWRITEBYTECODE=1
export SWY_BUILD SWY_CLIENTS PYTHONDONTWRITEBYTECODE
"$here/setup.sh" "$SWY_CLIENTS" || true
exec python3 "$here/run.py" "$@"
