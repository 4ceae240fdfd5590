#!/bin/sh
# Installs the system packages of the local stack's servers: only missing ones, and only those that no variable
# (DB_HOST, REDIS_URL, …) replaces. Needs the network only when something is missing.
# The argument `tests` also installs what only tests need: proxies that parse requests behind the gateway, a load
# generator, Chromium, and Prometheus, whose promtool checks the alert rules. `cluster` also installs what several nodes of MariaDB need,
# and `ip`, which partitions them.
set -eu
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=''
[ -n "${DB_HOST:-}" ] || command -v mariadbd >/dev/null || missing="$missing mariadb-server"
[ -n "${REDIS_URL:-}" ] || command -v redis-server >/dev/null || missing="$missing redis-server"
[ -n "${AMQP_URL:-}" ] || [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing="$missing rabbitmq-server"
[ -n "${BEANSTALKD_HOST:-}" ] || command -v beanstalkd >/dev/null || missing="$missing beanstalkd"
if [ "${1:-}" = tests ]; then
  command -v nginx >/dev/null || missing="$missing nginx-light"
  command -v haproxy >/dev/null || missing="$missing haproxy"
  command -v wrk >/dev/null || missing="$missing wrk"
  command -v promtool >/dev/null || missing="$missing prometheus"
  command -v chromium >/dev/null || missing="$missing chromium"
fi
if [ "${1:-}" = cluster ]; then
  [ -e /usr/lib/galera/libgalera_smm.so ] || missing="$missing galera-4"
  command -v mariadb-backup >/dev/null || missing="$missing mariadb-backup"
  command -v socat >/dev/null || missing="$missing socat"
  command -v ip >/dev/null || missing="$missing iproute2"
fi
[ -n "$missing" ] || exit 0

fail() {
  echo "Missing:$missing ($1). Install them, or point DB_HOST, REDIS_URL, AMQP_URL, BEANSTALKD_HOST at existing servers." >&2
  exit 1
}

command -v apt-get >/dev/null || fail 'apt-get is not available'
as_root=''
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail 'installation needs root or sudo'
  as_root=sudo
fi

echo "Installing$missing with apt-get (once; about a minute)" >&2
log=$(mktemp)
# The packages would start system services; only the programs are needed. A temporary policy-rc.d prevents that,
# unless the machine has its own.
policy=/usr/sbin/policy-rc.d
own_policy=''
clean_up() {
  rm -f "$log"
  [ -z "$own_policy" ] || $as_root rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
  own_policy=yes
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
fi

install_packages() {
  # shellcheck disable=SC2086 # word splitting: one argument per package
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1
}
install_packages || {
  echo 'Updating the package lists' >&2
  $as_root apt-get update -q >>"$log" 2>&1 || true
  install_packages || {
    tail -n 15 "$log" >&2
    fail 'apt-get failed, see above'
  }
}
