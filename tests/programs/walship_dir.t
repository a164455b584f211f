#!/bin/bash
# dir: with watch: databases that appear while ls-walship runs.
. tests/lib.sh
need sqlite3
mkdir "$T/d" "$T/d/old"
make_db "$T/d/a.db" 10
conf() { # MORE-KEYS
	cat >"$T/c.yml" <<-END
	dbs:
	  - dir: $T/d
	    pattern: '*.db'
	    recursive: true
	    watch: true
	    replica: {path: $T/r}
	END
}
has() { test -n "$(ls "$T/r/$1/ltx/0" 2>/dev/null)"; }
rows() { # PATH: rows of what is restored
	rm -f "$T/out.db"
	ls-restore -q -o "$T/out.db" "file://$T/r/$1" &&
	    sqlite3 "$T/out.db" 'select count(*) from t'
}
conf
start w ls-walship -c "$T/c.yml"
ok 'what is there is followed' wait_for 10 has a.db

make_db "$T/d/b.db" 20
ok 'a database that is made' wait_for 10 has b.db
mkdir -p "$T/d/x/y"
make_db "$T/d/x/y/c.db" 30
ok 'in a folder that is made' wait_for 10 has x/y/c.db
make_db "$T/other.db" 40
mv "$T/other.db" "$T/d/old/d.db"
ok 'one that is moved there' wait_for 10 has old/d.db
mkdir "$T/tree"; make_db "$T/tree/e.db" 5
mv "$T/tree" "$T/d/tree"
ok 'a folder with one that is moved there' wait_for 10 has tree/e.db
make_db "$T/d/no.sqlite" 5
echo 'not a database' >"$T/d/no.db"
: >"$T/d/late.db"
sleep 3
is 'nothing else is' "$(find "$T/r" -name '*.ltx' | sed "s|$T/r/||; s|/ltx.*||" |
    sort -u | tr '\n' ' ')" 'a.db b.db old/d.db tree/e.db x/y/c.db '
sql "$T/d/late.db" 'pragma journal_mode=wal; create table t(x); insert into t values(1)' >/dev/null
ok 'an empty file that becomes one' wait_for 10 has late.db
for f in a.db b.db x/y/c.db old/d.db tree/e.db late.db; do
	sql "$T/d/$f" 'insert into t select * from t limit 0; delete from t where rowid = 1'
done
ls-sync -w 10s || fail 'all is shipped'
is 'all of it comes back' "$(for f in b.db x/y/c.db old/d.db tree/e.db late.db; do
    rows $f; done | tr '\n' ' ')" '19 29 39 4 0 '
i() { awk '/voluntary/ { n += $2 } END { print n }' /proc/$pid_w/task/*/status; }
sleep 10
# it looks again 16 seconds after the last that came
for try in 1 2 3; do
	a=$(i); sleep 3; b=$(i)
	test $a != $b || break
done
is 'then it sleeps' $((b - a)) 0
sql "$T/d/a.db" 'delete from t where rowid = 2'
ls-sync -w 10s "$T/d/a.db"

# a configuration that cannot be read for a while
echo '  - nonsense' >>"$T/c.yml"
make_db "$T/d/meanwhile.db" 3
ok 'what is wrong with the file is said' wait_for 10 grep -q 'unable to look for new' "$T/w.log"
conf
ok 'and nothing is forgotten meanwhile' wait_for 20 has meanwhile.db
# a folder that gets another name
mv "$T/d/x" "$T/d/z"
sleep 3
make_db "$T/d/z/y/f.db" 3
ok 'in a folder that has another name now' wait_for 10 has z/y/f.db
stop w
is 'the end tells of the one that moved while it was followed' "$status" 111

# where inotify tells nothing
start p ls-walship --poll -c "$T/c.yml"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
make_db "$T/d/polled.db" 3
ok 'found by looking' wait_for 15 has polled.db
sleep 2
sql "$T/d/polled.db" 'insert into t values(9, 9)'
ok 'its looks drop no lock of SQLite: the -wal outlives other connections' test -e "$T/d/polled.db-wal"
stop p

# nothing yet
rm -rf "$T/d" "$T/r"; mkdir "$T/d"
start n ls-walship -c "$T/c.yml"
sleep 1
make_db "$T/d/first.db" 3
ok 'a folder that was empty' wait_for 10 has first.db
ok 'the state is told' wait_for 5 sh -c "ls-status | grep -q first.db"
stop n

# ---- what is wrong with one is not with the next ----
rm -rf "$T/d" "$T/r"; mkdir "$T/d"; make_db "$T/d/a.db" 10
start first ls-walship -c "$T/c.yml"
ok 'one database' wait_for 10 has a.db
stop first
rm -rf "$T"/d/a.db* "$T"/d/.a.db*
make_db "$T/d/a.db" 20
start held ls-walship -c "$T/c.yml"
ok 'all of them are held' wait_for 10 sh -c 'ls-status | grep -q held'
make_db "$T/d/b.db" 5
ok 'a new one is shipped all the same' wait_for 10 has b.db
stop held
is 'the end says that one is held' "$status" 102
start junk ls-walship -c "$T/c.yml" --once
ended junk
is '--once waits for none' "$status" 102

# ---- a disk that hangs under ls-conf ----
mkdir "$T/bin"
cp "$BUILD/bin/ls-walship" "$T/bin"
cat >"$T/bin/ls-conf" <<-END
#!/bin/sh
test -e "$T/hang" || exec "$BUILD/bin/ls-conf" "\$@"
trap '' TERM INT
echo \$\$ >>"$T/hung"
exec sleep 100
END
chmod +x "$T/bin/ls-conf"
rm -rf "$T/r" "$T/d"; mkdir "$T/d"; make_db "$T/d/a.db" 10
start h "$T/bin/ls-walship" -c "$T/c.yml"
ok 'it ships' wait_for 10 has a.db
: >"$T/hang"
make_db "$T/d/b.db" 5
ok 'ls-conf hangs' wait_for 10 test -s "$T/hung"
sql "$T/d/a.db" "INSERT INTO t(v) VALUES ('meanwhile')"
ok 'what is known is shipped meanwhile' ls-sync -w 10s "$T/d/a.db"
t0=$(date +%s)
stop h TERM
is 'TERM ends it' "$status" 0
test $(($(date +%s) - t0)) -lt 4 || fail 'at once' "$(($(date +%s) - t0)) s"
ok 'and ls-conf' wait_for 5 sh -c "! kill -0 \$(cat "$T/hung")"


# more of them than the soft limit of descriptors was enough for at the start
rm -rf "$T/d" "$T/r"; mkdir "$T/d"
make_db "$T/d/0.db" 3
start l sh -c "ulimit -S -n 140; exec ls-walship -c '$T/c.yml'"
wait_for 10 has 0.db
for i in $(seq 40); do cp "$T/d/0.db" "$T/d/$i.db"; done
all() { test "$(ls "$T/r" | wc -l)" = 41; }
ok 'for many of them the limit of descriptors is raised' wait_for 30 all
unlike 'and never met' "$(cat "$T/l.log")" 'Too many open files'
stop l
rm -rf "$T/d"
exits 'a folder that is not there' 102 ls-walship -c "$T/c.yml"
like 'is named' "$err" "c.yml:2: .*$T/d"
done_testing
