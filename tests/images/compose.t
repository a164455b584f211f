#!/bin/sh
# run: plain
# compose.yml: the counter goes on after its disk is gone, from an SFTP server
# and from an S3 server; stopped and started, it is not restored.
. tests/lib.sh
. tests/images/images.sh
docker_here
need debootstrap curl
need_peer versitygw
if docker compose version >/dev/null 2>&1; then compose='docker compose'
elif command -v docker-compose >/dev/null; then compose=docker-compose
else skip_all 'no docker-compose'; fi

image_base || bail 'the base image'
image_overlay || bail 's6-overlay'
DOCKER_BUILDKIT=0
APP_IMAGE=$own/app SFTP_IMAGE=$own/sftp S3_IMAGE=$own/s3
COMPOSE_PROJECT_NAME=$own PORT=$(free_port) PORT_S3=$(free_port)
export DOCKER_BUILDKIT APP_IMAGE SFTP_IMAGE S3_IMAGE COMPOSE_PROJECT_NAME
export PORT PORT_S3
compose_end() {
	compose_rc=$?
	$compose --profile s3 down -v >/dev/null 2>&1
	(exit $compose_rc)
	images_end
}
trap compose_end EXIT

ok 'the base builds' image_build Dockerfile.ls-s6 "$image"
ok 'the application' image_build Dockerfile.app "$APP_IMAGE" --build-arg BASE_IMAGE="$image"
ok 'and the SFTP server' docker build -q -t "$SFTP_IMAGE" \
    --build-arg DEBIAN_IMAGE="$image_debian" images/sftp
mkdir "$T/s3" && cp "$PEERS/versitygw" "$T/s3/"
printf 'FROM %s\nCOPY versitygw /usr/local/bin/\n' "$image_debian" >"$T/s3/Dockerfile"
docker build -q -t "$S3_IMAGE" "$T/s3" >/dev/null

visit() { curl -s -m 5 "http://127.0.0.1:$1/" >"$T/visit" && grep -q visited "$T/visit"; }
visited() { # NAME PORT COUNT
	ok "$1: it answers" wait_for 60 visit "$2"
	is 'with the right count' "$(cat "$T/visit")" "This server has been visited $3 times."
}
logs() { $compose logs --no-color "$1" 2>&1; }
up() { $compose "$@" >"$T/up.log" 2>&1 || { cat "$T/up.log"; return 1; }; }

ok 'up' up up -d --no-build
visited 'the first visit' "$PORT" 1
visit "$PORT"; visit "$PORT"
like 'nothing to restore then' "$(logs app)" 'nothing to restore'
like 'the key of the SFTP server is remembered, with a word' "$(logs app)" 'level=warn.*host-key'
ok 'down, its disk gone' up down
ok 'up again' up up -d --no-build
visited 'it goes on' "$PORT" 4
like 'restored' "$(logs app)" 'msg=restored'
ok 'stop' up stop
ok 'start' up start
visited 'it goes on then' "$PORT" 5
like 'not restored' "$(logs app | tail -n 8)" 'Database already exists, skipping restore'
ok 'the container is healthy' wait_for 60 sh -c \
    "docker inspect -f '{{.State.Health.Status}}' \$($compose ps -q app) | grep -qx healthy"

ok 'the same with the profile s3' up --profile s3 up -d --no-build
visited 'the first visit there' "$PORT_S3" 1
ok 'its application is made anew' up --profile s3 rm -sfv app-s3
ok 'up again' up --profile s3 up -d --no-build
visited 'it goes on there' "$PORT_S3" 2
visited 'and the other one' "$PORT" 6
done_testing
