#!/bin/bash
# Write the monthly report to reports/ (docs/reports.md); for cron, on the first of each month:
#
#   0 5 1 * * /opt/rosterhub/scripts/monthly-report.sh $(date -d yesterday +\%Y\%m)
#
# Takes what `rosterhub report monthly` takes: YYYYMM, else it is of the last 30 days.
#
#   ROSTERHUB_HOME   the installation; the folder above the one this is called by, if left out
set -euo pipefail

home=$(cd "${ROSTERHUB_HOME:-$(dirname "$0")/..}" && pwd)
if [[ -e $home/docker-compose.yml ]] && command -v docker >/dev/null; then
    cd "$home"
    # The container has its own environment; the language of the report is that of who asks for it.
    exec docker compose exec -T -e "LANG=${LC_ALL:-${LANG:-}}" api \
        rosterhub report monthly "$@" </dev/null
fi
ROSTERHUB_HOME=$home exec rosterhub report monthly "$@"
