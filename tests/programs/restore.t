#!/bin/bash
# ls-restore and file replicas: what is restored, and what is refused. The
# replica is the one real Litestream makes (tests/compat has more of them).
# run: asan valgrind
. tests/lib.sh
need sqlite3
need_peer litestream-0.5

# A replica with a snapshot of TXID 1 and level-0 files 1 to 4, in $T/r.
make_db "$T/app.db" 200
lite() { env -u AWS_CA_BUNDLE "$PEERS/litestream-0.5" "$@" >>"$T/lite.log" 2>&1; }
cat >"$T/lite.yml" <<EOF
dbs:
  - path: $T/app.db
    monitor-interval: 50ms
    replica: { url: "file://$T/r", sync-interval: 50ms }
EOF
start lite env -u AWS_CA_BUNDLE "$PEERS/litestream-0.5" replicate \
    -config "$T/lite.yml"
for i in 1 2 3 4; do
	f=$T/r/ltx/0/000000000000000$i-000000000000000$i.ltx
	wait_for 10 test -s "$f" || bail "$(cat "$T/lite.log")"
	test $i = 4 && break
	test $i = 2 && sql "$T/app.db" 'DELETE FROM t WHERE id % 3 = 0' ||
	    sql "$T/app.db" 'INSERT INTO t(v) SELECT hex(randomblob(60)) FROM t
		LIMIT 100'
done
stop lite
rm -rf "$T"/r/ltx/[123]
pages "$T/app.db" "$T/want.db"
R=file://$T/r
mkdir "$T/d"

exits 'restores the latest state' 0 ls-restore -o "$T/d/a.db" "$R"
ok 'byte for byte' cmp "$T/want.db" "$T/d/a.db"
like 'says so' "$err" 'msg=restored .*txid=0000000000000004'
exits 'a path that ends in a slash' 102 ls-restore -o "$T/d/folder/" "$R"
nok 'makes no folder' test -e "$T/d/folder"
exits 'two slashes in front, and checked' 0 ls-restore -q -j \
    --integrity-check full -o "/$T/d/caf$(printf '\351').db" "$R"
like 'JSON is UTF-8 whatever the name is' "$out" '"db":"/[^"]*/caf\\ufffd[.]db"'
exits 'an existing database is not overwritten' 102 \
    ls-restore -o "$T/d/a.db" "$R"
like 'says that it exists' "$err" 'a.db exists and is not overwritten'
exits '-i calls that a success' 0 ls-restore -i -o "$T/d/a.db" "$R"
ok 'and leaves it alone' cmp "$T/want.db" "$T/d/a.db"
: >"$T/d/empty.db"
exits 'an empty file is no database, even with -i' 102 \
    ls-restore -i -o "$T/d/empty.db" "$R"
like 'says why' "$err" 'empty .0 bytes.: not a database'
echo text >"$T/d/text.db"
exits 'nor is something else' 102 ls-restore -i -o "$T/d/text.db" "$R"
is 'which is left as it was' "$(cat "$T/d/text.db")" text

mkdir "$T/f" "$T/f/dir"
mkfifo "$T/f/fifo"
ln -s nowhere "$T/f/dangling"; ln -s dangling "$T/f/twice"; ln -s loop "$T/f/loop"
printf 'SQLite format' >"$T/f/short"
head -c 4096 /dev/zero >"$T/f/zeros"
ls -lA "$T/f" >"$T/forms"
for f in dir fifo dangling twice short zeros; do
	exits "-i where a $f is" 102 timeout 20 ls-restore -i -o "$T/f/$f" "$R" \
	    echo ran
	is "$f: no program runs" "$out" ''
	exits "$f: nor without -i" 102 timeout 20 ls-restore -o "$T/f/$f" "$R"
done
exits 'a link that leads in a circle' 102 ls-restore -i -o "$T/f/loop" "$R"
is 'all are left as they were' "$(ls -lA "$T/f")" "$(cat "$T/forms")"
ln -s ../d/a.db "$T/f/link"
exits '-i where a link to a database is' 0 \
    ls-restore -i -o "$T/f/link" "$R" echo ran
is 'and the program runs' "$out" ran
exits 'which is not overwritten either' 102 ls-restore -o "$T/f/link" "$R"
exits '-i without a database' 0 ls-restore -q -i -o "$T/f/new" "$R" \
    cmp "$T/want.db" "$T/f/new"
cat >"$T/a.yml" <<EOF
dbs: [{ path: $T/f/conf.db, replica: { url: "$R" } }]
EOF
for f in restored there; do
	exits "-i DB PROG, $f" 5 ls-restore -q -i -c "$T/a.yml" "$T/f/conf.db" \
	    sh -c 'cmp "$1" "$2" && exit 5' - "$T/want.db" "$T/f/conf.db"
done

# whoever starts it closed them: nothing meant for them gets into the database
# (valgrind opens its own files there, so not under it)
mkdir "$T/fd"
fds() {
	for f in '2>&-' '1>&- 2>&-' '0<&- 2>&-' '0<&- 1>&- 2>&-'; do
		rm -f "$T/fd/"*; : >"$T/fd/x.db-wal"; : >"$T/fd/x.db-journal"
		eval "ls-restore -o '$T/fd/x.db' '$R' $f"
		is "closed, $f" $? 0
		ok 'the database is whole' cmp "$T/want.db" "$T/fd/x.db"
	done
	exits 'to a closed standard output' 111 \
	    sh -c 'ls-restore -q -o - "$1" >&-' - "$R"
}
case $BUILD in */valgrind) ;; *) fds ;; esac
exits 'from a closed standard input' 111 \
    sh -c 'ls-restore -q -o "$1" - <&-' - "$T/fd/y.db"

# stdout, stdin
ls-restore -q -o - "$R" >"$T/out.db"
ok 'to standard output' cmp "$T/want.db" "$T/out.db"
cat "$T"/r/ltx/0/*.ltx | ls-restore -q -o "$T/d/in.db" -
ok 'from LTX files on standard input' cmp "$T/want.db" "$T/d/in.db"
ls -r "$T"/r/ltx/0/*.ltx | xargs cat | ls-restore -q -o - - >"$T/out.db"
ok 'in any order, to standard output' cmp "$T/want.db" "$T/out.db"
cat "$T"/r/ltx/0/*.ltx | head -c 9000 >"$T/cut"
exits 'pain 807: a cut stream' 102 ls-restore -o "$T/d/cut.db" - <"$T/cut"
nok 'leaves nothing' ls "$T/d/cut.db"

# points
exits '--txid' 0 ls-restore -o "$T/d/t2.db" --txid 0000000000000002 "$R"
lite restore -txid 0000000000000002 -o "$T/lite2.db" "$R"
ok 'the same as Litestream' cmp "$T/lite2.db" "$T/d/t2.db"
nok 'leaves no marker' test -e "$T/d/.t2.db-litestream/marker"
exits 'a TXID that is not there' 1 \
    ls-restore -o "$T/d/t9.db" --txid 0000000000000009 "$R"
like 'names the newest' "$err" 'newest is 0000000000000004'
at=$(ls-dump -j "$T/r/ltx/0/0000000000000003-0000000000000003.ltx" |
    sed 's/.*"time":"\([^"]*\)".*/\1/')
exits '-t the time of a transaction' 0 ls-restore -o "$T/d/at.db" -t "$at" "$R"
lite restore -txid 0000000000000003 -o "$T/lite3.db" "$R"
ok 'is that transaction' cmp "$T/lite3.db" "$T/d/at.db"
exits '-t before everything' 1 \
    ls-restore -o "$T/d/old.db" -t 2001-01-01T00:00:00Z "$R"
like 'names the earliest' "$err" 'earliest is TXID 0000000000000001 of 20'

# objects of somebody else are not an empty replica
mkdir -p "$T/age/ltx/0"
: >"$T/age/ltx/0/0000000000000001-0000000000000001.ltx.age"
exits 'foreign objects are not nothing' 102 \
    ls-restore -e -o "$T/d/age.db" "file://$T/age" true
like 'named so' "$err" 'no LTX file among the 1 objects'

# a copy that lost its times: all mtimes equal, later ones older
cp -r "$T/r" "$T/copy"
find "$T/copy" -name '*.ltx' | sort | while read -r f; do
	touch -d "2020-01-01 00:00:$((n = n + 1))" "$f"
done
touch -d 2019-01-01 "$T"/copy/ltx/0/*4.ltx
exits 'a copy without its mtimes' 0 ls-restore -o "$T/d/copy.db" "file://$T/copy"
ok 'gives the latest' cmp "$T/want.db" "$T/d/copy.db"
rm -f "$T/d/copy.db"
exits 'and a time' 0 ls-restore -o "$T/d/copy.db" -t "$at" "file://$T/copy"
ok 'too' cmp "$T/lite3.db" "$T/d/copy.db"

# --beside, -n, -j, exec
cp "$T/want.db" "$T/d/here.db"
b=$(ls-restore -q --beside -o "$T/d/here.db" "$R")
like '--beside prints its path' "$b" '/d/here-[0-9]{14}[.]db$'
ok 'and restores to it' cmp "$T/want.db" "$b"
exits '-n prints the plan' 0 ls-restore -n "$R"
like 'its files' "$out" '^0	0000000000000004	0000000000000004	'
like 'and its sum' "$out" '^# . files, [0-9]+ bytes, to TXID 0000000000000004'
exits '-n -j' 0 ls-restore -n -j "$R"
ok 'is JSON' python3 -c 'import json, sys
assert json.loads(sys.argv[1])["txid"] == "0000000000000004"' "$out"
exits '-j' 0 ls-restore -j -o "$T/d/j.db" "$R"
ok 'is JSON too' python3 -c 'import json, sys
assert json.loads(sys.argv[1])["bytes"] > 0' "$out"
cp "$T/app.db" "$T/new.db"
ls-walship --once --run-dir '' "$T/new.db" "file://$T/r2" 2>"$T/log" ||
    bail "$(cat "$T/log")"
rm -rf "$T/.new.db-litestream"
ls-walship --once --run-dir '' --accept-replacement "$T/new.db" \
    "file://$T/r2" 2>"$T/log" || bail "$(cat "$T/log")"
rm -rf "$T/r2/ltx/9"
exits 'two full copies' 0 ls-restore -j -o "$T/d/two.db" "file://$T/r2"
ok 'only the newest is read, and counted' python3 -c 'import json, os, sys
d = json.loads(sys.argv[1])
assert d["files"] == 1, d
assert d["read"] == os.path.getsize(sys.argv[2]), d' "$out" \
    "$T/r2/ltx/0/0000000000000002-0000000000000002.ltx"
start ship ls-walship "$T/new.db" "file://$T/r2"
ok 'it goes on' wait_for 10 ls-sync -w 5s "$T/new.db"
top=$(ls "$T/r2/ltx/0" | tail -n 1)
for i in 1 2; do
	sql "$T/new.db" "INSERT INTO t(v) VALUES ($i)"
	ls-sync -w 10s "$T/new.db"
done
stop ship
set -- $(ls "$T/r2/ltx/0" | sed "0,/^$top/d")
is 'two small ones' $# 2
find "$T/r2/ltx" -type f ! -name "$top" ! -name "$2" -delete
exits 'a gap after the only full copy, in level 0' 102 \
    ls-restore -o "$T/d/gap.db" "file://$T/r2"
like 'that it can be restored is said' "$err" \
    "gap: TXID ${1%-*} to .* ends at --txid ${top%-*}\$"
exits 'and true' 0 ls-restore -q --txid "${top%-*}" -o "$T/d/gap.db" \
    "file://$T/r2"
exits 'runs what follows, in its place' 7 \
    ls-restore -q -i -o "$T/d/a.db" "$R" sh -c 'echo "ran $1"; exit 7' - -x
is 'with its arguments' "$out" 'ran -x'
exits 'nor a program if it failed' 102 \
    ls-restore -q -o "$T/d/a.db" "$R" sh -c 'echo ran'
is '' "$out" ''
exits 'a program that is not there' 127 \
    ls-restore -q -i -o "$T/d/a.db" "$R" "$T/nothing"

# nothing to restore
mkdir "$T/none"
exits 'an empty replica' 1 ls-restore -o "$T/d/n.db" "file://$T/none"
exits '-e calls that a success' 0 \
    ls-restore -e -o "$T/d/n.db" "file://$T/none" echo ran
is 'and runs the program' "$out" ran
nok 'but there is no database' test -e "$T/d/n.db"
mkdir -p "$T/v3/generations/0123456789abcdef/snapshots"
: >"$T/v3/generations/0123456789abcdef/snapshots/00000000.snapshot.lz4"
exits 'a damaged replica of Litestream 0.3 is not nothing' 102 \
    ls-restore -e -o "$T/d/n.db" "file://$T/v3"
like 'and named' "$err" 'snapshots/00000000.snapshot.lz4.*empty'

mkdir "$T/s3like"
cp -r "$T/r/ltx/0" "$T/s3like/0000"
exits 'nor is what was copied from an s3 replica' 102 \
    ls-restore -e -o "$T/d/n.db" "file://$T/s3like" echo ran
like 'whose keys are others' "$err" 'another kind of store'
is 'no program is run' "$out" ''

# damage
cp -r "$T/r" "$T/bad"
f=$T/bad/ltx/0/0000000000000003-0000000000000003.ltx
printf x | dd of="$f" bs=1 seek=700 conv=notrunc 2>"$T/dd"
exits 'a damaged file' 102 ls-restore -e -o "$T/d/bad.db" "file://$T/bad"
like 'is named, with what can still be restored' "$err" \
    'level 0 file 0000000000000003-0000000000000003.ltx: byte .* ends at --txid 0000000000000002'
rm "$f"
exits 'a missing file' 102 ls-restore -e -o "$T/d/bad.db" "file://$T/bad"
like 'is a gap' "$err" 'gap: TXID 0000000000000003 to 0000000000000003 are missing; .* --txid 0000000000000002'
cp "$T/r/ltx/0/0000000000000003-0000000000000003.ltx" "$f"
truncate -s 600 "$f"
exits 'a truncated file' 102 ls-restore -e -o "$T/d/bad.db" "file://$T/bad"
like 'is named' "$err" '0000000000000003-0000000000000003.ltx: byte .*end'
: >"$f"
exits 'an empty file' 102 ls-restore -e -o "$T/d/bad.db" "file://$T/bad"
like 'is named too' "$err" '0000000000000003-0000000000000003.ltx: empty file'
rm "$f"
mkdir -p "$T/bad/ltx/9"
: >"$T/bad/ltx/9/0000000000000001-0000000000000007.ltx"
exits 'a damaged snapshot after a gap' 102 \
    ls-restore -o "$T/d/bad.db" "file://$T/bad"
like 'an older state is named, not the newest, which leads nowhere' "$err" \
    'without it: gap: .* ends at --txid 0000000000000002$'
is 'nothing of these is left behind' "$(ls -A "$T/d" | grep bad)" ''

# journals left beside a missing database
mkdir "$T/o"
cp "$T/want.db" "$T/o/x.db"
sqlite3 "$T/o/x.db" '.filectrl persist_wal 1' 'PRAGMA wal_autocheckpoint=0' \
    'DELETE FROM t WHERE id > 10' >"$T/sq"
test -s "$T/o/x.db-wal" || bail 'no -wal'
cp "$T/o/x.db-wal" "$T/wal"
rm "$T/o/x.db" "$T/o/x.db-shm"
: >"$T/o/x.db-journal"
exits 'only the main file was deleted' 0 ls-restore -o "$T/o/x.db" "$R"
like 'a warning' "$err" 'level=warn .*moved aside.*x.db-wal'
ok 'the -wal is kept under another name' cmp "$T/wal" "$T"/o/x.db-wal.orphan-*
nok 'and is not beside it any more' ls "$T/o/x.db-wal"
nok 'nor is the -journal' ls "$T/o/x.db-journal"
is 'so all rows are there' "$(sql "$T/o/x.db" 'SELECT count(*) FROM t')" \
    "$(sql "$T/want.db" 'SELECT count(*) FROM t')"

# SQLite's own check
exits '--integrity-check full' 0 \
    ls-restore -q --integrity-check full -o "$T/d/c.db" "$R"
is 'leaves nothing beside it' "$(ls -A "$T/d" | grep '^c.db')" c.db
cp "$T/want.db" "$T/corrupt.db"
printf 'zzzzzzzz' | dd of="$T/corrupt.db" bs=1 seek=4100 conv=notrunc 2>"$T/dd"
ls-snapshot "$T/corrupt.db" >"$T/corrupt.ltx"
exits 'a database that fails it' 102 \
    ls-restore -q --integrity-check quick -o "$T/d/i.db" - <"$T/corrupt.ltx"
like 'is said to' "$err" 'integrity check: '
is 'and not published' "$(ls -A "$T/d" | grep i.db)" ''

# a full LTX of a live database
ls-snapshot "$T/want.db" >"$T/s.ltx"
exits 'ls-snapshot to ls-restore' 0 ls-restore -q -o "$T/d/s.db" - <"$T/s.ltx"
ok 'is the database' pages_equal "$T/want.db" "$T/d/s.db"
mkdir "$T/put"
ls-put "file://$T/put" <"$T/s.ltx"
exits 'and through ls-put' 0 ls-restore -q -o "$T/d/p.db" "file://$T/put"
ok 'too' pages_equal "$T/want.db" "$T/d/p.db"
exits 'of what is no database' 102 ls-snapshot "$T/d/text.db"
exits 'of what is not there' 1 ls-snapshot "$T/d/nothing.db"

# owner and mode
exits '--mode' 0 ls-restore -q --mode 0600 -o "$T/d/m.db" "$R"
is 'is the mode' "$(stat -c %a "$T/d/m.db")" 600
if test "$(id -u)" = 0; then
	mkdir "$T/own"; chown 65534:12 "$T/own"
	exits 'as root' 0 ls-restore -q -o "$T/own/m.db" "$R"
	is 'pain 630: the owner is that of the folder' "$(stat -c %u:%g "$T/own/m.db")" \
	    65534:12
	is 'of the state folder as well' \
	    "$(stat -c %u:%g "$T/own/.m.db-litestream")" 65534:12
	exits '--owner' 0 ls-restore -q --owner 7:8 -o "$T/own/n.db" "$R"
	is 'is the owner' "$(stat -c %u:%g "$T/own/n.db")" 7:8
else
	for i in 1 2 3 4 5; do skip "owner $i" 'not root'; done
fi

# usage
exits 'a URL without -o' 100 ls-restore "$R"
exits '-t and --txid' 100 ls-restore -t "$at" --txid 0000000000000001 -o x "$R"
exits 'no source' 100 ls-restore -o x
done_testing
