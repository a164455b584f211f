# Images of the tests: sourced after tests/lib.sh. What they make has a name
# of its own ($own) and is removed at the end: containers, networks, images.
# The Debian base stays in build/images, and as an image.

own=ls-test-$$
image_debian=ls-test-debian:bookworm
image=$own/ls-s6 image_app=$own/app
docker_here() {
	command -v docker >/dev/null || skip_all 'no docker'
	docker version >/dev/null 2>&1 || skip_all 'no docker daemon'
	trap images_end EXIT
}
images_end() {
	images_rc=$?
	for c in $(docker ps -aq --filter "name=^$own-"); do
		docker rm -fv "$c" >/dev/null 2>&1
	done
	docker network ls -q --filter "name=^$own-" |
	    while read -r i; do docker network rm "$i" >/dev/null 2>&1; done
	docker images --format '{{.Repository}}:{{.Tag}}' |
	    grep "^$own/" | while read -r i; do
		docker rmi -f "$i" >/dev/null 2>&1
	done
	(exit $images_rc)
	tap_end
}

# image_base: debian:bookworm-slim without a registry: made by debootstrap
# once, without what the official one leaves out too.
image_base() {
	docker image inspect "$image_debian" >/dev/null 2>&1 && return
	mkdir -p build/images
	(
		flock 9
		test -s build/images/base.tar && exit
		root=$T/base
		debootstrap --variant=minbase bookworm "$root" \
		    >"$T/debootstrap.log" 2>&1 || { cat "$T/debootstrap.log"; exit 1; }
		rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* \
		    "$root"/usr/share/doc/* "$root"/usr/share/man/* \
		    "$root"/usr/share/locale/* "$root"/var/log/*.log
		tar -C "$root" --numeric-owner -c . >build/images/base.new &&
		    mv build/images/base.new build/images/base.tar
		rm -rf "$root"
	) 9>build/images/lock || return
	docker import --change 'CMD ["bash"]' build/images/base.tar \
	    "$image_debian" >/dev/null
}

# image_overlay: tarballs of the names of s6-overlay's release in $T/www, and
# their sums: out of a real root (S6_OVERLAY_DIR), or the stand-in made of
# Debian's s6 and execline and tests/s6/runner.
image_overlay() {
	root=${S6_OVERLAY_DIR:-}
	if test -z "$root"; then
		root=$T/overlay
		tests/images/overlay "$root" || return
	fi
	mkdir -p "$T/www"
	tar -C "$root" --owner 0 --group 0 -cJf "$T/www/s6-overlay-noarch.tar.xz" init etc &&
	    (cd "$root" && ls | grep -vx -e init -e etc |
		xargs tar --owner 0 --group 0 -cJf "$T/www/s6-overlay-x86_64.tar.xz") ||
	    return
	cp "$T/www/s6-overlay-x86_64.tar.xz" "$T/www/s6-overlay-aarch64.tar.xz"
	www=$(free_port)
	start www python3 -m http.server --bind 127.0.0.1 --directory "$T/www" "$www"
	wait_for 10 listening "$www"
}
sum() { sha256sum "$T/www/s6-overlay-$1.tar.xz" | cut -d ' ' -f 1; }

# image_build FILE TAG [OPTION...]: with the builder that DOCKER_BUILDKIT says.
image_build() {
	ib_file=$1 ib_tag=$2; shift 2
	docker build -q -f "$ib_file" -t "$ib_tag" \
	    --build-arg DEBIAN_IMAGE="$image_debian" \
	    --build-arg S6_OVERLAY_URL="http://127.0.0.1:$www" \
	    --build-arg S6_OVERLAY_NOARCH_SHA256="$(sum noarch)" \
	    --build-arg S6_OVERLAY_X86_64_SHA256="$(sum x86_64)" \
	    --build-arg S6_OVERLAY_AARCH64_SHA256="$(sum aarch64)" \
	    "$@" . >"$T/build.log" 2>&1 || { tail -n 40 "$T/build.log"; return 1; }
}
# image_with TAG PROGRAM...: an application's image, two lines.
image_with() {
	iw_tag=$1; shift
	mkdir -p "$T/ctx" && cp "$@" "$T/ctx/" || return
	printf 'FROM %s\nCOPY * /usr/local/bin/\n' "$image" >"$T/ctx.file"
	docker build -q -f "$T/ctx.file" -t "$iw_tag" "$T/ctx" >/dev/null
}
image_size() { docker image inspect -f '{{.Size}}' "$1"; }
