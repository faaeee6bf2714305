#!/usr/bin/env bash
# Sees to it that the browser tests have Chromium and a font with Chinese characters.
set -eu
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
[ -n "$(command -v fc-list >/dev/null && fc-list :lang=zh family)" ] || missing+=(fonts-wqy-microhei fontconfig)
# The wheel that drives the browser brings a Node that links libatomic, which a slim machine lacks.
.venv/bin/python -m playwright --version >/dev/null 2>&1 || missing+=(libatomic1)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: the browser tests need ${missing[*]} - install as root: apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "setup: installing ${missing[*]}" >&2
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
