#!/bin/bash
# ls-restore -f: a warm standby that others read, that survives kill -9 at any
# moment, and goes on through compacted levels. Pains 361, 8, 450, 383, 1460.
# run: asan
. tests/lib.sh
need sqlite3
need_peer versitygw
mkdir "$T/s"
db=$T/a.db sb=$T/s/s.db R=file://$T/r
up() { rm -f "$LS_RUN_DIR/walship.sock"
    start walship ls-walship "$db" "${1:-$R}" &&
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
follow() { start follow ls-restore -f --follow-interval 50ms -o "$sb" "${1:-$R}"; }
# every row has the same k, always
sqlite3 "$db" "PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY,
    k INT, v TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1
    FROM n WHERE i < 2000) INSERT INTO t SELECT i, 0, hex(randomblob(1500))
    FROM n" >/dev/null
k=0
step() { k=$((k + 1)); sql "$db" "UPDATE t SET k = $k;
    INSERT INTO t SELECT NULL, $k, hex(randomblob($((k * 31 % 900)))) FROM t
    LIMIT $((k * 7 % 40)); DELETE FROM t WHERE id % 97 = $((k % 97))"; }
ship() { ls-sync -w 20s "$db" || bail 'ls-sync'; }
ro() { sqlite3 -cmd '.timeout 5000' "file:$sb?mode=ro" "$1" 2>&1; }
seen() { ro 'SELECT min(k), max(k) FROM t'; }
at() { test "$(seen)" = "$k|$k"; }
top() { ls "$T/r/ltx/0" | tail -n 1 | cut -c 1-16; }
same() { # the standby is what a restore gives, but for its page 1
	rm -f "$T"/full.db*
	ls-restore -q -o "$T/full.db" --txid "$(cat "$sb-txid")" "${1:-$R}" &&
	    test "$(cmp -l "$T/full.db" "$sb" | awk '$1 > 28 || $1 < 19' |
	    wc -l)" = 0 && test "$(ro 'PRAGMA integrity_check')" = ok
}

up; step; ship
follow
ok 'pain 361: a standby is there' wait_for 10 at
step; ship
ok 'pain 8: and follows' wait_for 10 at
is 'pain 450: readers need no -wal and no -shm' "$(ls "$T/s" | tr '\n' ' ')" \
    's.db s.db-follow s.db-txid '
ok 'it is what a restore gives' same
is 'its position is Litestream'"'"'s form' \
    "$(grep -cE '^[0-9a-f]{16}$' "$sb-txid")$(wc -c <"$sb-txid" | tr -d ' ')" 117
exits 'a second one into the same file' 111 ls-restore -f -o "$sb" "$R"
like 'is told' "$err" 'another process applies to it'
stop follow
is 'ends on TERM with 0' $status 0
# readiness, as s6 expects it of a service: not before it can be read
start ready sh -c 'exec 5>"$1/ready"; shift; exec ls-restore -f -d 5 \
    --follow-interval 50ms "$@"' - "$T" -o "$T/s/new.db" "$R"
ok '-d: ready is said' wait_for 10 test -s "$T/ready"
is '-d: by one newline' "$(od -An -c "$T/ready" | tr -d ' ')" '\n'
is '-d: of what can be read' "$(sqlite3 "file:$T/s/new.db?mode=ro" \
    'SELECT min(k), max(k) FROM t')" "$k|$k"
stop ready
rm "$T"/s/new.db*
exits '-d: is of -f' 100 ls-restore -d 1 -o "$T/s/new.db" "$R"
exits '-d: an open descriptor' 100 ls-restore -f -d 77 -o "$T/s/new.db" "$R"
follow; wait_for 5 grep -q msg=following "$T/follow.log"
wait_for 5 test "$(grep -c msg=following "$T/follow.log")" = 2
stop follow INT
is 'and on INT' $status 0

# killed at any moment, while a reader looks
: >"$T/stop"; rm "$T/stop"
( while test ! -e "$T/stop"; do seen; done | sort | uniq -c >"$T/looks" ) &
looker=$!
( while test ! -e "$T/stop"; do sql "$db" "UPDATE t SET k = k + 1"
    sleep 0.3; done ) & writer=$!
hot=0 bad= trap=
for i in $(seq 30); do
	follow
	# every other one as soon as there is a journal
	n=$((i % 2 * 150000))
	until test -e "$sb-journal" || test $n -le 0; do n=$((n - 1)); done
	test $((i % 2)) = 1 || sleep "0.$((i * 37 % 25 + 10))"
	stop follow KILL
	if test -s "$sb-journal"; then
		hot=$((hot + 1))
		test -e "$sb-txid" && trap="$trap $i"
	fi
	s=$(seen)
	case $s in
	*'attempt to write a readonly database'*) ;;
	*) test "${s%|*}" = "${s#*|}" || bad="$bad $s" ;;
	esac
done
: >"$T/stop"; wait $writer; wait $looker
is 'kill -9: readers see one state or that a write was interrupted' "$bad" ''
is 'where a journal is left Litestream finds no position to go on from' "$trap" ''
is 'also while it runs' "$(grep -v readonly "$T/looks" | awk '{ split($2, a, "|")
    if (a[1] != a[2]) print }')" ''
n=$(awk '{ n += $1 } END { print n }' "$T/looks")
diag "$hot of 30 kills in the middle of an apply; $n looks, \
$(grep -vc readonly "$T/looks") states"
if test $hot -gt 0; then pass 'some kills were in the middle of an apply'
else fail 'some kills were in the middle of an apply'; fi
k=$(sql "$db" 'SELECT max(k) FROM t'); ship
follow
ok 'pain 383: and it goes on' wait_for 20 at
ok 'with nothing lost' same
like 'in order' "$(cat "$sb-txid")" "$(top)"

# 1460: a file of level 1 that begins before the position and ends after it
stop follow
was=$(cat "$sb-txid")
for i in 1 2 3; do step; ship; done
compact() { # FIRST LAST: level 0 becomes one file of level 1
	f=
	for x in $(seq $((16#$1)) $((16#$2))); do
		x=$(printf %016x $x); f="$f $T/r/ltx/0/$x-$x.ltx"
	done
	mkdir -p "$T/r/ltx/1"
	"$BUILD/tests/ltxmake" merge block $f >"$T/r/ltx/1/$1-$2.ltx" ||
	    bail ltxmake
	rm $f
}
first=$(printf %016x $((16#$was - 1)))
compact "$first" "$(printf %016x $((16#$(top) - 1)))"
follow
ok 'pain 1460: catches up through a level that straddles it' wait_for 10 at
ok 'it is what a restore gives' same
was=$(cat "$sb-txid")
stop follow
for i in 1 2 3; do step; ship; done
compact "$was" "$(printf %016x $((16#$(top) - 1)))"
follow
ok 'again, level 0 gone up to the newest' wait_for 10 at

# a damaged file is not applied; when it is put right it goes on
stop follow
step; ship
f=$T/r/ltx/0/$(top)-$(top).ltx
cp "$f" "$T/good.ltx"
printf x | dd of="$f" bs=1 seek=900 conv=notrunc 2>"$T/dd"
: >"$T/follow.log"
follow
wait_for 10 grep -q 'level=error.*stays where it is.*byte' "$T/follow.log"
like 'a damaged file is named' "$(cat "$T/follow.log")" \
    "level=error .*level 0 file $(top)"
ok 'the standby stays before it' test "$(cat "$sb-txid")" \< "$(top)"
cp "$T/good.ltx" "$f"
ok 'until it is whole' wait_for 20 at
is 'and it was told once' "$(grep -c level=error "$T/follow.log")" 1

# a slow reader
mkfifo "$T/in"
sqlite3 "file:$sb?mode=ro" <"$T/in" >"$T/sq" 2>&1 & reader=$!
exec 5>"$T/in"
echo 'BEGIN; SELECT count(*) FROM t;' >&5
wait_for 10 test -s "$T/sq" || bail 'no reader'
was=$(cat "$sb-txid")
step; ship
ok 'a reader keeps it back, which is told' \
    wait_for 10 grep -q 'level=warn .*waiting for readers' "$T/follow.log"
is 'it waits' "$(cat "$sb-txid")" "$was"
is 'others read meanwhile' "$(seen)" "$((k - 1))|$((k - 1))"
echo 'SELECT min(k) FROM t; COMMIT;' >&5
ok 'then it goes on' wait_for 10 at
is 'the reader saw its own state' "$(tail -n 1 "$T/sq")" $((k - 1))
exec 5>&-; wait $reader
stop follow; stop walship

# what it is not
exits 'an existing database is no standby' 102 ls-restore -f -o "$db" "$R"
like 'is told' "$err" 'no .*a.db-txid tells its position'
cp -r "$T/s" "$T/w"
sqlite3 "$T/w/s.db" 'INSERT INTO t(k) VALUES (-1)'
exits 'a standby that was written to' 102 ls-restore -f -o "$T/w/s.db" "$R"
like 'with the way out' "$err" 'written to since TXID .*move it away'
cp -r "$T/r" "$T/r2"; rm -rf "$T"/r2/ltx/*
exits 'a replica that was emptied' 102 \
    timeout 20 ls-restore -f --follow-interval 50ms -o "$sb" "file://$T/r2"
like 'with the way out' "$err" 'emptied or replaced; move the standby away'
make_db "$T/b.db" 100
for i in $(seq 40); do
	ls-walship --once --run-dir '' "$T/b.db" "file://$T/r3" 2>"$T/log"
	sql "$T/b.db" "INSERT INTO t(v) VALUES ('$i')"
done
was=$(cksum "$sb")
exits 'a replica of another database' 102 \
    timeout 20 ls-restore -f --follow-interval 50ms -o "$sb" "file://$T/r3"
is 'changes nothing' "$(cksum "$sb")" "$was"

up
# what comes into its place is no standby: a journal would be played back into it
ends() { # NAME: what was followed ends
	ok "$1: it ends" wait_for 20 test -s "$T/code"
	is "$1: with 102" "$(cat "$T/code")" 102
	like "$1: and the way out" "$(tail -n 1 "$T/gone.log")" \
	    'moved, replaced or deleted .*start again'
}
gone() {
	rm -f "$T/code"
	start gone sh -c 'timeout 60 ls-restore -f --follow-interval 50ms -o "$1" \
	    "$2"; echo $? >"$T/code"' - "$sb" "$R"
	wait_for 10 at || bail 'no standby'
}
gone
exits 'one that is followed is not moved aside' 111 \
    ls-restore --move-aside -o "$sb" "$R"
mv "$sb" "$T/mine.db"
sqlite3 "$T/b.db" "VACUUM INTO '$sb'"
was=$(cksum "$sb" "$T/mine.db")
rm "$sb"-*
step; ship
ends 'replaced'
is 'replaced: neither is touched' "$(cksum "$sb" "$T/mine.db")" "$was"
is 'replaced: nor has it a position' "$(ls "$T/s")" s.db
rm "$sb"
gone
rm "$sb"
step; ship
ends 'deleted'
follow; ok 'and is made anew' wait_for 10 at; stop follow
# SQLite looks for a journal beside the file, not beside a link to it
mkdir "$T/big"
mv "$sb" "$T/big"
ln -s "$T/big/s.db" "$sb"
exits 'a link, the position beside it' 102 timeout 20 ls-restore -f -o "$sb" "$R"
like 'is no standby' "$err" 'no .*/big/s.db-txid tells'
mv "$sb"-* "$T/big"
step; ship
follow; ok 'with the position beside the file it is' wait_for 10 at; stop follow
is 'where all of it is' "$(ls "$T/s")" s.db
rm -r "$T/big" "$sb"
stop walship
for a in '-t 2026-01-01T00:00:00Z' '--txid 1' --all -n -j --beside --move-aside
do
	exits "not with $a" 100 ls-restore -f $a -o "$sb" "$R"
done
exits 'nor with a program' 100 ls-restore -f -o "$sb" "$R" true
exits 'nor to standard output' 100 ls-restore -f -o - "$R"
exits 'an interval that is none' 100 \
    ls-restore -f --follow-interval 0 -o "$sb" "$R"
exits 'which is of -f' 100 ls-restore --follow-interval 1s -o "$sb" "$R"

# the requests it costs
s3_start
rm -rf "$T/s"; mkdir "$T/s"
db=$T/c.db k=1
sqlite3 "$db" 'PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY,
    k INT, v TEXT); INSERT INTO t VALUES (1, 1, 1), (2, 1, 2)' >/dev/null
up "$(s3_url c)"; ship
start follow env LS_STORE_TIMEOUT=1s \
    ls-restore -f --follow-interval 200ms -o "$sb" "$(s3_url c)"
wait_for 10 at || bail 'no standby'
sleep 0.5
: >"$S3_LOG"
sleep 3
n=$(grep -c ListObjects "$S3_LOG")
if test $n -ge 8 && test $n -le 16; then pass 'idle: a LIST an interval'
else fail 'idle: a LIST an interval' "$n in 3 s"; fi
is 'from the position on' "$(grep -c 'start-after=c%2F0000%2F' "$S3_LOG")" $n
is 'and nothing else' "$(wc -l <"$S3_LOG")" $n
stop walship
was=$(cat "$sb-txid")
: >"$S3_LOG" >"$T/follow.log"
step; up "$(s3_url c)"; ship
wait_for 10 at
sleep 0.5
is 'new: one GET a file' "$(grep s3_GetObject "$S3_LOG" | grep -o ' c/0000/[0-9a-f]*' |
    sort | uniq -d | head -n 1)/$(sed -n 's/.* files=//p' "$T/follow.log" |
    awk '{ n += $1 } END { print n }')" "/$(ls "$S3_DIR/mybkt/c/0000" |
    awk -v w="$was" 'substr($1, 1, 16) > w' | wc -l)"
s3_stop
sleep 1
ok 'a store that is away' alive follow
s3_start
step; ship
ok 'is waited for' wait_for 20 at
stop follow
is 'and still ends with 0' $status 0
done_testing
