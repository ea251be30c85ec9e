#!/bin/sh
# Installs what the learners are compared with: tests/reference/setup.sh DIR
# DIR/venv gets the packages of requirements.txt. A second call does nothing. Exit status: 0 they
# are there; 1 not (the reason is in DIR/python.log).
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?usage: setup.sh DIR}
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
cmp -s "$here/requirements.txt" "$dir/installed.txt" && exit 0
rm -rf "$dir/venv"
if python3 -m venv "$dir/venv" >"$dir/python.log" 2>&1 &&
  "$dir/venv/bin/pip" install --disable-pip-version-check --quiet --retries 1 --timeout 20 \
    --only-binary :all: -r "$here/requirements.txt" >>"$dir/python.log" 2>&1; then
  cp "$here/requirements.txt" "$dir/installed.txt"
else
  echo "setup: the reference packages could not be installed: $dir/python.log" >&2
  tail -3 "$dir/python.log" >&2
  exit 1
fi
