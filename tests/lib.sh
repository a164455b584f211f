# Helpers of the program tests. A test is run from the repository root and
# begins
#     #!/bin/sh
#     . tests/lib.sh
#     plan 3
# It gets a temporary folder $T, removed at the end with every process that
# "start" started; $BUILD (default build) with the programs first on the
# PATH; $PEERS (default $BUILD's or build/peers) with the oracles.
# sh, dash, busybox and bash will do.

BUILD=${BUILD:-build}
PEERS=${PEERS:-build/peers}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
case $PEERS in /*) ;; *) PEERS=$PWD/$PEERS ;; esac
PATH=$BUILD/bin:$PATH
export BUILD PEERS PATH
# Nothing of the caller's settings reaches a test.
unset LITESTREAM_CONFIG REPLICA_URL LS_ACCEPT_REPLACEMENT
unset AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_SESSION_TOKEN
# Litestream 0.5 does not start with this one set.
unset AWS_CA_BUNDLE
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY

tap_n=0
tap_plan=
tap_bad=0
tap_pids=

T=$(mktemp -d "${TMPDIR:-/tmp}/ls-test.XXXXXX") || exit 1
export T
LS_RUN_DIR=$T/run
export LS_RUN_DIR
mkdir "$LS_RUN_DIR"
tap_end() {
	tap_rc=$?
	trap - EXIT
	for tap_p in $tap_pids; do kill -9 "$tap_p" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$T"
	test "$tap_rc" = 0 || exit "$tap_rc"
	test "$tap_bad" = 0 || exit 1
	exit 0
}
trap tap_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# plan N: how many results follow.
plan() { tap_plan=$1; echo "1..$1"; }

# done_testing: instead of plan, at the end.
done_testing() { echo "1..$tap_n"; }

# On standard error, which prove shows.
diag() { printf '%s\n' "$*" | sed 's/^/# /' >&2; }

pass() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1"; }

# fail NAME [DIAGNOSIS]
fail() {
	tap_n=$((tap_n + 1)); tap_bad=$((tap_bad + 1))
	echo "not ok $tap_n - $1"
	test -z "$2" || diag "$2"
	return 0
}

# ok NAME CMD...: the command succeeds; its output is shown if it does not.
ok() {
	tap_name=$1; shift
	if tap_out=$("$@" 2>&1); then pass "$tap_name"
	else fail "$tap_name" "exit $? of: $*
$tap_out"; fi
}

# nok NAME CMD...: the command fails.
nok() {
	tap_name=$1; shift
	if tap_out=$("$@" 2>&1); then fail "$tap_name" "exit 0 of: $*
$tap_out"; else pass "$tap_name"; fi
}

# exits NAME CODE CMD...: the command ends with exactly this code. What it
# said is left in $out (standard output) and $err.
exits() {
	tap_name=$1 tap_want=$2; shift 2
	tap_got=0
	"$@" >"$T/.out" 2>"$T/.err" || tap_got=$?
	out=$(cat "$T/.out"); err=$(cat "$T/.err")
	if test "$tap_got" = "$tap_want"; then pass "$tap_name"
	else fail "$tap_name" "exit $tap_got, not $tap_want, of: $*
$out
$err"; fi
}

# is NAME GOT WANT
is() {
	if test "$2" = "$3"; then pass "$1"
	else fail "$1" " got: $2
want: $3"; fi
}

# like NAME TEXT ERE: some line of the text matches.
like() {
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then pass "$1"
	else fail "$1" "no match for $3 in:
$2"; fi
}

# unlike NAME TEXT ERE
unlike() {
	if printf '%s\n' "$2" | grep -Eq -e "$3"; then
		fail "$1" "match for $3 in:
$2"
	else pass "$1"; fi
}

# skip NAME REASON: one result that cannot be had here. With CI=true a
# missing part is a failure.
skip() {
	if test "$CI" = true; then fail "$1" "$2 (and CI=true)"
	else tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"; fi
}

# skip_all REASON: ends the test, before its plan.
skip_all() {
	if test "$CI" = true; then
		echo 1..1; fail "$1 (and CI=true)"
	else echo "1..0 # SKIP $1"; fi
	exit 0
}

# need CMD...: skips all unless each of these is on the PATH.
need() {
	for tap_c; do
		command -v "$tap_c" >/dev/null || skip_all "no $tap_c"
	done
}

# need_peer NAME...: the same for build/peers (scripts/peers makes them).
need_peer() {
	for tap_c; do
		test -x "$PEERS/$tap_c" || skip_all "no $tap_c in $PEERS"
	done
}

# bail WHY: the test cannot go on.
bail() { echo "Bail out! $1"; exit 1; }

# wait_for SECONDS CMD...: tries 20 times a second; 1 when time is up.
wait_for() {
	tap_left=$(($1 * 20)); shift
	while ! "$@" >/dev/null 2>&1; do
		tap_left=$((tap_left - 1))
		test $tap_left -gt 0 || return 1
		sleep 0.05
	done
}

# start NAME CMD...: in the background, both outputs to $T/NAME.log; the
# process id is in $pid_NAME (NAME: letters, digits, _).
start() {
	tap_name=$1; shift
	"$@" >>"$T/$tap_name.log" 2>&1 </dev/null &
	eval "pid_$tap_name=$!"
	tap_pids="$tap_pids $!"
}

# stop NAME [SIGNAL]: signal (TERM) and wait; the exit code is in $status.
stop() {
	eval "tap_p=\$pid_$1"
	kill -"${2:-TERM}" "$tap_p" 2>/dev/null
	ended "$1"
}

# ended NAME: wait for it to end by itself; the exit code is in $status.
ended() {
	eval "tap_p=\$pid_$1"
	status=0
	wait "$tap_p" 2>/dev/null || status=$?
	tap_rest=
	for tap_q in $tap_pids; do
		test "$tap_q" = "$tap_p" || tap_rest="$tap_rest $tap_q"
	done
	tap_pids=$tap_rest
}

# alive NAME
alive() { eval "kill -0 \$pid_$1" 2>/dev/null; }

# free_port: prints a port of 127.0.0.1 nobody listens on, from below the
# range the kernel hands out by itself.
free_port() {
	while :; do
		tap_p=$(od -An -N2 -tu2 /dev/urandom)
		tap_p=$((20000 + tap_p % 12000))
		tap_h=$(printf ':%04X' $tap_p)
		cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		    awk '{ print $2 }' | grep -q "$tap_h\$" && continue
		echo $tap_p
		return
	done
}

# listening PORT: somebody does.
listening() {
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
	    awk -v p="$(printf '%04X' "$1")" '$4 == "0A" &&
		substr($2, length($2) - 3) == p { f = 1 } END { exit !f }'
}

# s3_start [OPTIONS of versitygw]: a real S3 server with the empty bucket
# mybkt. Objects are files below $S3_DIR/mybkt. Sets S3_PORT, S3_ENDPOINT and
# the AWS_* credentials; s3_url PATH prints a replica URL. S3_LOG=FILE has
# one line per request. s3_stop, and s3_start again goes on with the data.
s3_start() {
	S3_DIR=$T/s3
	S3_LOG=$T/s3.access
	mkdir -p "$S3_DIR/mybkt"
	test -n "$S3_PORT" || S3_PORT=$(free_port)
	S3_ENDPOINT=http://127.0.0.1:$S3_PORT
	AWS_ACCESS_KEY_ID=minioadmin AWS_SECRET_ACCESS_KEY=minioadmin
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	start versitygw "$PEERS/versitygw" --port "127.0.0.1:$S3_PORT" \
	    --access minioadmin --secret minioadmin --quiet \
	    --access-log "$S3_LOG" "$@" posix "$S3_DIR"
	wait_for 10 listening "$S3_PORT" ||
	    bail "versitygw does not start: $(cat "$T/versitygw.log")"
}
s3_stop() { stop versitygw; }
s3_url() { echo "s3://mybkt/$1?endpoint=$S3_ENDPOINT&region=us-east-1"; }

# make_db FILE ROWS [PAGE_SIZE]: in WAL mode, table t(id, v), about 100 bytes
# a row, everything checkpointed.
make_db() {
	sqlite3 "$1" "PRAGMA page_size=${3:-4096}; PRAGMA journal_mode=wal;
	    CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
	    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
		SELECT i + 1 FROM n WHERE i < $2)
	    INSERT INTO t SELECT i, hex(randomblob(48)) FROM n WHERE $2 > 0;
	    PRAGMA wal_checkpoint(TRUNCATE);" >/dev/null
}

# sql FILE STATEMENT: with a busy time-out of 10 s.
sql() { sqlite3 -cmd '.timeout 10000' "$1" "$2"; }

# integrity FILE: succeeds if SQLite calls it ok.
integrity() { test "$(sql "$1" 'PRAGMA integrity_check')" = ok; }

# pages FILE OUT: the database as a reader sees it now, WAL included, page
# for page. Nobody may be writing.
pages() {
	rm -f "$2" "$2-wal" "$2-shm"
	cp "$1" "$2" || return 1
	test ! -s "$1-wal" || cp "$1-wal" "$2-wal" || return 1
	test ! -e "$2-wal" ||
	    sqlite3 "$2" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null ||
	    return 1
	rm -f "$2-wal" "$2-shm"
}

# pages_equal A B: same size, and every page the same.
pages_equal() {
	pages "$1" "$T/.a.db" && pages "$2" "$T/.b.db" || return 1
	tap_ps=$(od -An -j16 -N2 -tu1 "$T/.a.db" | awk '{ n = $1 * 256 + $2
	    print n == 1 ? 65536 : n }')
	cmp "$T/.a.db" "$T/.b.db" >"$T/.cmp" 2>&1 && return
	cat "$T/.cmp"
	ls -l "$T/.a.db" "$T/.b.db"
	cmp -l "$T/.a.db" "$T/.b.db" 2>/dev/null | awk -v s="$tap_ps" '
	    { p = int(($1 - 1) / s) + 1 }
	    p != last { last = p; if (++n <= 10) printf "page %d differs\n", p }
	    END { print n + 0, "pages differ" }'
	return 1
}
