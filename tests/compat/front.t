#!/bin/bash
# The drop-in litestream beside the real ones: the same arguments, the same
# output and exit code, times and the like aside.
# run: asan
. tests/lib.sh
need sqlite3 curl
need_peer litestream-0.5 litestream-0.3
real5=$PEERS/litestream-0.5 real3=$PEERS/litestream-0.3
cd "$T" || exit 1
run() { timeout 20 env -u AWS_CA_BUNDLE "$@"; }
# times of logs, durations, whatever names a moment
norm() {
	sed -E -e 's/^time=[^ ]+ //' -e 's/"duration_ms": [0-9]+/"duration_ms": N/' \
	    -e 's/^duration_ms: [0-9]+/duration_ms: N/' \
	    -e 's/v0[.]5[.]18 \(ls-s6 [0-9.]+\)/v0.5.18/' \
	    -e 's/v0[.]3[.]13 \(ls-s6 [0-9.]+\)|\(development build\)/V3/' \
	    -e 's/^[0-9]{4}.[0-9]{2}.[0-9]{2} [0-9:]{8} //' \
	    -e 's/version="(V3|v0.5.18)"/version=\1/'
}
# both WHAT PEER ARG...: exit codes and outputs of ours and theirs in
# $T/{o,l}.{rc,out,err}
both() {
	peer=$1; shift
	for w in o l; do
		p=$BUILD/bin/litestream; test $w = o || p=$peer
		rc=0
		run "$p" "$@" >"$T/.r" 2>"$T/.e" </dev/null || rc=$?
		echo $rc >"$w.rc"
		norm <"$T/.r" >"$w.out"; norm <"$T/.e" >"$w.err"
	done
}
differ() { diff -u "$T/l.$1" "$T/o.$1"; }
same() { # NAME PEER ARG...
	n=$1; shift
	both "$@"
	ok "$n" sh -c 'for x in rc out err; do
	    diff -u "$0/l.$x" "$0/o.$x" || exit 1; done' "$T"
}
# where the peer prints its own help on standard output
same_err() {
	n=$1; shift
	both "$@"
	ok "$n" sh -c 'for x in rc err; do
	    diff -u "$0/l.$x" "$0/o.$x" || exit 1; done' "$T"
}

make_db a.db 100
make_db longer-name.db 10
cat >c.yml <<E
dbs:
  - path: $T/a.db
    replica: { url: "file://$T/r/a" }
  - path: $T/longer-name.db
    replica: { type: s3, bucket: b, path: x, endpoint: "http://127.0.0.1:1" }
  - path: $T/none.db
    replica: { url: "file://$T/r/n" }
E
cat >one.yml <<E
dbs: [ { path: $T/a.db, replica: { url: "file://$T/r/a" } } ]
E
echo 'dbs: []' >empty.yml
{ echo 'exec: "true"'; cat one.yml; } >exec.yml
R=file://$T/r/a
for i in 1 2 3; do
	sql a.db "INSERT INTO t(v) VALUES ('$i')"
	# it gives up where the machine is slow
	for try in 1 2 3 4; do
		run "$real5" replicate -once -config one.yml >>lite.log 2>&1 &&
		    break
		test $try != 4 || bail "litestream: $(cat lite.log)"
	done
done
run "$real5" replicate -once -force-snapshot -config one.yml >>lite.log 2>&1

# ---- 0.5: what is only looked at ----
both "$real5"
is 'no command' "$(cat o.rc o.err)" "$(cat l.rc l.err)"
for a in -h --help help; do same_err "$a" "$real5" $a; done
same 'an unknown command' "$real5" bogus
for f in '' -json --json -json=true -json=false '-no-expand-env -json'; do
	same "databases $f" "$real5" databases -config c.yml $f
	same "status $f" "$real5" status --config=c.yml $f
done
same 'status of one' "$real5" status -config c.yml "$T/a.db"
same 'status of one not listed' "$real5" status -config c.yml "$T/zz.db"
for f in '' '-level all' '-level 9' '-level 3' '-json' '-level 3 -json' \
    '-level all --json'; do
	same "ltx $f" "$real5" ltx -config c.yml $f "$T/a.db"
	same "ltx $f URL" "$real5" ltx $f "$R"
	same "wal $f" "$real5" wal -config c.yml $f a.db
done
same 'ltx of nothing' "$real5" ltx "file://$T/r/none"
same 'ltx without' "$real5" ltx
same 'ltx of two' "$real5" ltx a b
same 'ltx: not listed' "$real5" ltx -config c.yml "$T/zz.db"
same 'ltx: a URL and -config' "$real5" ltx -config c.yml "$R"
same 'ltx: no configuration' "$real5" ltx -config none.yml a.db
same 'ltx: an empty -config is none' "$real5" ltx -config '' a.db
same 'databases: one too many' "$real5" databases -config c.yml x
same 'databases: no configuration' "$real5" databases -config none.yml
for a in 'databases -bogus' 'databases -config' 'ltx -level x a' \
    'ltx -level 10 a' 'restore -txid 1 a' 'restore -replicate a' \
    'databases -json=x' 'info -timeout x' 'version -json' 'databases ---x'; do
	same_err "$a" "$real5" $a
done
same 'restore without' "$real5" restore
same 'restore: no -o' "$real5" restore "$R"
same 'restore: two' "$real5" restore -config c.yml a b
same 'restore: not listed' "$real5" restore -config c.yml -o z.db "$T/q.db"
same 'restore: a URL and -config' "$real5" restore -config c.yml -o z.db "$R"
same 'restore: exists' "$real5" restore -config c.yml "$T/a.db"
same 'restore: exists, -if-db-not-exists' "$real5" \
    restore -config c.yml -if-db-not-exists "$T/a.db"
same 'restore: nothing there' "$real5" restore -o z.db "file://$T/r/none"
same 'restore: a TXID later than all' "$real5" \
    restore -txid 0000000000000099 -o z.db "$R"
same 'restore: a time before all' "$real5" \
    restore -timestamp 2001-01-01T00:00:00Z -o z.db "$R"
same 'restore: no time' "$real5" restore -timestamp zz -o z.db "$R"
same 'restore: no check' "$real5" restore -integrity-check x -o z.db "$R"
same 'restore: -f and -txid' "$real5" \
    restore -f -txid 0000000000000001 -o z.db "$R"
same 'restore: -dry-run' "$real5" restore -dry-run -o z.db "$R"
same 'restore: -dry-run -json' "$real5" restore -dry-run -json -o z.db "$R"
same 'restore: -dry-run of a TXID' "$real5" \
    restore -dry-run -txid 0000000000000002 -o z.db "$R"
nok 'none of these made a file' ls z.db
same 'reset without' "$real5" reset
same 'reset -dry-run' "$real5" reset -config one.yml -dry-run a.db
same 'reset: no state' "$real5" reset -config c.yml longer-name.db
same 'reset: no database' "$real5" reset -config c.yml zz.db
same 'reset: two' "$real5" reset a b
for a in '-once -exec true' -force-snapshot -enforce-retention a.db \
    '-config one.yml -once -exec true' '-config one.yml -force-snapshot' \
    '-config one.yml -enforce-retention' '-config none.yml' \
    '-once -config empty.yml' '-once -config exec.yml' 'a.db -once' \
    "-config c.yml a.db $R"; do
	same "replicate $a" "$real5" replicate $a
done

# ---- 0.5: restores ----
for f in '' -json '-integrity-check full' '-parallelism 3' \
    '-txid 0000000000000002' '-force' '-if-db-not-exists -if-replica-exists'; do
	run "$real5" restore $f -o x.db "$R" 2>l.err | norm >l.out
	mv x.db l.db
	run litestream restore $f -o x.db "$R" 2>o.err | norm >o.out
	ok "restore $f: said the same" diff -u l.out o.out
	is "restore $f: no error" "$(cat l.err o.err)" ''
	ok "restore $f: is the same" cmp x.db l.db
	rm -f x.db* l.db*
done
: >o.db
exits 'restore onto an empty file, as mktemp makes' 0 litestream restore -o o.db "$R"
ok 'is restored' integrity o.db
sql o.db 'CREATE TABLE mine(x)'
exits 'restore without -force' 1 litestream restore -o o.db "$R"
ok 'left it alone' sh -c 'sqlite3 o.db .tables | grep -q mine'

# ---- 0.5: replicate ----
for f in '' '-force-snapshot -enforce-retention'; do
	rm -rf w; mkdir w; make_db w/a.db 5; cp -r w w0
	sed "s|$T/a.db|$T/w/a.db|; s|r/a|w/r|" one.yml >w.yml
	run "$real5" replicate -once $f -config w.yml 2>&1 | norm >l.out
	rm -rf w; mv w0 w
	run litestream replicate -once $f -config w.yml 2>&1 | norm |
	    grep -v -e 'msg="full copy"' -e msg=attached >o.out
	ok "replicate -once $f: the same lines" diff -u l.out o.out
done
# what is said of databases that are restored first
for f in there fresh back; do
	rm -rf w .w.db-litestream
	for w in o l; do
		p=$BUILD/bin/litestream; test $w = o || p=$real5
		rm -rf w; mkdir w; url=$R
		test $f != there || make_db w/a.db 5
		test $f = back || url=file://$T/w/r
		run "$p" replicate -restore-if-db-not-exists -exec true \
		    w/a.db "$url" 2>&1 | norm | grep -v 'capture goes on' |
		    grep -e restor -e backup >$w.out
	done
	ok "replicate -restore-if-db-not-exists, $f" diff -u l.out o.out
done
start_lines() { grep -e 'msg=litestream' -e initialized -e replicating; }
# exit codes of the program, and what is said of it
while read -r x; do
	both "$real5" replicate -config one.yml -exec "$x"
	ok "-exec $x" sh -c 'diff -u l.rc o.rc && diff -u l.err o.err'
	for w in o l; do start_lines <$w.out >$w.start; done
	ok "-exec $x: the lines of the start" diff -u l.start o.start
done <<'E'
true
sh -c "exit 7"
sh -c 'kill -9 $$'
sh -c 'kill -TERM $$'
nonexistent-program x
/nonexistent/program
sh -c "test -n \"$PATH\" || exit 3"
true; false
sh -c (exit 7)
sh -c "exit 7
sh -c 'exit $#' x 2>/dev/null
sh -c 'test "$1" = "$2"' x '$(2 3)' $(2 3)
E
# what programs that read the log look for, once there is something to compact
cp -r a.db t.db
cat >t.yml <<E
addr: 127.0.0.1:$(free_port)
levels: [{ interval: 1s }]
snapshot: { interval: 2s, retention: 24h }
l0-retention: 1s
l0-retention-check-interval: 1s
dbs: [ { path: $T/t.db, replica: { url: "file://$T/r/t" } } ]
E
start tended litestream replicate -config t.yml
i=0
while test $i -lt 60 && ! { grep -q 'retention enforced' tended.log &&
    grep -q 'snapshot complete' tended.log; } 2>/dev/null; do
	i=$((i + 1)); sql t.db "INSERT INTO t(v) VALUES ($i)"; sleep 0.3
done
for e in 'msg="compaction complete" .*level=1 txid.min=0{15}[1-9a-f] txid.max=0' \
    'msg="snapshot complete" .*txid=[0-9a-f]{16} size=' \
    'msg="retention enforced" .*deleted_count=[1-9]' \
    'msg="starting compaction monitor" system=store level=1 interval=1s' \
    'msg="serving metrics on" url=http://127.0.0.1:[0-9]+/metrics'; do
	like "log: $e" "$(cat tended.log)" "level=INFO $e"
done
unlike 'log: nothing went wrong' "$(cat tended.log)" 'level=(WARN|ERROR)'
ok 'metrics are there' sh -c "curl -s -m 5 $(grep -o 'http://[^ ]*' tended.log |
    head -n 1) | grep -q litestream_txid"
stop tended INT
is 'INT with everything running' "$status" 0
# signals: 436, PR 132
signalled() { # PROGRAM SIGNAL CMD: the code
	env -u AWS_CA_BUNDLE "$1" replicate -config one.yml -exec "$3" \
	    >s.out 2>s.err </dev/null &
	sp=$!
	wait_for 10 test -e up || echo "does not start: $(cat s.out s.err)"
	rm -f up
	kill -$2 $sp
	rc=0; wait $sp || rc=$?
	echo "$rc $(cat s.err)"
}
for s in TERM INT; do
	for x in "trap 'exit 3' $s" "trap 'exit 0' $s" 'true'; do
		cmd="sh -c \"$x; : >up; while :; do sleep 0.05; done\""
		is "$s, and the program has: $x" \
		    "$(signalled "$BUILD/bin/litestream" $s "$cmd")" \
		    "$(signalled "$real5" $s "$cmd")"
	done
done

# ---- 0.5: the control socket, all four pairs ----
talk() { # CLIENT
	c() { echo "\$ $*"; run "$CLIENT" "$@" 2>&1; echo "rc $?"; }
	CLIENT=$1
	S="-socket $T/s.sock"
	c info $S
	c info -json $S
	c list $S
	c list -json $S
	c sync $S "$T/s.db"
	c sync -json -wait $S "$T/s.db"
	c sync -wait $S "$T/s.db"
	c sync $S /x
	c sync $S
	c stop $S "$T/s.db"
	c stop $S "$T/s.db"
	c list $S
	c sync $S "$T/s.db"
	c start -json $S "$T/s.db"
	c start $S "$T/s.db"
	c start $S /x
	c register $S "$T/s2.db"
	c register $S -replica bogus "$T/s2.db"
	c register $S -replica "file://$T/w/s2" "$T/s2.db"
	c register -json $S -replica "file://$T/w/s2" "$T/s2.db"
	c sync -wait $S "$T/s2.db"
	c unregister -dry-run $S "$T/s2.db"
	c unregister $S "$T/s2.db"
	c unregister -json $S "$T/s2.db"
	c info -socket "$T/none.sock"
	c start -socket "$T/none.sock" /x
	c list -timeout 0 $S
	c list $S x
}
http() {
	c() {
		echo "\$ $*"
		m=$1 u=$2; shift 2
		curl -s -i -m 10 --unix-socket "$T/s.sock" -X $m "http://x$u" "$@" |
		    tr -d '\r' | grep -v -e ^Date: -e ^Connection:
		echo
	}
	for u in /txid "/txid?path=$T/s.db" '/txid?path=/x' \
	    '/debug/sync-status?path=/x' /bogus /; do c GET "$u"; done
	c POST /info
	c GET /sync
	for u in /sync /start /stop /register /unregister; do
		c POST $u -d '{}'
		c POST $u -d '{"path":"/x"}'
	done
	c POST /register -d '{"path":"/x","replica_url":"y"}'
	c POST /sync -d "{\"path\":\"$T/s.db\",\"wait\":true,\"timeout\":5}"
	c POST /start -d "{\"path\":\"$T/s.db\"}"
	c POST /stop -d "{\"path\":\"$T/s.db\"}"
	c POST /stop -d "{\"path\":\"$T/s.db\"}"
	c POST /sync -d "{\"path\":\"$T/s.db\"}"
	c POST /start -d "{\"path\":\"$T/s.db\"}"
	c POST /unregister -d "{\"path\":\"$T/s.db\"}"
	c POST /unregister -d "{\"path\":\"$T/s.db\"}"
}
cat >s.yml <<E
socket: { enabled: true, path: $T/s.sock, permissions: 0660 }
dbs: [ { path: $T/s.db, replica: { url: "file://$T/w/s" } } ]
E
pairs() { # NAME DAEMON CLIENT
	rm -rf w/s w/s2 .s.db-litestream .s2.db-litestream
	rm -f s.db* s2.db*; make_db s.db 5; make_db s2.db 5
	start "$1" env -u AWS_CA_BUNDLE "$2" replicate -config s.yml
	wait_for 10 test -S s.sock || bail "no socket: $(cat "$1.log")"
	sleep 1.2
	is "$1: mode of the socket" "$(stat -c %a s.sock)" 660
	# numbers of transactions are each one's own
	talk "$3" 2>&1 | norm | sed -E -e 's/(PID: +|pid": )[0-9]+/\1N/' \
	    -e 's/(Uptime: +|uptime_seconds": )[0-9]+/\1N/' \
	    -e 's/[0-9-]+T[0-9:.]+Z/TIME/' \
	    -e 's/(txid"?: )[0-9]+/\1N/' >"$1.talk"
	http | sed -E -e 's/(txid":)[0-9]+/\1N/g' -e 's/^(Content-Length: ).*/\1N/' \
	    -e 's/"last_sync_at":"[^"]*"/LAST/' >"$1.http"
	stop "$1" INT
	is "$1: INT" "$status" 0
	nok "$1: the socket goes" test -e s.sock
}
pairs ref "$real5" "$real5"
pairs ours_ours "$BUILD/bin/litestream" "$BUILD/bin/litestream"
pairs ours_real "$BUILD/bin/litestream" "$real5"
pairs real_ours "$real5" "$BUILD/bin/litestream"
for p in ours_ours ours_real real_ours; do
	ok "$p: said the same" diff -u ref.talk $p.talk
	ok "$p: HTTP is the same" diff -u ref.http $p.http
done
done_testing
