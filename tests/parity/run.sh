#!/bin/sh
# The parity test: tests/parity/run.sh BUILD_DIR SWY_TOKENIZE. Exit status 77: skipped, because the
# reference library cannot be installed here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1/parity
if ! "$here/setup.sh" "$dir"; then
  echo "tokenizer_parity: skipped, no reference library"
  exit 77
fi
exec "$dir/venv/bin/python" "$here/run.py" "$dir" "$2"
