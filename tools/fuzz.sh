#!/usr/bin/env bash
# Builds the fuzz targets and runs each for the given number of seconds (default 60) over its corpus. A crash leaves its
# input under out/fuzz and ends with status 1. Two targets run at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ "$seconds" -gt 0 ] || exit 0
cmake --preset fuzz >/dev/null
ninja -C build/fuzz --quiet fuzz_targets
mkdir -p out/fuzz
export seconds
run_one() {
  target=$1
  name=$(basename "$target" _fuzz)
  mkdir -p "out/fuzz/$name"
  seeds=()
  [ -d "fuzz/corpus/$name" ] && seeds=("fuzz/corpus/$name")
  if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
      -artifact_prefix="out/fuzz/$name-" "out/fuzz/$name" "${seeds[@]}" >"out/fuzz/$name.log" 2>&1; then
    echo "fuzz $name: ok, $(grep -o 'number_of_executed_units: *[0-9]*' "out/fuzz/$name.log" | grep -o '[0-9]*$') inputs in $seconds s"
  else
    echo "fuzz $name: FAILED, see out/fuzz/$name.log"
    tail -30 "out/fuzz/$name.log"
    return 1
  fi
}
export -f run_one
find build/fuzz/fuzz -maxdepth 1 -name '*_fuzz' -type f | sort | xargs -P2 -I{} bash -c 'run_one {}'
