#!/usr/bin/env bash
# Sees to it that the store's tests have PostgreSQL with PostGIS; they start a server of their own with it.
set -eu
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1 && exit 0

if [ "$(id -u)" -eq 0 ]; then sudo=""; else sudo="sudo -n"; fi
if ! command -v apt-get >/dev/null || ! $sudo true 2>/dev/null; then
    echo "setup: no PostgreSQL with PostGIS; the tests of the shared store will be skipped." \
        "Install as root: apt-get install postgresql postgresql-postgis" >&2
    exit 0
fi
echo "setup: installing postgresql postgresql-postgis" >&2
# No cluster of the system's own: it would take a port and start with the machine.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $sudo mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold \
    postgresql postgresql-postgis >/dev/null
