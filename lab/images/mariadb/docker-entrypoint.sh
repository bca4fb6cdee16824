#!/bin/bash
# Does what the entrypoint of the real MariaDB image does: the same variables, the same first start.
set -Eeuo pipefail

DATA=/var/lib/mysql
SOCKET=/run/mysqld/mysqld.sock
START_SECONDS=30

refuse() {
  printf 'ERROR [Entrypoint]: %b\n' "$*" >&2
  exit 1
}

# A variable's value, or the content of the file that VARIABLE_FILE names.
from_file() {
  local name=$1 file=${1}_FILE
  if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then refuse "Both $name and $file are set (but are exclusive)"; fi
  if [ -n "${!file:-}" ]; then export "$name=$(<"${!file}")"; else export "$name=${!name:-${2:-}}"; fi
  unset "$file"
}

# The same under its present name, MARIADB_…, and its old one, MYSQL_…; the present one counts.
either_name() {
  local present=MARIADB_$1 old=MYSQL_$1
  from_file "$old" "${2:-}"
  from_file "$present" "${!old}"
  export "$old=${!present}"
}

# Text as SQL has it between quotes.
quoted() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\\\'}"
}

# A name as SQL has it between backticks.
named() { printf "\`%s\`" "${1//\`/\`\`}"; }

as_root() { mariadb --protocol=socket --socket="$SOCKET" --user=root --host=localhost --skip-ssl --binary-mode "$@"; }

accounts() {
  local password grants
  password=$(quoted "$MARIADB_ROOT_PASSWORD")
  printf '%s;\n' "SET PASSWORD FOR root@localhost = PASSWORD($password)"
  if [ "$MARIADB_ROOT_HOST" != localhost ]; then
    printf '%s;\n' "CREATE USER root@$(quoted "$MARIADB_ROOT_HOST") IDENTIFIED BY $password" \
      "GRANT ALL ON *.* TO root@$(quoted "$MARIADB_ROOT_HOST") WITH GRANT OPTION"
  fi
  if [ -n "$MARIADB_DATABASE" ]; then
    printf '%s;\n' "CREATE DATABASE IF NOT EXISTS $(named "$MARIADB_DATABASE")"
  fi
  if [ -n "$MARIADB_USER" ] && [ -n "$MARIADB_PASSWORD" ]; then
    printf '%s;\n' "CREATE USER $(quoted "$MARIADB_USER")@'%' IDENTIFIED BY $(quoted "$MARIADB_PASSWORD")"
    # In a grant, _ stands for any character.
    grants=$(named "${MARIADB_DATABASE//_/\\_}")
    if [ -n "$MARIADB_DATABASE" ]; then printf '%s;\n' "GRANT ALL ON $grants.* TO $(quoted "$MARIADB_USER")@'%'"; fi
  fi
}

initialise() {
  if [ -n "${MARIADB_RANDOM_ROOT_PASSWORD:-${MYSQL_RANDOM_ROOT_PASSWORD:-}}" ]; then
    MARIADB_ROOT_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf 'GENERATED ROOT PASSWORD: %s\n' "$MARIADB_ROOT_PASSWORD"
  elif [ -z "$MARIADB_ROOT_PASSWORD$MARIADB_ALLOW_EMPTY_ROOT_PASSWORD" ]; then
    refuse "Database is uninitialized and password option is not specified\n\tYou need to specify one of" \
      "MARIADB_ROOT_PASSWORD, MARIADB_ROOT_PASSWORD_HASH, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and" \
      "MARIADB_RANDOM_ROOT_PASSWORD"
  fi
  mariadb-install-db --datadir="$DATA" --rpm --cross-bootstrap --skip-test-db \
    --auth-root-authentication-method=normal --skip-log-bin "${@:2}" >/dev/null

  # Nobody shall take the server for ready before its first start is over: it listens on its socket only.
  "$@" --skip-networking --socket="$SOCKET" &
  local server=$! started=$SECONDS
  until as_root --execute 'SELECT 1' &>/dev/null; do
    if ! kill -0 "$server" 2>/dev/null || [ $((SECONDS - started)) -ge "$START_SECONDS" ]; then
      refuse "Unable to start server."
    fi
    sleep 0.1
  done
  if [ -z "${MARIADB_INITDB_SKIP_TZINFO:-${MYSQL_INITDB_SKIP_TZINFO:-}}" ]; then
    mariadb-tzinfo-to-sql --skip-write-binlog /usr/share/zoneinfo 2>/dev/null | as_root mysql
  fi
  accounts | as_root mysql
  local file sql=(as_root)
  if [ -n "$MARIADB_DATABASE" ]; then sql+=("$MARIADB_DATABASE"); fi
  export MYSQL_PWD=$MARIADB_ROOT_PASSWORD
  for file in /docker-entrypoint-initdb.d/*; do
    # shellcheck disable=SC1090 # whoever made the image knows its files
    case $file in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) "${sql[@]}" <"$file" ;;
      *.sql.gz) gunzip -c "$file" | "${sql[@]}" ;;
      *.sql.xz) xzcat "$file" | "${sql[@]}" ;;
      *.sql.zst) zstd -dc "$file" | "${sql[@]}" ;;
    esac
  done
  unset MYSQL_PWD
  kill "$server"
  wait "$server"
  printf '\nMariaDB init process done. Ready for start up.\n\n'
}

if [ "${1:0:1}" = - ]; then set -- mariadbd "$@"; fi
if [ "$1" = mariadbd ]; then
  # As root, who may read the files of secrets.
  either_name ROOT_HOST %
  for name in DATABASE USER PASSWORD ROOT_PASSWORD; do either_name "$name"; done
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$DATA" "${SOCKET%/*}"
    find "$DATA" \! -user mysql -exec chown mysql: '{}' +
    find "${SOCKET%/*}" -maxdepth 0 \! -user mysql -exec chown mysql: '{}' +
    exec setpriv --reuid mysql --regid mysql --init-groups "$0" "$@"
  fi
  : "${MARIADB_ALLOW_EMPTY_ROOT_PASSWORD:=${MYSQL_ALLOW_EMPTY_PASSWORD:-}}"
  if [ ! -d "$DATA/mysql" ]; then initialise "$@"; fi
fi
exec "$@"
