#!/bin/sh
# Builds what the benchmarks need and runs them: both sides in one run, raw numbers under out/bench, the table on standard
# output and in docs/guide/benchmarks.md. Options go to bench/run.py (--help lists them).
set -eu
cd "$(dirname "$0")/.."
test -f build/release/build.ninja || cmake --preset release -DSWY_TESTS=OFF -DSWY_BENCHMARKS=OFF >/dev/null
ninja -C build/release --quiet switchyard swy_load swy_icount swy_decide_bench swy_understand
exec python3 bench/run.py "$@"
