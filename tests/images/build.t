#!/bin/sh
# run: plain
# The images with BuildKit; their sizes; and the files alone, in an image that
# has nothing of ours.
. tests/lib.sh
. tests/images/images.sh
docker_here
need debootstrap
DOCKER_BUILDKIT=1
export DOCKER_BUILDKIT
image_base || bail 'the base image'
image_overlay || bail 's6-overlay'

# Newer clients have BuildKit in a plugin that may be missing; Debian's has it.
printf 'FROM %s\n' "$image_debian" >"$T/one.file"
for d in docker /usr/bin/docker; do
	mkdir -p "$T/bin"
	ln -sf "$(command -v $d)" "$T/bin/docker"
	"$T/bin/docker" build -q -f "$T/one.file" "$T/bin" >/dev/null 2>&1 && break
	rm -f "$T/bin/docker"
done
PATH=$T/bin:$PATH
test -e "$T/bin/docker" || skip_all 'no docker client with BuildKit'

ok 'ls-s6 builds with BuildKit' image_build Dockerfile.ls-s6 "$image"
ok 'its files alone too' image_build Dockerfile.ls-s6 "$own/rootfs" --target ls-s6-rootfs
ok 'and an application' image_build Dockerfile.app "$own/counter" --build-arg BASE_IMAGE="$image"

base=$(image_size "$image_debian")
for i in "$image" "$own/rootfs" "$own/counter"; do
	diag "${i#*/}: $(image_size "$i") bytes, base $base"
done
above=$(($(image_size "$image") - base))
ok "ls-s6 is at most 20 MB above its base ($above bytes)" test "$above" -le 20000000

inside() { docker run --rm --network none --name "$own-in" "$@"; }
printf 'FROM %s\nCOPY --from=%s / /\n' "$image_debian" "$own/rootfs" >"$T/ctx.file"
ok 'the files go into an image without any of their libraries' \
    docker build -q -f "$T/ctx.file" -t "$own/app" "$T/bin"
ok 'where the programs run' inside "$own/app" sh -c 'for p in /usr/local/bin/ls-*; do "$p" -h >/dev/null || exit; done'
for i in "$image" "$own/app"; do
	is "the helper keeps its rights in ${i#*/}" "$(inside --entrypoint stat "$i" \
	    -Lc %a:%u /package/admin/s6-overlay-helpers/command/s6-overlay-suexec)" 4755:0
	nok 'no place is left to be filled in' inside --entrypoint grep "$i" \
	    -rq '@[A-Z0-9]*@' /usr/local/lib/ls-s6 --include='[a-z]*' --exclude-dir=lib /etc/s6-overlay
done
is 'of s6-overlay nothing that ends nowhere' "$(inside --entrypoint find "$image" \
    /command /package -xtype l -o -name s6-tcpserver)" ''
out=$(inside -e DB_PATH=/data/db -e REPLICA_URL=file:///r "$own/counter" \
    counter -h 2>&1)
like 'the application starts' "$out" 'usage: counter'

# What the last step is for: a service tree that does not compile.
cat >"$T/ctx.file" <<END
FROM $image
RUN mkdir /etc/s6-overlay/s6-rc.d/bad && echo longrun >/etc/s6-overlay/s6-rc.d/bad/type
RUN s6-rc-compile /tmp/db /etc/s6-overlay/s6-rc.d /etc/s6-overlay/user-bundles.d /package/admin/s6-overlay/etc/s6-rc/sources
END
nok 'a bad service does not compile' docker build -q -f "$T/ctx.file" -t "$own/bad" "$T/bin"
done_testing
