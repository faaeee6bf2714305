#!/usr/bin/env bash
# Makes .venv and installs a lock (given as the first argument) and Suyuan itself into it.
set -eu
cd "$(dirname "$0")/.."
lock=$1
python=${PYTHON:-python3}

say() { echo "setup: $*" >&2; }
apt_install() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "missing Debian package(s): $* - install them as root: apt-get install $*"
        exit 1
    fi
    say "installing $*"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v "$python" >/dev/null || apt_install python3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "$("$python" --version) is too old: Suyuan needs Python 3.11 or newer (set PYTHON=...)"
    exit 1
}
"$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
[ -x .venv/bin/python ] || "$python" -m venv .venv

say "installing $lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .

# rasterio's wheel links the system's expat, which a slim machine may lack.
.venv/bin/python -c 'import rasterio' 2>/dev/null || apt_install libexpat1
.venv/bin/python -c 'import pyproj, rasterio, pyogrio'
