#!/bin/sh
# run: plain
# The order of the services where there is no s6 (scripts/s6/direct): not
# process 1. Here it runs by hand; tests/images has it in containers.
. tests/lib.sh
need sqlite3 curl pgrep
app=$BUILD/tests/app
make -s install-s6 S6LIB="$T/lib" S6RC="$T/etc/s6-rc.d" S6RUN="$T/run" \
    EXECLINEB=/bin/true >/dev/null || bail 'install-s6'

# direct NAME [VAR=VALUE...] -- PROG...: runs in an environment of its own,
# to its end; $status, $T/NAME.log.
direct() {
	direct_log=$T/$1.log direct_cmd=$T/lib/direct; shift
	for direct_a; do
		shift
		if test "$direct_a" = --; then direct_a=$direct_cmd; fi
		set -- "$@" "$direct_a"
	done
	status=0
	timeout 60 env -i PATH="$BUILD/bin:/usr/bin:/bin" HOME=/root \
	    LS_RUN_DIR="$T/run" "$@" >"$direct_log" 2>&1 </dev/null || status=$?
}
fresh() { # sets $dir, $db, $rep
	dir=$T/$1 db=$T/$1/data/app.db rep=file://$T/$1/replica
	mkdir -p "$dir/data" "$dir/replica"
}
says() { ok "$1" grep -Eq -e "$3" "$T/$2.log"; }
lose() { rm -rf "$dir"/data/app.db* "$dir"/data/.app.db-litestream; }
rows_of() { sed -n 's/^app: ends rows=//p' "$T/$1.log"; }

fresh plain
direct d1 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1 exit=42
is 'the exit code is the application'\''s' "$status" 42
lose
direct d2 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
says 'what it wrote is brought back' d2 "^app: begins rows=$(rows_of d1) "

# ls-tend runs beside it, no child of it, and ends with ls-walship.
fresh tend
direct t1 DB_PATH="$db" REPLICA_URL="$rep" -- sh -c '
	n=0
	until test -s "$0/run/tend.status" || test $((n = n + 1)) = 100; do
		sleep 0.1
	done
	p=$(sed -n "s/^tend.*	*pid=\([0-9]*\).*/\1/p" "$0/run/tend.status")
	echo "tend $p, of $(awk "/^PPid/ { print \$2 }" "/proc/$p/status"), app $PPID"
	exit 7' "$T"
is 'beside ls-tend the exit code is the application'\''s' "$status" 7
says 'which ls-walship has, as it has the application' t1 \
    '^tend ([0-9]+), of ([0-9]+), app \2$'
p=$(sed -n 's/^tend \([0-9]*\),.*/\1/p' "$T/t1.log")
gone() { ! kill -0 "$1" 2>/dev/null; }
ok 'and ends after it' wait_for 5 gone "${p:-1}"

# With metrics beside it too: told to end, and killed.
fresh beside
port=$(free_port)
run2=$T/run2
beside() { # NAME APP'S ARGUMENTS
	beside=$1; shift
	start "$beside" env -i PATH="$BUILD/bin:/usr/bin:/bin" HOME=/root \
	    LS_RUN_DIR="$run2" DB_PATH="$db" REPLICA_URL="$rep" \
	    LITESTREAM_ADDR="127.0.0.1:$port" "$T/lib/direct" "$app" "$db" "$@"
	wait_for 20 grep -q '^app: begins' "$T/$beside.log" &&
	    wait_for 20 test -s "$run2/tend.status" &&
	    wait_for 20 eval 'curl -s -m 5 "http://127.0.0.1:$port/healthz" | grep -q "^ok$"'
}
left() { # what runs there
	for p in $(pgrep .); do
		! grep -qzx "LS_RUN_DIR=$run2" "/proc/$p/environ" 2>/dev/null ||
		    cat "/proc/$p/comm"
	done | sort -u | tr '\n' ' '
}
nothing_left() { test -z "$(left)"; }
beside b1 term=5
ok 'ls-statusd and ls-tend beside it' test $? = 0
like 'all are there' "$(left)" '^app .*ls-statusd .*ls-tend .*ls-walship '
stop b1
is 'TERM: the exit code is the application'\''s' "$status" 5
is 'it ends first, then what ships' "$(grep -o -e '^app: ends' \
    -e 'ended, everything is shipped' "$T/b1.log" | tr '\n' ' ')" \
    'app: ends ended, everything is shipped '
ok 'and nobody is left' wait_for 5 nothing_left
ls-restore -q -o "$dir/copy.db" "$rep"
is 'nothing is lost' "$(sql "$dir/copy.db" 'SELECT count(*) FROM t')" "$(rows_of b1)"
rm -f "$run2/tend.status"
beside b2 after=3 exit=9
ok 'again' test $? = 0
kill -KILL "$(sed -n 's/^tend.*	*pid=\([0-9]*\).*/\1/p' "$run2/tend.status")"
ended b2
is 'ls-tend killed: nothing ends with it' "$status" 9
ok 'and nobody is left then' wait_for 5 nothing_left
rm -f "$run2/tend.status"
beside b3
ok 'and once more' test $? = 0
kill -KILL "$pid_b3"
ended b3
ok 'ls-walship killed: they end' wait_for 5 eval 'test "$(left)" = "app " || nothing_left'
for p in $(pgrep -x app); do
	! grep -qzx "LS_RUN_DIR=$run2" "/proc/$p/environ" || kill "$p"
done
direct b4 LS_REPLICATION=off LITESTREAM_ADDR="127.0.0.1:$port" -- true
unlike 'without replication there are no metrics' "$(cat "$T/b4.log")" ls-statusd
fresh badaddr
direct b5 DB_PATH="$db" REPLICA_URL="$rep" LITESTREAM_ADDR=nonsense -- "$app" "$db" after=2 exit=8
is 'an address that is none ends nothing' "$status" 8
says 'which is told' b5 'ls-statusd: .*"nonsense" is not HOST:PORT'

# What an application sees of us: nothing.
echo hush >"$dir/secret"
set -- DB_PATH="$db" REPLICA_URL="$rep" AWS_SECRET_ACCESS_KEY_FILE="$dir/secret" \
    LS_WAIT_READY=local MY='a "b" $c'
direct e1 "$@" -- env -0
timeout 60 env -i PATH="$BUILD/bin:/usr/bin:/bin" HOME=/root LS_RUN_DIR="$T/run" \
    "$@" env | sort >"$T/want"
# Between lines of the log.
tr '\0' '\n' <"$T/e1.log" | grep -v -e '^level=' -e '^ls-s6: ' -e '^Database ' \
    | sort >"$T/got"
ok 'its environment is what the container was given' diff "$T/want" "$T/got"
direct e2 LS_REPLICATION=off -- env
unlike 'nor more with replication off' \
    "$(grep '^LS_' "$T/e2.log" | grep -v -e ^LS_RUN_DIR= -e ^LS_REPLICATION=)" LS_

# An empty database where the replica holds more.
fresh held
direct h1 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
lose
mv "$dir/replica" "$dir/keep"
for f in $(cd "$dir/keep" && find . -name '*.ltx'); do
	mkdir -p "$dir/replica/${f%/*}" && echo x >"$dir/replica/$f"
done
direct h2 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
is 'a damaged replica: no start' "$status" 102
unlike 'of the application' "$(cat "$T/h2.log")" '^app:'
direct h3 DB_PATH="$db" REPLICA_URL="$rep" LS_RESTORE_FAILURE=start-empty \
    -- "$app" "$db" after=3 exit=7
is 'start-empty: it runs to its end' "$status" 7
says 'and says so' h3 '^app: ends rows='
rm -rf "$dir/replica" && mv "$dir/keep" "$dir/replica"
(cd "$dir/replica" && find . -type f | sort | xargs md5sum) >"$dir/before"
direct h4 DB_PATH="$db" REPLICA_URL="$rep" LS_RESTORE_FAILURE=start-empty \
    -- "$app" "$db" after=3
is 'held: it runs to its end too' "$status" 0
says 'which is told' h4 'level=warn msg="nothing is replicated any more'
says 'with its reason' h4 'msg="held, not shipped"'
(cd "$dir/replica" && find . -type f | sort | xargs md5sum) >"$dir/after"
ok 'the replica is as it was' cmp "$dir/before" "$dir/after"
direct h5 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=3
is 'without start-empty it does not run' "$status" 102
unlike 'at all' "$(cat "$T/h5.log")" '^app: ends'
lose
direct h6 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
says 'what was there before is still there' h6 "^app: begins rows=$(rows_of h1) "
done_testing
