#!/bin/sh
# Builds the images, starts docker-compose.yml beside whatever runs already (own project, own volumes,
# free ports, new secrets), checks it and removes it. Needs a Docker engine with Docker Compose.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

if ! docker compose version >/dev/null 2>&1; then
    echo "compose-test: docker compose does not run: install Docker with its Compose plugin" >&2
    exit 1
fi

# What is set here and there must not decide what is tested.
unset POSTGRES_PASSWORD REDIS_PASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
unset S3_BUCKET S3_REGION S3_ENDPOINT_URL DALSTON_PIPELINE DALSTON_LOG_LEVEL
unset DALSTON_MAX_UPLOAD_BYTES DALSTON_MODEL FASTER_WHISPER_MEMORY
unset GATEWAY_ADDRESS POSTGRES_ADDRESS REDIS_ADDRESS GATEWAY_MEMORY
export COMPOSE_PROJECT_NAME=dalston-test COMPOSE_PROFILES=local-s3
export GATEWAY_PORT=0 POSTGRES_PORT=0 REDIS_PORT=0

folder=$(mktemp -d)
compose() { docker compose --env-file "$folder/env" "$@"; }
clean_up() {
    status=$?
    trap - EXIT
    [ "$status" -eq 0 ] || compose logs --no-color --tail 40 || true
    compose down --volumes --remove-orphans >/dev/null 2>&1 || true
    rm -rf "$folder"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$python" -I scripts/make_env.py "$folder/env" >/dev/null
compose build
compose up -d --no-build --wait --wait-timeout 300
"$python" -I scripts/check_containers.py docker compose --env-file "$folder/env"
