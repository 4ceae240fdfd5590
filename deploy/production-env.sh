#!/bin/sh
# Prints deploy/production.env with generated secrets: sh deploy/production-env.sh https://api.example.com
set -eu
[ $# -eq 1 ] || {
  echo "Pass the public URL: sh deploy/production-env.sh https://api.example.com" >&2
  exit 2
}
umask 077
secrets=''
public=''
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
while IFS= read -r line; do
  case $line in
    *'--- secrets'*) secrets=yes ;;
    *'--- the public keys'* | *'--- optional'*) secrets='' ;;
  esac
  case $line in
    PUBLIC_URL=) echo "PUBLIC_URL=$1" ;;
    SERVICE_KEYS=) echo "$line${public#,}" ;;
    *_SERVICE_KEY=)
      # A DER ends with the 32 bytes of the key (RFC 8410).
      openssl genpkey -algorithm ed25519 -outform DER -out "$folder/key"
      echo "$line$(tail -c 32 "$folder/key" | base64url)"
      name=$(echo "${line%_SERVICE_KEY=}" | tr 'A-Z_' 'a-z-')
      public="$public,$name=$(openssl pkey -inform DER -in "$folder/key" -pubout -outform DER | tail -c 32 | base64url)"
      ;;
    # DynamoDB and its emulators accept letters and digits only.
    AWS_ACCESS_KEY_ID=) echo "${line}R$(openssl rand -hex 10)" ;;
    [A-Z]*=) [ -z "$secrets" ] && echo "$line" || echo "$line$(openssl rand -base64 36)" ;;
    *) echo "$line" ;;
  esac
done <"$(dirname "$0")/production.env.example"
