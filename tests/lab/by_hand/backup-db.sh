#!/bin/bash
# The team's own script, with the paths that the servers have.
set -euo pipefail

# shellcheck disable=SC1091
source /app/.env.production

BACKUP_DIR="/app/backups/${DB_DIALECT}"
TIMESTAMP=$(date +"%Y%m%d_%H%M%S")
BACKUP_FILE="${BACKUP_DIR}/aipbx_${TIMESTAMP}.sql.gz"
mkdir -p "${BACKUP_DIR}"
docker compose -f /app/docker-compose.production.yml exec -T postgres \
  pg_dump -U "${DB_USER}" -d "${DB_NAME}" --format=custom \
  | gzip > "${BACKUP_FILE}"
echo "[$(date)] Backup created: ${BACKUP_FILE}"
