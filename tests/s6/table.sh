# What a container must do, whatever runs it: sourced after a box.sh.
# $app is the path of tests/s6/app as a box sees it. Each part prints results
# of TAP; all of them begin with a folder of their own.

fresh() { # sets $dir (here), $db and $rep (in the box)
	part=$1
	dir=$T/$part db=$in/$part/data/app.db rep=file://$in/$part/replica
	mkdir -p "$dir/data" "$dir/replica"
	chmod 777 "$dir" "$dir/data" "$dir/replica"
}
says() { # NAME ERE [SECONDS]: its log has such a line, or gets it
	wait_for "${3:-20}" grep -Eq "$2" "$T/$1.log"
}
# order NAME ERE...: lines of the log, one after the other.
order() {
	order_n=$1 order_at=0; shift
	for order_e; do
		order_l=$(tail -n +$((order_at + 1)) "$T/$order_n.log" |
		    grep -nEm1 -e "$order_e" | cut -d: -f1)
		test -n "$order_l" || {
			echo "no $order_e after line $order_at of:"
			cat "$T/$order_n.log"
			return 1
		}
		order_at=$((order_at + order_l))
	done
}
# rows_of NAME: how many the application had when it ended.
rows_of() { sed -n 's/^app: \(ends\|dies\) rows=//p' "$T/$1.log" | tail -n 1; }
# kept NAME: what the replica gives back elsewhere is what the application had
# when it ended, its last row included, and the database beside it.
kept() {
	rm -f "$dir"/copy.db*
	ls-restore -q -o "$dir/copy.db" "file://$dir/replica" || return
	kept_rows=$(rows_of "$1")
	test -n "$kept_rows" || { echo "no end of it in $T/$1.log"; return 1; }
	kept_got=$(sql "$dir/copy.db" 'SELECT count(*) FROM t')
	test "$kept_got" = "$kept_rows" && integrity "$dir/copy.db" ||
	    { echo "restored $kept_got rows, the application had $kept_rows"
	      tail -n 20 "$T/$1.log"; return 1; }
}
lose() { rm -rf "$dir"/data/app.db* "$dir"/data/.app.db-litestream; }

# The application's end is the container's, and nothing is lost.
part_stop() {
	fresh stop
	box st1 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" term=5
	ok 'a first start reaches the application' says st1 '^app: begins rows=0'
	ok 'which writes' wait_for 20 sh -c "test \$(sqlite3 '$dir/data/app.db' 'SELECT count(*) FROM t') -gt 5"
	ok 'and is healthy' wait_for 20 box_healthy st1
	box_stop st1
	is 'TERM: the exit code is the application'\''s' "$status" 5
	ok 'in order' order st1 'No database found, restoring from replica if exists' \
	    'nothing to restore, the database will be a new one' 'msg=ready' \
	    '^app: begins rows=0' '^app: ends rows='
	ok 'nothing is lost' kept st1
	rows=$(rows_of st1)
	is 'not even the row of its last moment' "$(sql "$dir/copy.db" \
	    'SELECT v FROM t ORDER BY id DESC LIMIT 1')" last

	box st2 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1 exit=42
	box_wait st2
	is 'an end of its own' "$status" 42
	ok 'the database was left alone' order st2 \
	    'Database already exists, skipping restore' "^app: begins rows=${rows:-unknown} "
	unlike 'and not copied again' "$(cat "$T/st2.log")" 'full copy'
	ok 'nothing is lost then' kept st2
	rows=$(rows_of st2)

	lose
	box st3 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
	box_wait st3
	is 'on a new volume' "$status" 0
	ok 'it goes on where it was' order st3 'msg=restored' \
	    "^app: begins rows=${rows:-unknown} " '^app: ends'
	unlike 'without another full copy' "$(cat "$T/st3.log")" 'full copy'
	ok 'nothing is lost there' kept st3

	box st4 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1 exit=1
	box_wait st4
	is 'exit 1' "$status" 1
	box st5 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1 die=9
	box_wait st5
	is 'a death by signal' "$status" 137
	ok 'loses nothing either' kept st5
	box st6 DB_PATH="$db" REPLICA_URL="$rep" -- "$in/none"
	box_wait st6
	is 'no such program' "$status" 127
}

another() { test -n "$3" && another_pid=$(box_pid "$1" "$2") && test "$another_pid" != "$3"; }

# Each process killed.
part_kill() {
	fresh kill
	box ki DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" rate=200
	says ki '^app: begins' || bail "$(cat "$T/ki.log")"
	for i in 1 2 3; do
		wait_for 10 box_pid ki ls-walship >/dev/null
		was=$(box_pid ki ls-walship)
		box_kill ki ls-walship KILL
		ok "ls-walship killed ($i): it is started again" \
		    wait_for 20 another ki ls-walship "$was"
	done
	ok 'it is healthy again' wait_for 20 box_healthy ki
	is 'and the application the same' "$(grep -c '^app: begins' "$T/ki.log")" 1
	box_stop ki
	is 'it ends as usual' "$status" 0
	ok 'nothing is lost' kept ki
}

# What is wrong at the start: one clear line, a code that is not 0, and the
# application is not started.
refused() { # NAME ERE VAR=VALUE...: ends by itself and says why
	refused_name=$1 refused_e=$2; shift 2
	n=$((n + 1))
	box "re$n" "$@" -- "$app" "$db" after=3
	wait_for 30 eval "! alive re$n" || stop "re$n" KILL
	box_wait "re$n"
	if test "$status" != 0 && says "re$n" "$refused_e" 1 &&
	    ! grep -q '^app:' "$T/re$n.log"; then pass "$refused_name"
	else fail "$refused_name" "exit $status, log:
$(cat "$T/re$n.log")"; fi
}
part_refused() {
	fresh refused
	n=0
	refused 'nothing configured' 'no replica is configured: set REPLICA_URL'
	refused 'a database alone' 'no replica is configured' DB_PATH="$db"
	refused 'a replica alone' 'DB_PATH, the database it is for, is not' REPLICA_URL="$rep"
	refused 'a scheme nobody knows' 'fatal: .*ftp://' DB_PATH="$db" REPLICA_URL=ftp://h/x
	refused 'an empty URL' 'no replica is configured' DB_PATH="$db" REPLICA_URL=
	refused 'a switch between on and off' 'LS_REPLICATION is maybe; it can be: on off' \
	    DB_PATH="$db" REPLICA_URL="$rep" LS_REPLICATION=maybe
	refused 'another wait' 'LS_WAIT_READY is never; it can be: local remote' \
	    DB_PATH="$db" REPLICA_URL="$rep" LS_WAIT_READY=never
	refused 'another answer to failure' 'LS_RESTORE_FAILURE is go' \
	    DB_PATH="$db" REPLICA_URL="$rep" LS_RESTORE_FAILURE=go
	refused 'a configuration that is not there' 'none.yml' LITESTREAM_CONFIG=/none.yml
	printf 'dbs: {a' >"$dir/bad.yml"
	refused 'one that is not YAML' 'not valid YAML' LITESTREAM_CONFIG="$in/refused/bad.yml"
	refused 'a group alone' 'APP_GID is set and APP_UID is not' \
	    DB_PATH="$db" REPLICA_URL="$rep" APP_GID=7
	refused 'a user nobody knows' 'APP_UID is neither a number nor a user' \
	    DB_PATH="$db" REPLICA_URL="$rep" APP_UID=nosuchuser
	echo hush >"$dir/secret"; : >"$dir/empty"
	refused 'a secret twice' 'AWS_SECRET_ACCESS_KEY and AWS_SECRET_ACCESS_KEY_FILE are both set' \
	    DB_PATH="$db" REPLICA_URL="$rep" AWS_SECRET_ACCESS_KEY=x AWS_SECRET_ACCESS_KEY_FILE="$in/refused/secret"
	refused 'a secret that is not there' 'AWS_SECRET_ACCESS_KEY_FILE: .*/none is not there' \
	    DB_PATH="$db" REPLICA_URL="$rep" AWS_SECRET_ACCESS_KEY_FILE="$in/refused/none"
	refused 'an empty secret' 'AWS_SECRET_ACCESS_KEY_FILE: .*/empty is empty' \
	    DB_PATH="$db" REPLICA_URL="$rep" AWS_SECRET_ACCESS_KEY_FILE="$in/refused/empty"
	unlike 'none of which is shown' "$(cat "$T"/re*.log)" hush
	: >"$dir/data/app.db"
	refused 'an empty file in the place of the database' 'app.db.*not a database' DB_PATH="$db" REPLICA_URL="$rep"
	is 'which is left as it was' "$(stat -c %s "$dir/data/app.db")" 0
	echo text >"$dir/data/app.db"
	refused 'a file of another kind' 'app.db.*not a database' DB_PATH="$db" REPLICA_URL="$rep"
	is 'left as it was too' "$(cat "$dir/data/app.db")" text
}

# A replica that cannot be read is not an empty one.
part_unreadable() {
	fresh unreadable
	box un1 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
	box_wait un1
	rows=$(rows_of un1)
	lose
	down="s3://b/x?endpoint=http://127.0.0.1:1"
	n=100
	refused 'out of reach: no start' 'could not be restored, so the application is not started' \
	    DB_PATH="$db" REPLICA_URL="$down" AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b LS_STORE_TIMEOUT=1s
	is 'and nothing was made' "$(ls "$dir/data")" ''
	cp -R "$dir/replica" "$dir/keep"
	for f in "$dir"/replica/ltx/*/*; do echo x >"$f"; done
	refused 'damaged: no start' 'could not be restored, so the application is not started' \
	    DB_PATH="$db" REPLICA_URL="$rep"
	like 'the file is named' "$(cat "$T/re$n.log")" '[.]ltx'
	is 'and nothing was made then' "$(ls "$dir/data")" ''
	(cd "$dir/replica" && find . -type f | sort | xargs md5sum) >"$dir/before"
	box un2 DB_PATH="$db" REPLICA_URL="$rep" LS_RESTORE_FAILURE=start-empty -- "$app" "$db" after=4
	box_wait un2
	is 'start-empty: the application runs' "$status" 0
	ok 'and is told loudly' order un2 'STARTING WITHOUT WHAT THE REPLICA HOLDS' '^app: begins rows=0' '^app: ends'
	(cd "$dir/replica" && find . -type f | sort | xargs md5sum) >"$dir/after"
	ok 'the replica is as it was' cmp "$dir/before" "$dir/after"
	# The replica comes back: the empty database is not shipped over it.
	rm -rf "$dir/replica" && mv "$dir/keep" "$dir/replica"
	box un3 DB_PATH="$db" REPLICA_URL="$rep" LS_RESTORE_FAILURE=start-empty -- "$app" "$db" after=3
	box_wait un3
	is 'it runs again' "$status" 0
	nok 'and is not healthy' box_healthy un3
	lose
	box un4 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
	box_wait un4
	ok 'what was there before is still there' order un4 'msg=restored' "^app: begins rows=${rows:-unknown} "
}

# A store that is down does not keep the application down, unless wanted.
part_down() {
	fresh down
	box do1 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
	box_wait do1
	port=$(free_port)
	set -- DB_PATH="$db" REPLICA_URL="s3://mybkt/x?endpoint=http://127.0.0.1:$port" \
	    AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b LS_STORE_TIMEOUT=1s \
	    LS_SHUTDOWN_SYNC_TIMEOUT=1s
	box do2 "$@" -- "$app" "$db" term=5
	ok 'local: the application runs' says do2 '^app: begins'
	box_stop do2
	is 'and its exit code is kept' "$status" 5
	ok 'what was not shipped is told' order do2 '^app: ends' 'not shipped|unable|left'
	box do3 "$@" LS_WAIT_READY=remote -- "$app" "$db"
	says do3 'level=warn|level=error' 10
	nok 'remote: it waits' says do3 '^app:' 2
	box_stop do3
	is 'TERM ends that' "$status" 143
	unlike 'and the application is not started' "$(cat "$T/do3.log")" '^app:'
	i=0 bad=
	while test $i -lt "${TOLD:-8}"; do
		i=$((i + 1))
		: >"$T/do4.log"
		box do4 "$@" LS_WAIT_READY=remote -- "$app" "$db"
		wait_for 10 box_begun do4
		sleep "0.$(printf %03d $((i * 83 % 600)))"
		box_stop do4
		test "$status" = 143 || test "$status" = "$box_early" ||
		    bad="$bad $i: exit $status"
		! grep '^app:' "$T/do4.log" || bad="$bad $i: started"
	done
	is "nor does it take longer at any moment of a start ($i)" "$bad" ''
}

# No replication at all, on purpose.
part_off() {
	fresh off
	box of1 LS_REPLICATION=off -- "$app" "$db" after=1 exit=3
	box_wait of1
	is 'off: the application alone' "$status" 3
	ok 'and it is said' order of1 'replication is off' '^app: begins'
	is 'nothing is made' "$(ls -A "$dir/replica")" ''
}

# Two writers of one replica: the one that comes later goes on, the other ends.
part_fence() {
	fresh fence
	box fe1 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" rate=50
	says fe1 '^app: begins'
	wait_for 20 test -e "$dir/replica/ltx/0"
	mkdir "$dir/two" && chmod 777 "$dir/two"
	sleep 1
	box fe2 DB_PATH="$in/fence/two/app.db" REPLICA_URL="$rep" -- "$app" "$in/fence/two/app.db" rate=50
	wait_for 60 eval '! alive fe1 || ! alive fe2'
	if alive fe1; then lost=fe2; else lost=fe1; fi
	box_wait $lost
	is 'one of two writers ends' "$status" 102
	ok 'says why, and takes its application with it' order $lost 'fenced|another writer|msg="held' 'replication cannot go on'
	for b in fe1 fe2; do test $b = $lost || box_stop $b; done
	is 'the other one goes on' "$status" 0
}

# Deleted under a running application, with and without what is beside it.
part_deleted() {
	for what in 'app.db' 'app.db app.db-wal' 'app.db app.db-wal app.db-shm'; do
		fresh "del$(echo "$what" | wc -w)"
		b=de$(echo "$what" | wc -w)
		box $b DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" rate=50
		says $b '^app: begins'
		sleep 1.5
		kill -STOP "$(box_pid $b app)"
		wait_for 20 box_healthy $b
		rows=$(sql "$dir/data/app.db" 'SELECT count(*) FROM t')
		(cd "$dir/data" && rm $what)
		box_kill $b app KILL
		box_wait $b
		box $b DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
		box_wait $b
		ok "$what deleted: every row is back" order $b 'msg=restored' "^app: begins rows=${rows:-unknown} "
		is 'and it goes on' "$status" 0
	done
}

# Killed in the middle of a restore, and told to end in the middle of one: out
# of a store that sends a little at a time.
restoring() { # NAME: it is in the middle
	box_pid "$1" ls-restore &&
	    test -n "$(find "$dir/data" -name '*.ls-restore.*' -size +100k)"
}
part_restore() {
	fresh restore
	sqlite3 "$dir/big.db" 'PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY, v);
	    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
	    INSERT INTO t SELECT i, randomblob(3000) FROM n' >/dev/null
	test -n "${HTTP_PORT:-}" || http_start
	set -- DB_PATH="$db" REPLICA_URL="s3://b/x?endpoint=$HTTP_ENDPOINT" \
	    AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret
	ls-walship --once "$dir/big.db" "s3://b/x?endpoint=$HTTP_ENDPOINT" 2>"$dir/ship.log" ||
	    bail "$(cat "$dir/ship.log")"
	rules 'GET .ltx * slow 40000 20'
	box_net=host
	box rs1 "$@" -- "$app" "$db"
	ok 'a restore that lasts' wait_for 20 restoring rs1
	box_kill rs1 ls-restore KILL
	box_wait rs1
	nok 'a restore killed: no start' test "$status" = 0
	unlike 'of the application' "$(cat "$T/rs1.log")" '^app:'
	nok 'and nothing that looks like a database' test -e "$dir/data/app.db"
	box_net=host
	box rs2 "$@" -- "$app" "$db" rate=0
	ok 'another' wait_for 20 restoring rs2
	box_stop rs2
	is 'TERM in the middle of one ends it' "$status" 143
	unlike 'and the application is not started' "$(cat "$T/rs2.log")" '^app:'
	nok 'nor is there a database' test -e "$dir/data/app.db"
	box_net=host
	box rs3 "$@" -- "$app" "$db" after=1 rate=0
	ok 'a third' wait_for 20 restoring rs3
	box_signal rs3 WINCH
	rules
	box_wait rs3
	is 'a terminal that changes its size does not end one' "$status" 0
	ok 'the next start has all of it' order rs3 '^app: begins rows=4000 '
}

# Metrics where there is an address for them, which are no matter of anybody
# else's: whatever becomes of them, the application runs to its end.
answers() { curl -s -m 5 "http://127.0.0.1:$port/$1" | grep -q "$2"; }
part_statusd() {
	fresh statusd
	port=$(free_port)
	box_net=host
	box sd1 DB_PATH="$db" REPLICA_URL="$rep" LITESTREAM_ADDR="127.0.0.1:$port" \
	    -- "$app" "$db" term=5
	ok 'an address in the environment: metrics' wait_for 20 answers metrics '^ls_up 1'
	ok 'and health' wait_for 20 answers healthz '^ok$'
	was=$(box_pid sd1 ls-statusd)
	box_kill sd1 ls-statusd KILL
	ok 'killed: it is started again' wait_for 20 another sd1 ls-statusd "$was"
	ok 'and answers' wait_for 20 answers healthz '^ok$'
	is 'and the application is the same' "$(grep -c '^app: begins' "$T/sd1.log")" 1
	box_stop sd1
	is 'it ends with the application'\''s code' "$status" 5
	ok 'in its order' order sd1 '^app: ends' 'ended, everything is shipped'
	ok 'nothing is lost' kept sd1
	nok 'nobody listens any more' listening "$port"

	printf 'addr: "127.0.0.1:$PORT"\ndbs:\n- path: %s\n  replica: {url: "%s"}\n' \
	    "$db" "$rep" >"$dir/addr.yml"
	box_net=host
	box sd2 LITESTREAM_CONFIG="$in/statusd/addr.yml" PORT="$port" -- "$app" "$db" after=4 exit=42
	ok 'one in the configuration: metrics' wait_for 20 answers metrics '^ls_up 1'
	box_wait sd2
	is 'an end of the application'\''s own' "$status" 42
	ok 'nothing is lost then' kept sd2

	test -n "${HTTP_PORT:-}" || http_start
	port=$HTTP_PORT
	box_net=host
	box sd3 DB_PATH="$db" REPLICA_URL="$rep" LITESTREAM_ADDR="127.0.0.1:$port" \
	    -- "$app" "$db" after=4 exit=3
	box_wait sd3
	is 'an address that is taken ends nothing' "$status" 3
	is 'is told, and not every second' "$(grep -c "ls-statusd: .*listen on 127.0.0.1:$port" "$T/sd3.log")" 1
	ok 'and nothing is lost' kept sd3
	box sd4 DB_PATH="$db" REPLICA_URL="$rep" LITESTREAM_ADDR=nonsense -- "$app" "$db" after=3 exit=4
	box_wait sd4
	is 'nor does one that is none' "$status" 4
	ok 'which is told' order sd4 'ls-statusd: .*"nonsense" is not HOST:PORT' 'there are no metrics'
	is 'once' "$(grep -c nonsense "$T/sd4.log")" 1
	box sd5 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=4
	says sd5 '^app: begins'
	nok 'without an address there is none' box_pid sd5 ls-statusd
	box_wait sd5
	is 'nor is it missed' "$status" 0
	unlike 'or spoken of' "$(cat "$T/sd5.log")" 'ls-statusd|metrics'
}

# A database named from where the application is started.
part_relative() {
	fresh relative
	box_wd=$in/relative/data
	box rl1 DB_PATH=app.db REPLICA_URL="$rep" -- "$app" app.db after=1
	box_wait rl1
	ok 'a relative DB_PATH: nothing is lost' kept rl1
	rows=$(rows_of rl1)
	lose
	box_wd=$in/relative/data
	box rl2 DB_PATH=app.db REPLICA_URL="$rep" -- "$app" app.db after=1
	box_wait rl2
	ok 'and it is brought back there' order rl2 'msg=restored' "^app: begins rows=${rows:-unknown} "
}

# Another user; files of both.
part_user() {
	fresh user
	chmod 711 "$T"
	if test "$(id -u)" != 0; then skip 'another user' 'not root'; return; fi
	chmod 755 "$dir" "$dir/data" "$dir/replica"
	chown 4321 "$dir/replica"
	box us1 DB_PATH="$db" REPLICA_URL="$rep" APP_UID=4321 APP_GID=4322 -- "$app" "$db" after=1
	box_wait us1
	is 'as another user' "$status" 0
	ok 'it is one' order us1 '^app: begins rows=0 uid=4321 home=/ '
	is 'the folder is its own' "$(stat -c %u:%g "$dir/data" "$dir/data/.app.db-litestream" | sort -u)" 4321:4322
	ok 'nothing is lost' kept us1
	box us2 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=1
	box_wait us2
	is 'then as root again' "$status" 0
	box us3 DB_PATH="$db" REPLICA_URL="$rep" APP_UID=4321 APP_GID=4322 -- "$app" "$db" after=1
	box_wait us3
	is 'and back' "$status" 0
	box us4 DB_PATH="$db" REPLICA_URL="$rep" APP_UID=4321 APP_GID=4322 HOME=/srv -- "$app" "$db" after=1
	box_wait us4
	ok 'with a HOME that was set' order us4 '^app: begins .* uid=4321 home=/srv '
	ok 'nothing is lost on the way' kept us4
}

# Secrets out of files reach the programs and not the application.
part_secret() {
	fresh secret
	echo hush-hush >"$dir/key"
	chmod 600 "$dir/key"
	box se1 DB_PATH="$db" REPLICA_URL="$rep" AWS_SECRET_ACCESS_KEY_FILE="$in/secret/key" -- "$app" "$db" after=1
	box_wait se1
	is 'a secret out of a file' "$status" 0
	ok 'is not the application'\''s' order se1 '^app: begins .*secret=none'
	printf '%s' "$rep" >"$dir/url"
	box se2 DB_PATH="$db" REPLICA_URL_FILE="$in/secret/url" -- "$app" "$db" after=1
	box_wait se2
	ok 'REPLICA_URL_FILE too' kept se2
}

# Stopped under load, over and over.
part_cycles() { # COUNT
	fresh cycles
	i=0 bad=
	while test $i -lt "$1"; do
		i=$((i + 1))
		box cy DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" rate=300
		says cy '^app: begins' || bad="$bad start:$i"
		sleep "0.$((i * 37 % 10))"
		box_stop cy
		test "$status" = 0 || bad="$bad exit:$i:$status"
		kept cy >"$T/kept" 2>&1 || bad="$bad kept:$i:$(cat "$T/kept")"
		: >"$T/cy.log"
	done
	is "$1 stops under load lose nothing" "$bad" ''
}
