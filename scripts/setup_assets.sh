#!/usr/bin/env bash
# Installs the map's assets (Leaflet and plug-ins) from their lock; Node comes as a pinned wheel where the machine has none.
set -eu
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.lock
    PATH="$PWD/.venv/bin:$PATH"
fi
npm ci --prefix web_map --ignore-scripts --no-audit --no-fund --loglevel=error
