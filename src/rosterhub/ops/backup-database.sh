#!/bin/bash
# Back up the whole database to backups/db-backup-YYYYMMDD-HHMMSS.sql.gz and print that path
# (docs/backups.md). There is the complete file, or none.
#
# The dump is made in the container `postgres`; by the pg_dump of this machine where DATABASE_WRITE_URL
# or DATABASE_URL names a database, in the environment or in .env.
#
#   ROSTERHUB_HOME   the installation; the folder above the one this is called in, if left out
#   BACKUP_FOLDER    where to; ROSTERHUB_HOME/backups
#   BACKUP_DAYS      backups older than this many days go once a new one is there; 30
#   BACKUP_LOG       one line for each run; /var/log/rosterhub-backup.log
set -euo pipefail

# Absolute: docker compose has to be called in the installation.
home=$(cd "${ROSTERHUB_HOME:-$(dirname "$0")/..}" && pwd)
folder=${BACKUP_FOLDER:-$home/backups}
days=${BACKUP_DAYS:-30}
log=${BACKUP_LOG:-/var/log/rosterhub-backup.log}
file=$folder/db-backup-$(date +%Y%m%d-%H%M%S).sql.gz
part=$folder/.${file##*/}.part
end="-- RosterHub backup complete"

# What psql does before the dump: all or nothing, and into the database of a hub or an empty one.
before() {
    cat <<'SQL'
-- RosterHub backup
--
-- gunzip < THIS | psql DATABASE makes the database again what it was, all of it or nothing; so does
-- `rosterhub db restore THIS`, which looks first.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL lock_timeout = '60s';
SET LOCAL client_min_messages = warning;
DO $$
DECLARE
    schema name;
BEGIN
    IF to_regclass('public.api_keys') IS NULL AND EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname !~ '^(pg_|information_schema$)' AND c.relkind IN ('r', 'p'))
    THEN
        RAISE EXCEPTION 'The database % is not that of a hub. Nothing is changed.', current_database();
    END IF;
    FOR schema IN SELECT nspname FROM pg_namespace
                   WHERE nspname !~ '^(pg_|information_schema$)'
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', schema);
    END LOOP;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
    COMMENT ON SCHEMA public IS 'standard public schema';
END $$;
SQL
}

after() {
    printf 'COMMIT;\nANALYZE;\n%s\n' "$end"
}

# Roles and what they may do belong to the server. Staging tables are of imports under way, which
# begin again.
dump() {
    local options=(--no-owner --no-privileges --encoding=UTF8 --exclude-table='staging.*'
        --lock-wait-timeout=60s)
    local url=${DATABASE_WRITE_URL:-${DATABASE_URL:-$(in_env DATABASE_WRITE_URL)}}
    url=${url:-$(in_env DATABASE_URL)}
    if [[ -z $url ]]; then
        cd "$home"
        docker compose exec -T postgres \
            pg_dump "${options[@]}" -U rosterhub rosterhub_production </dev/null
        return
    fi
    # Not on the command line, where everybody on this machine can read it.
    if [[ $url =~ ^([a-z]+://[^:/@]+):([^@/]*)@(.*)$ ]]; then
        url=${BASH_REMATCH[1]}@${BASH_REMATCH[3]}
        PGPASSWORD=$(printf '%b' "${BASH_REMATCH[2]//%/\\x}")
        export PGPASSWORD
    fi
    pg_dump "${options[@]}" "$url"
}

# What newer pg_dumps say to servers that do not know it yet; in the head only, for rows come later.
portable() {
    sed '1,40{/^SET transaction_timeout = 0;$/d}'
}

in_env() {
    [[ ! -e $home/.env ]] || sed -n "s/^$1=//p" "$home/.env" | tail -n 1
}

say() {
    local line
    said=yes
    line="[$(date '+%Y-%m-%d %H:%M:%S')] $1"
    # cron may lead standard output to the same file.
    if [[ /dev/stdout -ef $log ]]; then
        echo "$line"
    elif ! { echo "$line" >>"$log"; } 2>/dev/null; then
        echo "The log $log cannot be written; BACKUP_LOG names another." >&2
    fi
}

fail() {
    say "Backup failed: $1"
    echo "Backup failed: $1" >&2
    exit 1
}

mkdir -p "$folder"
exec 9<"$folder"
flock -n 9 || fail "another backup is being made"
rm -f "$folder"/.db-backup-*.part
said=
trap 'rm -f "$part" "$part.errors"; [[ $said ]] || say "Backup failed: somebody ended it"' EXIT
umask 077

write() {
    { before && { dump || ended $?; } | portable && after; } | gzip >"$part"
}
ended() {
    [[ -s $part.errors ]] || echo "the dump ended with $1" >&2
    return 1
}
write 2>"$part.errors" || {
    cat "$part.errors" >&2
    reason=$(tail -n 1 "$part.errors")
    fail "${reason:-$folder cannot be written; is the disk full?}"
}
[[ $(gunzip <"$part" | tail -n 1) == "$end" ]] || fail "the file is not complete"
sync "$part"
# Those who may look into the folder may read it: the API's container restores it.
chmod 640 "$part"
chgrp --reference="$folder" "$part" 2>/dev/null || true
previous=$(find "$folder" -maxdepth 1 -name 'db-backup-*.sql.gz' | sort | tail -n 1)
mv -T "$part" "$file"
say "Backup completed: ${file##*/} ($(stat -c %s "$file") bytes)"

if [[ $previous ]] && (($(stat -c %s "$file") * 2 < $(stat -c %s "$previous"))); then
    warning="less than half of ${previous##*/}; nothing older was removed"
    say "Backup warning: ${file##*/} is $warning"
    echo "Warning: $file is $warning. See whether the data is all there." >&2
else
    find "$folder" -maxdepth 1 -name 'db-backup-*.sql.gz' -mtime "+$days" -delete
fi
[[ /dev/stdout -ef $log ]] || echo "$file"
