#!/bin/sh
# Installs Bun (the version in package.json) and the packages of bun.lock if they are missing, then runs the given
# command with that Bun first in the PATH:  sh scripts/bootstrap.sh bun scripts/up.ts
# Requires Node (npm) or any Bun, and the network only when something is missing.
set -eu
cd "$(dirname "$0")/.."
version=$(sed -n 's/.*"packageManager": *"bun@\([^"]*\)".*/\1/p' package.json)
tools=$PWD/.tools

is_wanted() {
  [ -n "$1" ] && [ -x "$1" ] && [ "$("$1" --version 2>/dev/null)" = "$version" ]
}

# npm 11 and later run no install scripts, so Bun's launcher may be a stub, and packages for other processors or C
# libraries may be installed beside the right one. The binary that reports the version is the right one.
link_installed_bun() {
  for candidate in "$tools"/node_modules/@oven/bun-*/bin/bun "$tools"/node_modules/bun/bin/bun*; do
    is_wanted "$candidate" || continue
    mkdir -p "$tools/bin"
    ln -sf "$candidate" "$tools/bin/bun"
    ln -sf "$candidate" "$tools/bin/bunx"
    return 0
  done
  return 1
}

install_bun() {
  echo "Installing Bun $version from its npm package (once)" >&2
  mkdir -p "$tools"
  printf '{ "private": true }\n' >"$tools/package.json"
  if command -v npm >/dev/null; then
    npm install --prefix "$tools" --no-audit --no-fund --loglevel=error "bun@$version" >&2
  elif command -v bun >/dev/null; then
    bun add --cwd "$tools" --exact "bun@$version" >&2
  else
    echo "Missing: Node 20 or later with npm, or any Bun. Install one of them first." >&2
    exit 1
  fi
  link_installed_bun || {
    echo "Bun $version was installed to .tools but does not run on this machine." >&2
    exit 1
  }
}

if is_wanted "$tools/bin/bun"; then
  PATH="$tools/bin:$PATH"
elif ! is_wanted "$(command -v bun || true)"; then
  install_bun
  PATH="$tools/bin:$PATH"
fi
PATH="$PWD/node_modules/.bin:$PATH"
export PATH

# The packages are up to date while these two files are unchanged.
wanted=$(cksum package.json bun.lock)
stamp=node_modules/.installed-from
if [ "$wanted" != "$(cat "$stamp" 2>/dev/null || true)" ]; then
  echo 'Installing packages' >&2
  bun install --frozen-lockfile >&2
  printf '%s\n' "$wanted" >"$stamp"
fi

[ $# -eq 0 ] || exec "$@"
