#!/bin/bash
# On a disk that is nearly full anyway a replica that was down for a while gets
# no full copy for nothing.
. tests/lib.sh
need sqlite3
mkdir "$T/disk"
mount -t tmpfs -o size=24m none "$T/disk" 2>/dev/null ||
    skip_all 'not allowed to mount a small disk'
trap 'umount -l "$T/disk"; tap_end' EXIT
db=$T/disk/a.db
make_db "$db" 30000
change() { sql "$db" "UPDATE t SET v = hex(randomblob(48)) WHERE id <= $1"; }
bytes() { stat -f -c '%a * %S' "$T/disk"; }
fill() { # all but so many bytes
	dd if=/dev/zero of="$T/disk/fill" bs=4k \
	    count=$((($(bytes) - $1) / 4096)) 2>/dev/null
}
failures() { test "$(ls-status -j | sed -n \
    "s,.*$T/$1\"[^}]*\"count\":\([0-9]*\).*,\1,p")" -ge "$2"; }
down() { mv "$T/two" "$T/two.away"; echo >"$T/two"; }
up() { rm "$T/two"; mv "$T/two.away" "$T/two"; }

start walship ls-walship "$db" "file://$T/one" "file://$T/two"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ok 'two replicas' ls-sync -w 20s "$db"
change 30000
ok 'the WAL is as large as it gets' ls-sync -w 20s "$db"

# little room, of which what one of them has not got is a small part
fill 900000
down
change 10
ok 'one of them is down' wait_for 40 failures two 6
ok 'there is little room' test $(($(bytes))) -lt 1000000
change 10
ok 'the other one goes on' ls-sync --any -w 20s "$db"
sleep 11
up
ok 'it is back' ls-sync -w 60s "$db"
is 'and needs no full copy' \
    "$(grep -c 'full copy.*txid' "$T/walship.log")" 1

ls-restore -o "$T/r.db" "file://$T/two" 2>"$T/restore.log"
ok 'and it is whole' pages_equal "$db" "$T/r.db"
stop walship
done_testing
