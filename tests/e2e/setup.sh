#!/bin/sh
# Installs the official OpenAI clients that the end-to-end tests use: tests/e2e/setup.sh DIR
# DIR/venv gets the Python package, DIR/node/node_modules the Node package. A second call does
# nothing. Exit status: 0 both are there; 1 at least one is missing (the reason is in DIR/*.log).
set -u
# The newest releases that run on Debian 12: Python 3.11, Node 18.
PYTHON_OPENAI=3.54.0
NODE_OPENAI=6.30.1
dir=${1:?usage: setup.sh DIR}
mkdir -p "$dir/node"
exec 9>"$dir/lock"
flock 9
status=0

if [ "$(cat "$dir/venv.version" 2>/dev/null)" != "$PYTHON_OPENAI" ]; then
  rm -rf "$dir/venv"
  if python3 -m venv "$dir/venv" >"$dir/python.log" 2>&1 &&
    "$dir/venv/bin/pip" install --disable-pip-version-check --quiet --retries 1 --timeout 20 \
      "openai==$PYTHON_OPENAI" >>"$dir/python.log" 2>&1; then
    echo "$PYTHON_OPENAI" >"$dir/venv.version"
  else
    echo "setup: the Python client could not be installed: $dir/python.log" >&2
    status=1
  fi
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "setup: no node and npm here: the Node client is not tested" >&2
  status=1
elif [ "$(cat "$dir/node.version" 2>/dev/null)" != "$NODE_OPENAI" ]; then
  rm -rf "$dir/node"
  mkdir -p "$dir/node"
  echo '{"private":true}' >"$dir/node/package.json"
  if (cd "$dir/node" && npm install --no-package-lock --no-save --no-audit --no-fund \
    --ignore-scripts --fetch-retries 1 --fetch-timeout 20000 "openai@$NODE_OPENAI") \
    >"$dir/node.log" 2>&1; then
    echo "$NODE_OPENAI" >"$dir/node.version"
  else
    echo "setup: the Node client could not be installed: $dir/node.log" >&2
    status=1
  fi
fi
exit $status
