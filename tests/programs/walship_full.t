#!/bin/bash
# A disk that is full: said, nothing lost, and it goes on when there is room.
# run: asan valgrind
. tests/lib.sh
need sqlite3
mkdir "$T/disk"
mount -t tmpfs -o size=3m none "$T/disk" 2>/dev/null ||
    skip_all 'not allowed to mount a small disk'
trap 'umount -l "$T/disk"; tap_end' EXIT
db=$T/disk/a.db
make_db "$db" 3000

start walship ls-walship "$db" "file://$T/replica"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ok 'a disk with room' ls-sync -w 20s "$db"
fill=$(($(stat -f -c '%a * %S' "$T/disk") / 1024 - 40))
dd if=/dev/zero of="$T/disk/fill" bs=1k count=$fill 2>/dev/null
sql "$db" "INSERT INTO t(v) VALUES ('before')"
dd if=/dev/zero of="$T/disk/fill2" bs=1k 2>/dev/null
sql "$db" "UPDATE t SET v = 'x' || v WHERE id < 50" 2>"$T/err"
ok 'without room it is said' wait_for 20 grep -q 'kind=full' "$T/walship.log"
ok 'in the status too' wait_for 5 sh -c \
    "ls-status 2>&1 | grep -i 'space'"
exits 'which is not healthy' 1 ls-status -q
ok 'it goes on' alive walship
rm "$T/disk/fill" "$T/disk/fill2"
ok 'with room again it goes on' ls-sync -w 70s "$db"
sql "$db" "INSERT INTO t(v) VALUES ('after')"
ok 'as before' ls-sync -w 20s "$db"
ok 'the replica is whole' ls-restore -o "$T/r.db" "file://$T/replica"
ok 'page by page' pages_equal "$db" "$T/r.db"
dd if=/dev/zero of="$T/disk/fill" bs=1k 2>/dev/null
stop walship
is 'ends well, also without room for its notes' $status 0

# no room for the first full copy
rm -f "$T/disk"/*; rm -rf "$T/disk"/.a.db-litestream "$T/replica"
make_db "$db" 6000
dd if=/dev/zero of="$T/disk/fill" bs=1k \
    count=$(($(stat -f -c '%a * %S' "$T/disk") / 1024 - 300)) 2>/dev/null
: >"$T/walship.log"
start walship ls-walship "$db" "file://$T/replica"
ok 'pain 1310: no room for the first copy is said' wait_for 20 grep -q \
    'level=error.*a full copy may need .* bytes.*kind=full' "$T/walship.log"
is 'pain 1310: nothing of it is staged' \
    "$(find "$T/disk/.a.db-litestream/ltx" -type f)" ''
ok 'pain 1310: the application has what is left' \
    sql "$db" "INSERT INTO t(v) VALUES ('meanwhile')"
exits 'pain 1310: it is not healthy' 1 ls-status -q
rm "$T/disk/fill"
ok 'with room it is made' ls-sync -w 70s "$db"
stop walship

# a replica's disk
up2() { start walship ls-walship "$T/b.db" "file://$T/disk/replica"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
rm -f "$T/disk"/a.db* "$T/disk/fill"
rm -rf "$T/disk"/.a.db-litestream
make_db "$T/b.db" 1000
up2
ls-sync -w 20s "$T/b.db"
dd if=/dev/zero of="$T/disk/fill" bs=1k 2>/dev/null
sql "$T/b.db" "UPDATE t SET v = hex(randomblob(48))"
ok 'a full replica is said' wait_for 20 grep -q 'shipping failed.*kind=full' \
    "$T/walship.log"
rm "$T/disk/fill"
ok 'with room it catches up' ls-sync -w 70s "$T/b.db"
rm -f "$T"/r.db*
ls-restore -o "$T/r.db" "file://$T/disk/replica" 2>"$T/restore.log"
ok 'page by page' pages_equal "$T/b.db" "$T/r.db"
stop walship
done_testing
