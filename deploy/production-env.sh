#!/bin/sh
# Prints deploy/production.env with generated secrets: sh deploy/production-env.sh https://api.example.com
# A second argument names a file of before, whose settings are kept: only what is missing there is generated.
set -eu
[ $# -eq 1 ] || [ $# -eq 2 ] || {
  echo "Pass the public URL: sh deploy/production-env.sh https://api.example.com [deploy/production.env]" >&2
  exit 2
}
umask 077
before=${2:-/dev/null}
[ -r "$before" ] || {
  echo "Cannot read $before" >&2
  exit 2
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
kept() { sed -n "s/^$1=//p" "$before" | tail -n 1 | sed "s/^'\(.*\)'$/\1/"; }
process_of() { echo "${1%"$2"}" | tr 'A-Z_' 'a-z-'; }

# The private key of a process as DER, which ends with its 32 bytes (RFC 8410): that of before, or a new one.
private_key() {
  if [ -z "$1" ]; then
    openssl genpkey -algorithm ed25519 -outform DER
  else
    printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040'
    printf '%s=' "$1" | tr -- '-_' '+/' | openssl base64 -d -A
  fi
}

# name, what the example has
value_of() {
  kept=$(kept "$1")
  if [ -n "$kept" ]; then
    printf '%s' "$kept"
    return
  fi
  case $1 in
    PUBLIC_URL | SERVICE_KEYS) ;;
    *_REGISTRY_CREDENTIAL)
      printf 'registration:%s' "$(process_of "$1" _REGISTRY_CREDENTIAL)" |
        openssl dgst -sha256 -hmac "$token" -binary | base64url
      ;;
    # One for all, in a file of before.
    *_INTERNAL_SECRET)
      shared=$(kept INTERNAL_SECRET)
      printf '%s' "${shared:-$(openssl rand -base64 36)}"
      ;;
    # DynamoDB and its emulators accept letters and digits only.
    AWS_ACCESS_KEY_ID) printf 'R%s' "$(openssl rand -hex 10)" ;;
    *) [ -z "$secrets" ] && printf '%s' "$2" || openssl rand -base64 36 ;;
  esac
}

secrets=''
token=''
names=' PUBLIC_URL '
public=$(kept SERVICE_KEYS)
while IFS= read -r line; do
  case $line in
    *'--- secrets'*) secrets=yes ;;
    *'--- the public keys'* | *'--- optional'*) secrets='' ;;
  esac
  name=${line%%=*}
  case $line in
    [A-Z]*=*) names="$names$name " ;;
    *) name='' ;;
  esac
  case $name in
    '') echo "$line" ;;
    PUBLIC_URL) echo "PUBLIC_URL=$1" ;;
    SERVICE_KEYS) echo "SERVICE_KEYS=${public#,}" ;;
    *_SERVICE_KEY)
      private_key "$(kept "$name")" >"$folder/key"
      echo "$name=$(tail -c 32 "$folder/key" | base64url)"
      key="$(process_of "$name" _SERVICE_KEY)=$(openssl pkey -inform DER -in "$folder/key" -pubout -outform DER | tail -c 32 | base64url)"
      case ",$public," in
        *",$key,"*) ;;
        *) public="$public,$key" ;;
      esac
      ;;
    *)
      value=$(value_of "$name" "${line#*=}")
      [ "$name" != REGISTRY_TOKEN ] || token=$value
      # Compose would substitute a $, and end the value at a blank.
      case $value in
        *[\$\ \#]*) echo "$name='$value'" ;;
        *) echo "$name=$value" ;;
      esac
      ;;
  esac
done <"$(dirname "$0")/production.env.example"

# What else is set there.
grep '^[A-Z][A-Z0-9_]*=' "$before" | while IFS= read -r line; do
  case $names in
    *" ${line%%=*} "*) ;;
    *) echo "$line" ;;
  esac
done
