#!/bin/sh
# What people mistype: every program says what is wrong, in one line, and
# ends with 100; and what it cannot print is an error. (litestream says it as
# Litestream does: tests/compat/front.t.)
# run: asan
. tests/lib.sh
need sqlite3
set -- $(ls bin | sed -n 's/[.]c$//p' | grep -v '^litestream$')

make_db "$T/a.db" 10
make_db "$T/b.db" 10
R=file://$T/r
ls-snapshot -q "$T/a.db" >"$T/full.ltx" || bail 'no LTX file'
ls-put -f "$R" <"$T/full.ltx" || bail 'no replica'
name=$(ls "$T"/r/ltx/0)
cd "$T" || exit 1

for p; do
	exits "$p: an unknown option" 100 "$p" --nonsense
	like "$p: is named" "$err" '^'"$p"': usage: .*--nonsense'
	is "$p: in one line" "$(printf '%s\n' "$err" | wc -l)" 1
	exits "$p: -h" 0 "$p" -h
	exits "$p: -h to a full disk" 111 sh -c "$p -h >/dev/full"
	exits "$p: -V to a full disk" 111 sh -c "$p -V >/dev/full"
	like "$p: is said" "$err" "^$p: fatal: .*No space left"
done

# usage NAME CODE-100 ERE CMD...
usage() {
	u=$1 ere=$2; shift 2
	exits "$u" 100 "$@" </dev/null
	like "$u: is said" "$err" "^$1: usage: .*$ere"
	is "$u: nothing else is" "$out" ''
}
for p in ls-list ls-prune ls-snapshot ls-put; do
	usage "$p: an option after the operand" '-T after a.db' "$p" a.db -T
done
usage 'ls-get: the same' '-l after' ls-get "$R" "$name" -l
usage 'ls-dump: the same' '-p after' ls-dump full.ltx -p
usage 'ls-sync: the same' '--any after' ls-sync a.db --any
usage 'ls-status: the same' '-j after' ls-status run/x -j
usage 'ls-conf: the same' '-s after' ls-conf --init . -s
usage 'ls-walship: the same' '--once after' ls-walship a.db "$R" --once
usage 'ls-restore: the same' '-o after' ls-restore "$R" -o x.db
usage 'ls-restore: a path and a URL' '-o a.db' ls-restore a.db "$R"
usage 'ls-restore: two URLs' 'one' ls-restore -o x.db "$R" "$R"
cp full.ltx ./-p
exits 'what follows -- is no option' 0 ls-dump -- -p
exits 'ls-restore: options of the program are its own' 0 \
    ls-restore -q -o r.db "$R" echo -o ran
is 'ls-restore: which has them' "$out" '-o ran'
start sync ls-walship --run-dir "$T/run" a.db "$R" -x sh -c \
    'ls-sync -w 10s none/../a.db && exit 5'
ended sync
is 'ls-walship: -x after operands, and options of the program' "$status" 5
usage 'ls-walship: two pairs' 'b.db is no replica URL' \
    ls-walship a.db "$R" b.db "file://$T/r2"
usage 'ls-walship: only a URL' 'path' ls-walship "$R"
usage 'ls-list: two databases' 'b.db is one .*too many' ls-list a.db b.db
usage 'ls-prune: two URLs' 'too many' ls-prune a.db "$R" "$R"
usage 'ls-prune: not a number' 'not a number' ls-prune --daily x "$R"
usage 'ls-snapshot: a path and a URL' 'too many' ls-snapshot a.db "$R"
usage 'ls-get: two URLs' 'one replica' ls-get "$R" "file://$T/r2"
usage 'ls-put: two URLs' 'one replica' ls-put "$R" "file://$T/r2"
usage 'ls-get: no KEY' 'KEY' ls-get "$R"
usage 'ls-get: a KEY that leads out' 'leads out' ls-get "$R" ../x
usage 'a URL and a configuration' '-c' ls-list -c x.yml "$R"

for p in ls-list ls-prune ls-restore 'ls-snapshot -r' ls-sync; do
	usage "$p: an unset variable" 'empty' $p ''
done
usage 'ls-walship: an unset variable' 'no replica URL' ls-walship a.db ''

usage 'ls-restore: --all and a URL' "$R is" ls-restore --all "$R"
usage 'ls-restore: - without -o' '-o OUT' ls-restore -
usage 'ls-restore: a check nobody knows' 'maybe' \
    ls-restore -o x.db --integrity-check maybe "$R"
usage 'ls-snapshot: a URL' 'goes with -r' ls-snapshot "$R"
usage 'ls-get: an empty KEY' 'KEY is empty' ls-get "$R" ''
usage 'ls-put: an empty KEY' 'KEY is empty' ls-put -r "$R" ''
usage 'ls-put: a KEY that is a folder' 'dir/ is a folder' ls-put -r "$R" dir/
usage 'ls-status: a lag below nothing' 'duration' ls-status --max-lag -5s
exec 9>&- # whoever runs the tests may hold it, as a lock
usage 'ls-walship: a descriptor that is not open' '-d 9 is not open' \
    ls-walship --once -d 9 a.db "$R"
usage 'ls-walship: no descriptor' '-d takes' ls-walship --once -d -1 a.db "$R"
usage 'ls-statusd: a descriptor that is not open' '-d 9 is not open' \
    ls-statusd -d 9 -a 127.0.0.1:1
usage 'ls-conf: both' 'one of' ls-conf -s -r

# ls-restore without an operand
exits 'ls-restore: nothing said' 100 ls-restore
like 'ls-restore: the ways out are' "$err" 'DB_PATH and REPLICA_URL'
exits 'ls-restore: of the environment' 0 \
    env DB_PATH="$T/new.db" REPLICA_URL="$R" ls-restore
ok 'ls-restore: is restored' test -s new.db
cat >one.yml <<E
dbs: [ { path: $T/c.db, replica: { url: "$R" } } ]
E
exits 'ls-restore: the one of the configuration' 0 ls-restore -c one.yml
ok 'ls-restore: it too' test -s c.db
cat >two.yml <<E
dbs:
  - { path: $T/d1.db, replica: { url: "$R" } }
  - { path: $T/d2.db, replica: { url: "file://$T/r2" } }
E
usage 'ls-restore: one of several' 'd1.db.*d2.db' ls-restore -c two.yml

# --txid
for t in 1 0001 0000000000000001; do
	exits "--txid $t" 0 ls-restore -n --txid $t "$R"
done
for t in '' 0 g 0x1 ' 1' 1- 00000000000000001; do
	usage "--txid '$t'" 'TXID' ls-restore -n --txid "$t" "$R"
done
exits '--txid in capitals' 1 ls-restore -n --txid AB "$R"
like '--txid in capitals: is that number' "$err" 00000000000000ab

# a closed or full standard output
set -- "ls-list $R" "ls-list -j $R" "ls-prune -n $R" "ls-get $R $name" \
    'ls-dump full.ltx' 'ls-dump -j full.ltx' 'ls-snapshot a.db' \
    "ls-restore -n $R" "ls-restore -q -o - $R" 'ls-conf -c two.yml -s' \
    'ls-conf -c two.yml' 'ls-conf --init .' 'ls-status' 'ls-status -j'
for c; do
	exits "$c: to a full disk" 111 sh -c "$c >/dev/full"
	like "$c: is said" "$err" 'fatal: .*No space left'
	exits "$c: to nobody" 111 sh -c "$c >&-"
done

# What is not there, cannot be read or is something else: one line, naming it.
# bad NAME CODE ERE CMD...
bad() {
	b=$1 code=$2 ere=$3; shift 3
	exits "$b" "$code" "$@" </dev/null
	like "$b: is said" "$err" "^$1: (fatal|usage): .*$ere"
	is "$b: once" "$(printf '%s\n' "$err" | wc -l)" 1
}
mkdir dir
for p in ls-list ls-prune 'ls-snapshot -r' 'ls-restore -n'; do
	bad "$p: an unknown scheme" 102 'gopher' $p gopher://x/y
done
for p in ls-list ls-prune 'ls-snapshot -r' 'ls-restore -n'; do
	bad "$p: no replica known" 102 'a.db has no replica.*REPLICA_URL' $p a.db
	bad "$p: a configuration not there" 102 'none.yml.*No such' \
	    $p -c none.yml a.db
	bad "$p: a folder for a configuration" 102 'dir is a folder' \
	    $p -c dir a.db
done
for p in ls-list ls-prune 'ls-snapshot -r' 'ls-restore -n' ls-get ls-put; do
	set -- "$R"
	test "$p" != ls-get && test "$p" != ls-put || set -- "$R" x
	bad "$p: a replica of another name" 102 'named zz; there is file' \
	    $p --replica zz "$@"
done
bad 'ls-dump: a file not there' 1 'none.ltx.*No such' ls-dump none.ltx
bad 'ls-dump: a folder' 102 'dir.*directory' ls-dump dir
bad 'ls-snapshot: a database not there' 1 'none.db' ls-snapshot none.db
bad 'ls-snapshot: a folder' 102 'dir.*folder' ls-snapshot dir
LS_RUN_DIR=$T/none
bad 'ls-status: nothing running' 1 'is ls-walship running.*walship.status.*No such' ls-status
bad 'ls-status: a folder' 102 'dir.*directory' ls-status dir
bad 'ls-sync: nothing running' 111 'walship.sock.*is ls-walship running.*No such' ls-sync -w 0s
bad 'ls-conf: a file not there' 102 'none.yml.*No such' ls-conf -c none.yml
bad 'ls-conf --init: a folder not there' 1 'none.*No such' ls-conf --init none
echo text >text
for p in ls-list ls-prune 'ls-restore -n'; do
	bad "$p: a file for a replica" 102 'text.*Not a directory' \
	    $p "file://$T/text"
done
bad 'ls-restore: nothing on standard input' 102 'standard input is empty' \
    ls-restore -o x.db -
exits 'ls-restore: text on standard input' 102 \
    sh -c 'ls-restore -o x.db - <text'
like 'ls-restore: is said' "$err" 'standard input: .*byte'
done_testing
