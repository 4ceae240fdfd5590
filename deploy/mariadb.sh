# Run by the MariaDB image when it initializes its data folder. Each service creates its own database.
mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" <<SQL
create user 'rookery'@'%' identified by '$DB_PASSWORD';
grant all privileges on \`rookery\\_%\`.* to 'rookery'@'%';
grant all privileges on \`microblog\\_%\`.* to 'rookery'@'%';
SQL
