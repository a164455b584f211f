# Boxes: what stands for a container where there is none, under
# tests/s6/runner and Debian's s6. The tests of images have the same functions
# over docker (tests/images/box.sh), so that the table is one.
#
#   box NAME [VAR=VALUE...] -- [CMD...]   starts one; its log is $T/NAME.log
#   box_stop NAME, box_wait NAME          $status is its exit code; neither
#                                         takes for ever
#   box_kill NAME PROGRAM SIGNAL          of that program in it
#   box_signal NAME SIGNAL                to the box itself
#   $box_wd                               where the next one is started
#   $in                                   where the box sees $T
# Each has the environment it is given and no other.

in=$T
box_wd=
box_need() {
	need s6-svscan execlineb s6-svwait pgrep
	box_lib=$T/lib
	make -s install-s6 S6LIB="$T/lib" S6RC="$T/etc/s6-rc.d" S6RUN=@RUN@ \
	    EXECLINEB="$(command -v execlineb)" >/dev/null || bail 'install-s6'
	cp -R images/base/etc/s6-overlay/user-bundles.d "$T/etc/"
	mkdir -p "$T/shim"
	printf '#!/bin/sh\nexec s6-envdir -Lf -- "$RUNNER_RUN/s6/container_environment" "$@"\n' \
	    >"$T/shim/with-contenv"
	chmod +x "$T/shim/with-contenv"
	# Every box has a /run of its own.
	find "$T/lib" -type f -exec sed -i 's#@RUN@#$RUNNER_RUN#g' {} +
}

box() {
	box_name=$1; shift
	box_run=$T/run-$box_name box_cmd=$PWD/tests/s6/runner
	rm -rf "$box_run"
	mkdir -p "$box_run"
	# The first "--" is where the program stands.
	for box_a; do
		shift
		if test "$box_a" = --; then box_a=$box_cmd box_cmd=--; fi
		set -- "$@" "$box_a"
	done
	start "$box_name" env -i -C "${box_wd:-.}" \
	    PATH="$T/shim:$BUILD/bin:/usr/lib/execline/bin:/usr/bin:/bin" \
	    RUNNER_RUN="$box_run" RUNNER_ETC="$T/etc" HOME=/root \
	    RUNNER_SIGNAL="$T/lib/signal" \
	    LS_RUN_DIR="$box_run/ls-s6" S6_CMD_ARG0="$T/lib/app" "$@"
	box_wd=
}
# As docker stop does: TERM, and after its patience KILL, of which the exit code
# is 137. What is in it is gone then, as with a container.
box_stop() {
	eval "kill \"\$pid_$1\"" 2>/dev/null
	wait_for 30 eval "! alive $1" || {
		diag "$1 was told to end and did not: killed"
		box_end "$1"
	}
	ended "$1"
}
# box_wait NAME: its end of its own.
box_wait() {
	wait_for 90 eval "! alive $1" || {
		fail "$1 ends by itself" "$(tail -n 20 "$T/$1.log")"
		box_end "$1"
	}
	ended "$1"
}
box_end() {
	eval "kill -9 \"\$pid_$1\""
	for box_p in $(box_pids "$1" .); do kill -9 "$box_p"; done
}

# box_begun NAME: it sees a TERM. The code of one that came early.
box_early=143
box_begun() { :; }

# box_pids NAME ERE: of what runs in it by such a name.
box_pids() {
	for box_p in $(pgrep -x "$2"); do
		! grep -qzx "RUNNER_RUN=$T/run-$1" "/proc/$box_p/environ" \
		    2>/dev/null || echo "$box_p"
	done
}
# box_pid NAME PROGRAM: of the one that runs in it.
box_pid() { box_pids "$1" "$2" | grep -m1 .; }
box_signal() { eval "kill -$2 \"\$pid_$1\""; }
box_kill() { box_p=$(box_pid "$1" "$2") && kill -"$3" "$box_p"; }
box_healthy() {
	env -i PATH="$BUILD/bin:/usr/bin:/bin" \
	    LS_RUN_DIR="$T/run-$1/ls-s6" ls-status >/dev/null
}
