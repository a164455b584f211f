# Boxes that are containers: the functions of tests/s6/box.sh over docker, so
# that tests/s6/table.sh is one for both. Needs images.sh.
#   $box_opts    more options of docker run, for the next box only
#   $box_net     its network, for the next box only; default: none

in=/t
box_opts= box_wd= box_net=
box() {
	box_name=$1; shift
	box_left=$# box_env=
	docker rm -f "$own-$box_name" >/dev/null 2>&1
	# VAR=VALUE... -- CMD... becomes -e VAR=VALUE... IMAGE CMD...
	while test $box_left -gt 0; do
		box_a=$1 box_left=$((box_left - 1)); shift
		if test -n "$box_env"; then set -- "$@" "$box_a"
		elif test "$box_a" = --; then
			set -- "$@" "$image_app"
			box_env=done
		else set -- "$@" -e "$box_a"
		fi
	done
	# shellcheck disable=SC2086
	start "$box_name" docker run --rm --name "$own-$box_name" \
	    --network "${box_net:-none}" -v "$T:$in" ${box_wd:+-w "$box_wd"} $box_opts "$@"
	box_opts= box_wd= box_net=
	wait_for 20 box_there "$box_name"
}
box_there() { docker inspect "$own-$1" || ! alive "$1"; }
box_stop() {
	docker stop -t "${2:-20}" "$own-$1" >/dev/null 2>&1
	ended "$1"
}
box_wait() {
	wait_for 120 eval "! alive $1" || {
		fail "$1 ends by itself" "$(tail -n 20 "$T/$1.log")"
		docker kill "$own-$1" >/dev/null 2>&1
	}
	ended "$1"
}
# box_begun NAME: its s6-svscan runs. Before, TERM is lost: the kernel keeps it
# from a process 1 that does not catch it, and s6-overlay begins with scripts.
# Just after, there are no services yet to say that the code is not 0.
box_early=0
box_begun() {
	box_p=$(docker inspect -f '{{.State.Pid}}' "$own-$1" 2>/dev/null) &&
	    test "$box_p" != 0 || return
	test "$(cat "/proc/$box_p/comm")" = s6-svscan ||
	    pgrep -P "$box_p" -x s6-svscan >/dev/null
}
# The kernel's, of this machine: the daemon runs here.
box_pid() {
	docker top "$own-$1" -eo pid,comm 2>/dev/null |
	    awk -v c="$2" '$2 == c { print $1; f = 1; exit } END { exit !f }'
}
box_signal() { docker kill -s "$2" "$own-$1" >/dev/null; }
box_kill() { box_p=$(box_pid "$1" "$2") && kill -"$3" "$box_p"; }
box_healthy() { docker exec "$own-$1" /usr/local/lib/ls-s6/health; }
