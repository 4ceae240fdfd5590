#!/bin/sh
# Runs one process of the image: start.sh services/users
set -eu
# Where the others reach this instance: every container of a service has an address of its own.
: "${ADVERTISED_HOST:=$(hostname -i | cut -d' ' -f1)}"
export ADVERTISED_HOST
exec bun "dist/$1/main.js"
