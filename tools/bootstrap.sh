#!/usr/bin/env bash
# Installs the Debian packages of tools/packages.txt that are missing. Installs nothing, and asks nothing of the network,
# when all are there. Needs root (or sudo) only when something is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
while read -r package command; do
  case "$package" in ''|'#'*) continue ;; esac
  [ -n "$command" ] && command -v "$command" >/dev/null && continue
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done < tools/packages.txt
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}"
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get -q update >/dev/null
"${sudo[@]}" apt-get -qy install --no-install-recommends "${missing[@]}" >/dev/null || {
  echo "apt-get could not install: ${missing[*]}" >&2
  exit 1
}
