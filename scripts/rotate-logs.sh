#!/bin/bash
# Compress and remove old logs (docs/logs.md); for cron, every Sunday at 4:
#
#   0 4 * * 0 /opt/rosterhub/scripts/rotate-logs.sh >> /var/log/rosterhub-logrotate.log 2>&1
#
# The hub's own logs are compressed after 7 days and removed after 30. What Docker keeps of all
# containers is written to logs/docker-YYYYMMDD.log.gz, each line once, and removed after 30 days.
# It can be run again at any time.
#
#   ROSTERHUB_HOME   the installation; the folder above the one this is called by, if left out
#   LOG_DIR          the hub's own logs; ROSTERHUB_HOME/apps/api/logs
#   RETENTION_DAYS   30
set -euo pipefail

home=$(cd "${ROSTERHUB_HOME:-$(dirname "$0")/..}" && pwd)
logs=${LOG_DIR:-$home/apps/api/logs}
days=${RETENTION_DAYS:-30}
docker_logs=$home/logs

own_logs() {
    [[ -d $logs ]] || { echo "There is no folder $logs." >&2 && return 1; }
    # First what makes room. Where there is none, there is no room to compress in, either.
    local status=0
    find "$logs" \( -name '*.log.gz' -o -name '*.log' \) -mtime "+$days" -delete || status=1
    # Keeps the time of the file, which is that of its last line.
    find "$logs" -name '*.log' -mtime +7 -exec gzip -f {} + || status=1
    return "$status"
}

containers() {
    # Without containers there is nothing of theirs.
    [[ -e $home/docker-compose.yml ]] && command -v docker >/dev/null || return 0
    local file part newest begun since=()
    # The file's time will say until when it reaches.
    begun=$(date +%s.%N)
    file=$docker_logs/docker-$(date +%Y%m%d).log.gz
    part=$file.part
    mkdir -p "$docker_logs"
    umask 027
    # Docker hands out all it has, of the containers that there are now; what a file holds already is
    # left out.
    newest=$(find "$docker_logs" -name 'docker-*.log.gz' -printf '%T@\n' | sort -n | tail -n 1)
    [[ -z $newest ]] || since=(--since "$(date -u -d "@$newest" +%Y-%m-%dT%H:%M:%S.%NZ)")
    rm -f "$docker_logs"/docker-*.part
    find "$docker_logs" -name 'docker-*.log.gz' -mtime "+$days" -delete
    {
        # After what an earlier run of today wrote.
        { [[ ! -e $file ]] || cat "$file"; } &&
            (cd "$home" && docker compose --profile production logs --no-color --no-log-prefix "${since[@]}" </dev/null) |
            gzip
    } >"$part" || { rm -f "$part" && return 1; }
    touch -d "@$begun" "$part" && mv "$part" "$file"
}

failed=0
own_logs || failed=1
containers || failed=1
((failed == 0)) || { echo "[$(date)] Log rotation failed" && exit 1; }
echo "[$(date)] Log rotation completed"
