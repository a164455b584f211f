#!/bin/bash
# A replica that stays down does not fill the disk of the others.
. tests/lib.sh
need sqlite3
mkdir "$T/disk"
mount -t tmpfs -o size=12m none "$T/disk" 2>/dev/null ||
    skip_all 'not allowed to mount a small disk'
trap 'umount -l "$T/disk"; tap_end' EXIT
db=$T/disk/a.db
ltx=$T/disk/.a.db-litestream/ltx/0
make_db "$db" 3000
change() { sql "$db" "UPDATE t SET v = hex(randomblob(48))"; }
room() { test $(($(stat -f -c '%a * 20' "$T/disk"))) -ge "$(stat -f -c %b "$T/disk")"; }
files() { ls "$ltx" | wc -l; }
first() { ls "$ltx" | head -n 1; }
# failures REPLICA N: in a row, at least
failures() { test "$(ls-status -j | sed -n \
    "s,.*$T/$1\"[^}]*\"count\":\([0-9]*\).*,\1,p")" -ge "$2"; }
fill() { # until the disk is nearly full, with the replica that is up
	n=0
	while room && test $n -lt 60; do
		change 2>>"$T/err" && ls-sync --any -w 20s "$db" || return 1
		n=$((n + 1))
	done
	test $n -lt 60
}

start walship ls-walship "$db" "file://$T/one" "file://$T/two"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ok 'two replicas' ls-sync -w 20s "$db"

# a failure or two are not yet it
mv "$T/two" "$T/two.away"
echo >"$T/two"
change
ok 'one of them is down' wait_for 20 failures two 5
ok 'while there is room its files are kept' test "$(files)" -gt 1
before=$(first)
ok 'the disk fills' fill
ok 'then they are dropped' wait_for 20 grep -q \
    "level=warn.*space is short.*replica=file://$T/two" "$T/walship.log"
ok 'and there is room' wait_for 15 room
ok 'not the last one' test "$(files)" -ge 1
ok 'the oldest ones' test ! -e "$ltx/$before"
ok 'it fills again' fill
ok 'and there is room again' wait_for 15 room
is 'said once' "$(grep -c 'space is short' "$T/walship.log")" 1
is 'no full copy is made for one that is down' \
    "$(grep -c 'full copy.*txid' "$T/walship.log")" 1
nok 'which is not healthy' ls-status -q
is 'the application was never refused' "$(cat "$T/err")" ''

# a start that finds no room at all, nor does the application
for i in 1 2 3 4; do change; ls-sync --any -w 20s "$db"; done
stop walship KILL
had=$(files)
dd if=/dev/zero of="$T/disk/fill" bs=1k 2>/dev/null
rm "$LS_RUN_DIR"/walship.*
start walship ls-walship "$db" "file://$T/one" "file://$T/two"
ok 'a start without room makes some' wait_for 120 sh -c \
    "ls-status | grep 'a.db *running .* ok '"
ok 'of what the other one has' test "$(files)" -lt "$had"
rm "$T/disk/fill"
change
ok 'the other replica is whole' ls-sync --any -w 20s "$db"
ls-restore -o "$T/r.db" "file://$T/one" 2>"$T/restore.log"
ok 'page by page' pages_equal "$db" "$T/r.db"

rm "$T/two"
mv "$T/two.away" "$T/two"
ok 'when it is back it gets a full copy' ls-sync -w 60s "$db"
rm -f "$T"/r.db*
ls-restore -o "$T/r.db" "file://$T/two" 2>"$T/restore.log"
ok 'and is whole' pages_equal "$db" "$T/r.db"
ok 'all is well' wait_for 5 ls-status -q
stop walship
is 'ends well' $status 0

# with none left nothing is dropped
rm -rf "$T/one" "$T/two" "$T/disk"/.a.db-litestream
start walship ls-walship "$db" "file://$T/one"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ls-sync -w 20s "$db"
mv "$T/one" "$T/one.away"
echo >"$T/one"
: >"$T/walship.log"
n=0
while change 2>/dev/null && test $n -lt 60; do
	ls-sync --local -w 20s "$db" 2>/dev/null || break
	n=$((n + 1))
done
ok 'the disk is full' test $n -lt 60
ok 'the only replica is down' wait_for 40 failures one 6
ok 'what it has not got stays' test -e "$ltx/$(printf '%016x-%016x.ltx' 2 2)"
rm "$T/one"
mv "$T/one.away" "$T/one"
ok 'it catches up' ls-sync -w 90s "$db"
rm -f "$T"/r.db*
ls-restore -o "$T/r.db" "file://$T/one" 2>"$T/restore.log"
ok 'and is whole' pages_equal "$db" "$T/r.db"
stop walship
done_testing
