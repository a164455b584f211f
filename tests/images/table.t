#!/bin/sh
# run: plain
# The table of tests/s6 in containers: the images that the Dockerfiles make,
# over a stand-in for s6-overlay, or over s6-overlay itself with
# S6_OVERLAY_DIR=ROOT. Then what only containers have.
. tests/lib.sh
. tests/images/images.sh
. tests/images/box.sh
. tests/s6/table.sh
. tests/fault/peer.sh
. tests/images/rows.sh
docker_here
need sqlite3 curl debootstrap
app=/usr/local/bin/app
DOCKER_BUILDKIT=0
export DOCKER_BUILDKIT

image_base || bail 'the base image'
image_overlay || bail 's6-overlay'
ok 'ls-s6 builds with the classic builder' image_build Dockerfile.ls-s6 "$image"
docker image inspect "$image" >/dev/null || bail 'no image'
ok 'an application takes two lines' image_with "$image_app" "$BUILD/tests/app"

for part in ${PARTS:-stop kill refused unreadable down off fence deleted restore statusd relative \
    user secret told root readonly uid caps notfirst health environment nothing}; do
	part_$part
done
test -n "${PARTS:-}" && test -z "${CYCLES:-}" || part_cycles "${CYCLES:-10}"
done_testing
