#!/bin/sh
# run: plain
# The memos images, as Dockerfile.memos makes them, in containers: what they
# say of themselves, the four schemes, process 1 and not. With stand-ins for
# memos and memogram, or the real ones: MEMOS_BIN, MEMOGRAM_BIN; and for
# s6-overlay: S6_OVERLAY_DIR. tests/s6/memos.t has the table of what can be
# wrong.
. tests/lib.sh
. tests/images/images.sh
. tests/images/box.sh
. tests/s6/table.sh
docker_here
need sqlite3 debootstrap python3
DOCKER_BUILDKIT=0
export DOCKER_BUILDKIT
image_base || bail 'the base image'
image_overlay || bail 's6-overlay'
ok 'the base builds' image_build Dockerfile.ls-s6 "$image"

# The image of memos, and the archive of memogram.
mkdir "$T/ctx" "$T/ctx/memos"
cp "${MEMOS_BIN:-$BUILD/tests/memos}" "$T/ctx/memos/memos"
printf 'FROM scratch\nCOPY memos/ /usr/local/memos/\n' >"$T/ctx/Dockerfile"
docker build -q -t "$own/upstream" "$T/ctx" >/dev/null || bail 'upstream'
arch=$(dpkg --print-architecture)
cp "${MEMOGRAM_BIN:-tests/s6/memogram}" "$T/memogram"
tar -C "$T" -czf "$T/www/memogram_v0.5.0_linux_$arch.tar.gz" memogram
sum=$(sha256sum "$T/www/memogram_v0.5.0_linux_$arch.tar.gz" | cut -d ' ' -f 1)
SUM=MEMOGRAM_$(echo "$arch" | tr a-z A-Z)_SHA256
memos_build() { # TAG OPTION...
	mb_tag=$1; shift
	image_build Dockerfile.memos "$mb_tag" --network host \
	    --build-arg BASE_IMAGE="$image" \
	    --build-arg MEMOS_IMAGE="$own/upstream" \
	    --build-arg MEMOGRAM_URL="http://127.0.0.1:$www" "$@"
}
ok 'the image builds without memogram' memos_build "$own/memos"
ok 'and with it' memos_build "$own/memogram" --build-arg USE_MEMOGRAM=1 --build-arg "$SUM=$sum"
nok 'but not with another memogram than its sum says' \
    memos_build "$own/none" --build-arg USE_MEMOGRAM=1 --build-arg "$SUM=$(echo | sha256sum | cut -d ' ' -f 1)"
diag "sizes: base $(image_size "$image"), memos $(image_size "$own/memos"), with memogram $(image_size "$own/memogram")"

says_of() { docker image inspect -f "{{json .Config.$1}}" "$own/memogram"; }
is 'the entry point' "$(says_of Entrypoint)" '["/usr/local/memos/entrypoint.sh"]'
is 'the folder' "$(says_of WorkingDir)" '"/usr/local/memos"'
is 'the volume' "$(says_of Volumes)" '{"/var/opt/memos":{}}'
is 'the port' "$(says_of ExposedPorts)" '{"5230/tcp":{}}'
for e in TZ=UTC MEMOS_PORT=5230 MEMOS_MODE=prod DB_PATH=/var/opt/memos/memos_prod.db ALLOWED_USERNAMES=; do
	like "$e" "$(says_of Env)" "\"$e\""
done
unlike 'SERVER_ADDR follows the port' "$(says_of Env)" SERVER_ADDR
is 'time zones' "$(docker run --rm -e TZ=Asia/Tokyo --entrypoint date "$own/memos" +%Z)" JST

# What is in the replica is what is on the volume.
same() {
	rm -f "$dir"/copy.db*
	ls-restore -q -o "$dir/copy.db" "file://$dir/replica" || return
	sqlite3 "$dir/copy.db" .dump >"$dir/a.sql"
	sqlite3 "$dir/data/memos_prod.db" .dump >"$dir/b.sql"
	test "$(wc -l <"$dir/a.sql")" -gt 5 && cmp "$dir/a.sql" "$dir/b.sql"
}
up='^app: begins|started successfully'
bot='^memogram: begins server=dns:localhost:5231 '
test -z "${MEMOGRAM_BIN:-}" || bot='memogram has ended'
box_with() { # IMAGE OPTIONS...: of the next box
	image_app=$1; shift
	box_opts="-v $dir/data:/var/opt/memos $*"
}
new_volume() { rm -rf "$dir/data" && mkdir "$dir/data"; }

for init in '' --init; do
	b=m${init#--} as=${init:-process 1}
	fresh "one$b"
	box_with "$own/memos" $init
	box "a$b" REPLICA_URL="$rep" -- ignored arguments
	says "a$b" "$up" || bail "$(cat "$T/a$b.log")"
	pass "$as: memos with replication"
	sleep 1
	box_stop "a$b"
	is 'ends with memos'\'' code' "$status" 0
	ok 'and nothing is lost' same
	new_volume
	box_with "$own/memos" $init
	box "b$b" REPLICA_URL="$rep" --
	ok 'on a new volume' says "b$b" "$up"
	like 'it goes on' "$(cat "$T/b$b.log")" 'msg=restored'
	box_stop "b$b"
	ok 'and nothing is lost then' same
	box_with "$own/memos" $init
	box "c$b" REPLICA_URL="$rep" --
	says "c$b" "$up"
	box_kill "c$b" memos KILL
	box_wait "c$b"
	is 'memos killed: the container ends' "$status" 137
	ok 'and nothing is lost by that' same

	fresh "two$b"
	box_with "$own/memogram" $init
	box "d$b" REPLICA_URL="$rep" BOT_TOKEN=1:x MEMOS_TOKEN=t TG_ID=7 MEMOS_PORT=5231 --
	ok "$as: memos with replication and memogram" says "d$b" "$bot"
	is 'which has its token' "$(docker exec "$own-d$b" sh -c \
	    'stat -c %a /usr/local/memos/data.txt; cat /usr/local/memos/data.txt' | tr '\n' ' ')" '600 7:t '
	box_stop "d$b"
	is 'ends with memos'\'' code' "$status" 0
	ok 'and nothing is lost' same

	fresh "three$b"
	box_with "$own/memogram" $init
	box "e$b" BOT_TOKEN=1:x MEMOS_PORT=5231 --
	ok "$as: memos with memogram" says "e$b" "$bot"
	box_stop "e$b"
	is 'ends well' "$status" 0
	box_with "$own/memogram" $init
	box "f$b" --
	ok "$as: memos alone" says "f$b" "$up"
	ok 'which is healthy' box_healthy "f$b"
	box_stop "f$b"
	is 'ends well' "$status" 0

	fresh "user$b"
	box_with "$own/memogram" $init
	chmod 711 "$T"; chown 4321:4321 "$dir/replica"
	box "g$b" REPLICA_URL="$rep" MEMOS_UID=4321 MEMOS_GID=4321 BOT_TOKEN=1:x MEMOS_PORT=5231 --
	ok "$as: another user" says "g$b" "$bot"
	box_stop "g$b"
	is 'whose the volume is' "$(find "$dir/data" -printf '%U:%G\n' | sort -u)" 4321:4321
	ok 'nothing is lost' same

	fresh "wrong$b"
	box_with "$own/memos" $init
	box "h$b" LITESTREAM_REPLICA_BUCKET=b LITESTREAM_REPLICA_ENDPOINT=h --
	box_wait "h$b"
	is "$as: a bucket without keys" "$status" 102
	ok 'is said' says "h$b" 'BUCKET is set, but no credentials' 1
done
done_testing
