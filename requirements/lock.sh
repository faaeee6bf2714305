#!/usr/bin/env bash
# Rewrites the locks from pyproject.toml: hashes, no addresses. Needs uv.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header "$@"; }
compile pyproject.toml requirements/build.in -o requirements/runtime.lock
# The extra `grib` stays out: what eccodes needs is not in its metadata, so it cannot be locked.
compile --extra dev --extra samples -c requirements/runtime.lock pyproject.toml requirements/build.in -o requirements/dev.lock
compile requirements/node.in -o requirements/node.lock
