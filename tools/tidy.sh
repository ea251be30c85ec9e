#!/usr/bin/env bash
# clang-tidy over the files that differ from the given commit (default: all sources). Findings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset tidy -DCMAKE_CXX_CLANG_TIDY= >/dev/null
if [ $# -gt 0 ]; then
  files=$(git diff --name-only --diff-filter=d "$1" -- '*.cc')
else
  files=$(git ls-files '*.cc')
fi
echo "$files" | grep -vE '^fuzz/|_bench\.cc$|_test\.cc$|/testing/' | xargs -r -P2 -n4 clang-tidy-19 -p build/tidy --quiet
