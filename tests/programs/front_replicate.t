#!/bin/bash
# "litestream replicate", the parent of our programs: what ends when and how,
# in which order, that nothing outlives it and nothing is lost. Numbers are
# those of Litestream's issues.
# run: asan
. tests/lib.sh
need sqlite3 setsid
L=$BUILD/bin/litestream
make_db "$T/a.db" 10
R=file://$T/r/a
cat >"$T/c.yml" <<E
dbs: [ { path: $T/a.db, replica: { url: "$R" } } ]
E
cd "$T" || exit 1
restored() { # rows in the replica
	rm -f o.db*
	ls-restore -q -o o.db "$R" && sql o.db 'SELECT count(*) FROM t'
}
rows() { sql a.db 'SELECT count(*) FROM t'; }
children() { # PID: of it and below, its programs
	for q in $(pgrep -P "$1"); do
		tr '\0' ' ' <"/proc/$q/cmdline" | sed "s|[^ ]*/||; s/ .*//"
		echo
		children "$q"
	done
}
# pids of everything below
below() { for q in $(pgrep -P "$1"); do echo "$q"; below "$q"; done; }
gone() { # PID...: all of them
	for q; do kill -0 "$q" 2>/dev/null && return 1; done
	return 0
}
following() { grep -q msg=attached "$1.log"; }

# ---- 436: a program that ends at once; PR 132: what is committed last ----
sql a.db "INSERT INTO t(v) VALUES ('before')"
exits 'pain 436: -exec /bin/true' 0 litestream replicate -config c.yml -exec true
is 'pain 436: is shipped' "$(restored)" "$(rows)"
exits 'pain 132, 1397: a commit right before the end' 0 litestream replicate \
    -config c.yml -exec "sqlite3 $T/a.db \"INSERT INTO t(v) VALUES ('last')\""
is 'pain 132, 1397: is shipped' "$(restored)" "$(rows)"
exits 'the program of the configuration' 1 sh -c "
    { echo 'exec: sh -c \"touch ran; exit 7\"'; cat c.yml; } >x.yml
    litestream replicate -config x.yml"
ok 'it ran' test -e ran
like 'its code is said' "$err" '^Error: exit status 7$'

# ---- 364: the program starts once the database is there ----
rm -f a.db* ; rm -rf .a.db-litestream
exits 'pain 364: restored before the program starts' 0 litestream replicate \
    -config c.yml -restore-if-db-not-exists \
    -exec "sqlite3 $T/a.db \"INSERT INTO t(v) SELECT 'after' FROM t LIMIT 1\""
is 'pain 364: and it goes on' "$(restored)" "$(rows)"
test "$(rows)" -gt 10 || fail '364: rows came back' "$(rows)"
rm -f n.db*
sed "s/a.db/n.db/; s|r/a|r/n|" c.yml >n.yml
exits 'no database and no replica: it begins' 0 litestream replicate \
    -config n.yml -restore-if-db-not-exists \
    -exec "sqlite3 $T/n.db 'PRAGMA journal_mode=wal; CREATE TABLE t(x)'"
mkdir bad bad/ltx bad/ltx/0 bad/ltx/9
echo junk >bad/ltx/9/0000000000000001-0000000000000001.ltx
sed "s/a.db/m.db/; s|r/a|bad|" c.yml >m.yml
exits 'a replica that cannot be read ends it' 1 litestream replicate \
    -config m.yml -restore-if-db-not-exists -exec "touch $T/started"
like 'with its reason' "$err" '^Error: .*ltx'
nok 'before the program' test -e started
nok 'and makes no database' test -e m.db

# ---- order of the end ----
cat >app.sh <<'E'
trap 'sleep 0.3; sqlite3 a.db "INSERT INTO t(v) VALUES (1)"; echo app-end; exit 0' TERM INT
touch up
while :; do sleep 0.05; done
E
for s in TERM INT; do
	rm -f up; n=$(rows)
	start "app$s" litestream replicate -config c.yml -exec 'sh app.sh'
	wait_for 10 test -e up || fail "starts" "$(cat "app$s.log")"
	stop "app$s" $s
	is "$s: the program's end is the end" "$status" 0
	is "$s: what it wrote at its end is there" "$(restored)" "$((n + 1))"
	like "$s: the program ends before the rest" \
	    "$(grep -e app-end -e 'shut down' "app$s.log" | tr '\n' ' ')" \
	    'app-end.*litestream shut down'
done

# As a terminal, foreman and systemd do it: all get the signal, and what ships
# must go on until the program has ended.
for s in TERM INT; do
	rm -f up; n=$(rows)
	start "all$s" litestream replicate -config c.yml -exec 'sh app.sh'
	wait_for 10 test -e up || fail "starts" "$(cat "all$s.log")"
	eval "p=\$pid_all$s"
	kill -$s "$p" $(below "$p") 2>/dev/null
	ended "all$s"
	is "$s to all: the program's end is the end" "$status" 0
	is "$s to all: what it wrote at its end is there" "$(restored)" "$((n + 1))"
done
start nohup nohup litestream replicate -config c.yml -exec 'sleep 1000'
wait_for 10 pgrep -P "$pid_nohup" -x sleep
kill -HUP "$pid_nohup" $(below "$pid_nohup")
sleep 0.5
ok 'nohup: HUP ends neither it nor the program' pgrep -P "$pid_nohup" -x sleep
ok 'nohup: it goes on' ls-sync -w 10s a.db
stop nohup INT

# ---- as Puma's plugin does: fork, INT, wait; under load ----
cat >puma.sh <<'E'
"$L" replicate --config c.yml & p=$!
sleep 1
kill -INT $p
wait $p; echo "waited $?"
E
export L
i=0
start load sh -c 'while sqlite3 -cmd ".timeout 5000" a.db \
    "INSERT INTO t(v) VALUES (hex(randomblob(200)))"; do :; done'
for i in 1 2 3; do
	exits "fork, INT and wait, $i" 0 sh puma.sh
	like "fork, INT and wait, $i: 0" "$out" '^waited 0$'
	before=$(restored)
done
stop load KILL
exits 'under load: once more' 0 litestream replicate -once -config c.yml
is 'under load: nothing is lost' "$(restored)" "$(rows)"
test "$before" -gt 20 || fail 'there was load' "$before"

# ---- no orphan ----
for s in TERM INT HUP QUIT KILL; do
	start "orphan$s" litestream replicate -config c.yml -exec 'sleep 1000'
	eval "p=\$pid_orphan$s"
	wait_for 10 pgrep -P "$p" -x sleep
	pids=$(below "$p")
	test "$(echo "$pids" | wc -w)" -ge 2 || fail "$s: there are children" "$pids"
	stop "orphan$s" $s
	ok "$s: no orphan" wait_for 5 gone $pids
done
start shell sh -c "litestream replicate -config c.yml & wait"
wait_for 10 following shell
pids=$(below "$pid_shell")
kill -9 $(pgrep -P "$pid_shell")
ok 'killed without a program: no orphan' wait_for 10 gone $pids
stop shell

# ---- a child that dies ----
start dies litestream replicate -config c.yml
wait_for 10 following dies
kill -9 "$(pgrep -P "$pid_dies" ls-walship)"
ok 'ls-walship killed: it is started again' \
    wait_for 10 sh -c 'test "$(grep -c msg=attached dies.log)" = 2'
like 'the log says so' "$(cat dies.log)" \
    'level=ERROR msg="died, it is started again" program=ls-walship code=137'
sql a.db "INSERT INTO t(v) VALUES ('again')"
ok 'and it works' ls-sync -w 10s a.db
exits '-once of another database beside the daemon' 0 \
    litestream replicate -once "$T/n.db" "file://$T/r/once"
ok 'it is shipped' ls-restore -q -o once.db "file://$T/r/once"
exits '-once of the same one' 1 timeout 20 litestream replicate -once -config c.yml
like 'is refused' "$err" '^Error: .*in use by another process'
stop dies INT
is 'and ends as always' "$status" 0
is 'with everything' "$(restored)" "$(rows)"
start dead litestream replicate -config c.yml
wait_for 10 following dead
kill -9 "$(pgrep -P "$pid_dead" ls-walship)"
wait_for 10 grep -q 'is started again' dead.log
sql a.db "INSERT INTO t(v) VALUES ('while it is down')"
stop dead TERM
is 'killed, and told to end before it is started again' "$status" 0
is 'loses nothing' "$(restored)" "$(rows)"

# ---- 1119: a second one waits until the first has ended ----
start first litestream replicate -config c.yml
wait_for 10 following first
start second env LS_RUN_DIR="$T/run2" litestream replicate -config c.yml \
    -exec "touch $T/mine"
sleep 1
nok 'pain 1119: its program does not start meanwhile' test -e mine
like 'pain 1119: the log says who' "$(cat second.log)" 'lock is held by process'
stop first
ok 'pain 1119: then it does' wait_for 10 test -e mine
ended second
is 'pain 1119: and ends' "$status" 0

# ---- what trying again does not cure ----
echo 'dbs: [ { path: x, replica: { url: "gopher://x" } } ]' >bad.yml
exits 'a configuration that cannot work' 1 litestream replicate -config bad.yml
like 'its sentence' "$err" '^Error: .*bad.yml:1: .*gopher'
exits 'an unknown program' 1 litestream replicate -config c.yml -exec nothing
exits 'quotes that do not end' 1 litestream replicate -config c.yml -exec "a 'b"

# ---- 399, 934: an end that takes no longer than it may ----
cat >slow.yml <<E
shutdown-sync-timeout: 1s
shutdown-timeout: 1s
access-key-id: x
secret-access-key: y
dbs:
  - path: $T/a.db
    replica: { type: s3, bucket: b, path: x, endpoint: "http://127.0.0.1:1" }
E
start slow litestream replicate -config slow.yml
sleep 1
b=$(date +%s%N)
stop slow TERM
took=$((($(date +%s%N) - b) / 1000000))
test $took -lt 6000 && pass 'pain 399, 934: ends within its time' ||
    fail 'pain 399, 934: ends within its time' "$took ms"
start twice litestream replicate -config slow.yml -exec "sh -c \"trap '' TERM INT; touch up2; while :; do sleep 0.1; done\""
sleep 1
if wait_for 5 test -e up2; then
	pids=$(below "$pid_twice")
	kill -TERM "$pid_twice"; sleep 0.5
	ok 'a program that does not want to end is waited for' alive twice
	stop twice TERM
	is 'the second signal ends it at once' "$status" 1
	ok 'and everything below it' wait_for 5 gone $pids
else stop twice; fail 'a program with a store that is down' "$(cat twice.log)"; fi

# ---- databases that come later ----
mkdir watched
cat >watch.yml <<E
levels: [{ interval: 1s }]
socket: { enabled: true, path: $T/w.sock }
dbs: [ { dir: $T/watched, pattern: '*.db', watch: true,
    replica: { path: $T/r/w, sync-interval: 100ms } } ]
E
start watch litestream replicate -config watch.yml
wait_for 10 test -S w.sock
make_db watched/x.db 5
ok 'a database that appears is shipped' wait_for 20 test -d r/w/x.db/ltx/0
i=0
while test $i -lt 40 && ! test -d r/w/x.db/ltx/1; do
	i=$((i + 1)); sql watched/x.db "INSERT INTO t(v) VALUES ($i)"; sleep 0.3
done
ok 'and compacted' ls r/w/x.db/ltx/1
make_db other.db 5
exits 'one more by the socket' 0 litestream register -socket "$T/w.sock" \
    -replica "file://$T/r/other" other.db
exits 'its state is asked for' 0 litestream sync -wait -socket "$T/w.sock" other.db
ok 'it is there' ls-restore -q -o other2.db "file://$T/r/other"
i=0
while test $i -lt 40 && ! test -d r/other/ltx/1; do
	i=$((i + 1)); sql other.db "INSERT INTO t(v) VALUES ($i)"; sleep 0.3
done
ok 'and compacted, too' ls r/other/ltx/1
stop watch INT
is 'INT' "$status" 0
printf 'socket: { enabled: true, path: %s }\n' "$T/w.sock" >empty.yml
start empty litestream replicate -config empty.yml
wait_for 10 test -S w.sock
ok 'a daemon without a database takes one' wait_for 10 \
    litestream register -socket "$T/w.sock" -replica "file://$T/r/e" other.db
exits 'and ships it' 0 litestream sync -wait -socket "$T/w.sock" other.db
start empty2 litestream replicate -config empty.yml
ended empty2
is 'a second one does not take its socket' "$status" 1
like 'and says so' "$(cat empty2.log)" '^Error: socket.path: .*another daemon'
rows_before=$(rows)
sql a.db "INSERT INTO t(v) VALUES ('without a socket')"
{ cat empty.yml c.yml; } >taken.yml
exits 'with a database it goes on without' 0 litestream replicate \
    -config taken.yml -exec true
like 'and says that' "$out" 'WARN msg="failed to start control server" error='
is 'and ships' "$(restored)" "$((rows_before + 1))"
ok 'the socket of the first one is still there' test -S w.sock
stop empty INT
echo 'dbs: []' >none.yml
exits 'no database and no socket' 1 litestream replicate -config none.yml
like 'is said' "$err" 'lists no database'

# ---- a standby: told to end, it and the program below it do ----
start ships litestream replicate -config c.yml
wait_for 10 following ships
start standby litestream restore -f -follow-interval 100ms -o standby.db "$R"
wait_for 10 test -s standby.db
sql a.db "INSERT INTO t(v) VALUES ('for the standby')"
ok 'restore -f: what is new arrives' wait_for 10 sh -c \
    "sqlite3 'file:standby.db?mode=ro' 'SELECT v FROM t' | grep -q standby"
pids=$(below "$pid_standby")
stop standby INT
is 'restore -f: INT ends it' "$status" 0
ok 'restore -f: and what is below it' wait_for 5 gone $pids
like 'restore -f: the log' "$(cat standby.log)" 'msg="follow: applied updates" .*from_txid=[0-9a-f]{16} to_txid=[0-9a-f]{16}'
stop ships

# ---- 1218: several replicas; arguments; the log ----
exits 'pain 1218: two replicas' 0 litestream replicate -exec true a.db "$R" \
    "file://$T/r/b"
ok 'pain 1218: both are there' sh -c "ls-restore -q -o b0.db file://$T/r/b &&
    ls-restore -q -o b00.db $R && cmp b0.db b00.db"
exits 'pain 1218: two replicas, once' 0 litestream replicate -once "$T/a.db" \
    "file://$T/r/b1" "file://$T/r/b2"
ok 'pain 1218: both are there' sh -c "ls-restore -q -o b1.db file://$T/r/b1 &&
    ls-restore -q -o b2.db file://$T/r/b2 && cmp b1.db b2.db"
{ echo 'logging: { type: json, stderr: true }'; cat c.yml; } >json.yml
exits 'pain 183: -once, JSON in the log' 0 litestream replicate -once -config json.yml
is 'nothing on standard output' "$out" ''
ok 'every line is JSON with time, level and msg' sh -c 'python3 -c "
import json, sys
for l in sys.stdin:
    d = json.loads(l); d[\"time\"], d[\"msg\"]
    assert d[\"level\"] == d[\"level\"].upper()
" <.err'
done_testing
