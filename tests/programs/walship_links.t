#!/bin/bash
# One database under several names is one database, as for SQLite.
. tests/lib.sh
need sqlite3
mkdir "$T/real" "$T/names"
db=$T/real/a.db link=$T/names/b.db
count() { rm -f "$T"/r.db*; ls-restore -o "$T/r.db" "$1" 2>"$T/restore.log" &&
    sql "$T/r.db" "SELECT count(*) FROM t WHERE v = '$2'"; }

# a link to what is made later
ln -s ../real/a.db "$link"
start walship ls-walship "$link" "file://$T/replica"
wait_for 10 grep -q waiting "$T/walship.log"
make_db "$db" 10
ok 'a link to nothing is waited for where it leads' wait_for 10 \
    test -e "$T/replica/ltx/0/0000000000000001-0000000000000001.ltx"
sql "$link" "INSERT INTO t(v) VALUES ('linked')"
ok 'ls-sync by the name configured' ls-sync -w 20s "$link"
ok 'and by the real one' ls-sync -w 20s "$db"
is 'all is there' "$(count "file://$T/replica" linked)" 1
is 'its state is beside the file alone' \
    "$(cd "$T" && echo real/.*-litestream names/.*-litestream)" \
    'real/.a.db-litestream names/.*-litestream'
is 'said of the name that is configured' \
    "$(grep -c "db=$link" "$T/walship.log") $(grep -c "db=$db" \
    "$T/walship.log")" "$(grep -c db= "$T/walship.log") 0"
like 'in the status too' "$(ls-status)" "$link"

# another process, by the other name
mkdir "$T/run2"
LS_RUN_DIR=$T/run2 exits 'one process at a time has it, by any name' 111 \
    timeout 20 ls-walship --once "$db" "file://$T/other"
like 'and who has it is said' "$err" "held by process $pid_walship"
stop walship
is 'the first goes on to its end' $status 0

# the next life has the other name
exits 'another name later' 0 timeout 20 ls-walship --once "$db" \
    "file://$T/replica"
like 'goes on' "$err" 'capture goes on'
done_testing
