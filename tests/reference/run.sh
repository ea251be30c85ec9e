#!/bin/sh
# The learners against scikit-learn and closed forms: tests/reference/run.sh BUILD_DIR SWY_LEARNERS
# Exit status 77: skipped, because the packages cannot be installed here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(dirname "$1")/reference
if ! "$here/setup.sh" "$dir"; then
  echo "reference: SKIP, no scikit-learn"
  exit 77
fi
export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$dir/venv/bin/python" "$here/run.py" "$2"
