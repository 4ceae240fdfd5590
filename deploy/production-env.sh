#!/bin/sh
# Prints deploy/production.env with generated secrets: sh deploy/production-env.sh https://api.example.com
set -eu
[ $# -eq 1 ] || {
  echo "Pass the public URL: sh deploy/production-env.sh https://api.example.com" >&2
  exit 2
}
umask 077
secrets=''
while IFS= read -r line; do
  case $line in
    *'--- secrets'*) secrets=yes ;;
    *'--- optional'*) secrets='' ;;
  esac
  case $line in
    PUBLIC_URL=) echo "PUBLIC_URL=$1" ;;
    # DynamoDB and its emulators accept letters and digits only.
    AWS_ACCESS_KEY_ID=) echo "${line}R$(openssl rand -hex 10)" ;;
    [A-Z]*=) [ -z "$secrets" ] && echo "$line" || echo "$line$(openssl rand -base64 36)" ;;
    *) echo "$line" ;;
  esac
done <"$(dirname "$0")/production.env.example"
