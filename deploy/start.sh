#!/bin/sh
# Runs one program of the image: start.sh services/users
set -eu
# The address that other processes connect to: every container of a service has its own.
: "${ADVERTISED_HOST:=$(hostname -i | cut -d' ' -f1)}"
export ADVERTISED_HOST
program=$1
shift
exec bun "dist/$program/main.js" "$@"
