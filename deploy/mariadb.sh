# Run by the MariaDB image when it initializes its data folder. Each service creates its own database.

# A string literal of SQL. Passwords may contain any character.
quoted() {
  printf "'%s'" "$(printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e "s/'/''/g")"
}

# user, password, database pattern
grant() {
  printf '%s\n' "create user if not exists '$1'@'%' identified by $(quoted "$2");" \
    "grant all privileges on \`$3\`.* to '$1'@'%';"
}

{
  # For development: one user for all databases.
  if [ -n "${DB_PASSWORD:-}" ]; then
    grant rookery "$DB_PASSWORD" 'rookery\_%'
    grant rookery "$DB_PASSWORD" 'microblog\_%'
  fi
  # For production: a user for each database, from <SERVICE>_DB_PASSWORD.
  for variable in $(env | sed -n 's/^\([A-Z_]*\)_DB_PASSWORD=..*/\1/p'); do
    service=$(printf '%s' "$variable" | tr 'A-Z' 'a-z')
    case $service in
      users | timelines) database="microblog_$service" ;;
      *) database="rookery_$service" ;;
    esac
    eval "password=\$${variable}_DB_PASSWORD"
    grant "rookery_$service" "$password" "$(printf '%s' "$database" | sed 's/_/\\_/g')"
  done
} | mariadb --user=root --password="$MARIADB_ROOT_PASSWORD"
