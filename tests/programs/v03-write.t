#!/bin/sh
# Replicas in the layout of Litestream 0.3, written, kept and restored by our
# own programs.
. tests/lib.sh
need sqlite3
pages=20 # of a log: many indexes
conf() { # URL...
	printf 'dbs:\n  - path: %s\n    min-checkpoint-page-count: %s\n' "$db" \
	    "$pages"
	printf '    replicas:\n'
	for u; do
		printf '      - format: v0.3\n        sync-interval: 10ms\n'
		printf '        url: "%s"\n        name: "%s"\n' "$u" "${u##*/}"
	done
}
up() {
	start walship ls-walship "$@" -c "$T/c.yml"
	wait_for 20 grep -qs level=info.*msg=ready "$T/walship.log" ||
	    diag "$(cat "$T/walship.log")"
}
down() { stop walship "$1"; log=$(cat "$T/walship.log"); rm "$T/walship.log"; }
writes() { # N: each shipped by itself
	w=$1
	while test "$w" -gt 0; do
		w=$((w - 1))
		sql "$db" "UPDATE t SET v = hex(randomblob(48))
		    WHERE id % 40 = abs(random()) % 40"
		ls-sync -w 20s "$db" >/dev/null
	done
}
restored() { # NAME: latest, page by page
	rm -f "$T"/r.db*
	ok "$1: restored" ls-restore -q -o "$T/r.db" "$url"
	ok "$1: page by page" pages_equal "$db" "$T/r.db"
}
# objects WHAT: names below the only generation.
objects() { (cd "$T/r/generations"/*/ && ls "$1"); }
age() { find "$T/r" -type f | xargs touch -d "$1"; }

mkdir "$T/d"
db=$T/d/a.db url=file://$T/r
make_db "$db" 800
conf "$url" >"$T/c.yml"
up
writes 12
restored 'shipped'
like 'ls-list' "$(ls-list --v03 wal "$url")" "$(ls "$T/r/generations")"
like 'ls-status' "$(ls-status)" " ok +0000000000000"
last=$(objects wal | tail -n 1 | cut -d _ -f 1)

# ---- snapshots ----
exits 'ls-snapshot -r' 0 ls-snapshot -r -c "$T/c.yml" "$db"
like 'ls-snapshot -r: says which' "$err" "snapshot made.*index=$last bytes="
is 'of the last index' "$(objects snapshots)" "00000000.snapshot.lz4
$last.snapshot.lz4"
exits 'ls-snapshot -r: once is enough' 0 ls-snapshot -r "$url"
like 'ls-snapshot -r: says so' "$err" 'there already.*index='"$last"
restored 'with a snapshot'
writes 6
restored 'after a snapshot'
exits '--listing is for others' 100 ls-snapshot -r --listing /dev/null "$url"

# ---- retention ----
exits 'ls-prune -n' 0 ls-prune -n -c "$T/c.yml" "$db"
unlike 'young: all stays' "$out" ^delete
unlike 'young: nothing is due' "$out" 'is due'
age '30 hours ago'
touch -d '26 hours ago' "$T/r/generations"/*/snapshots/"$last"*
for f in $(objects wal | awk -v l="$last" '$1 > l"_1"'); do
	touch -d '25 hours ago' "$T/r/generations"/*/wal/"$f"
done
writes 6
before=$(find "$T/r" -type f | wc -l)
exits 'ls-prune -n' 0 ls-prune -n -c "$T/c.yml" "$db"
like 'a snapshot is due' "$out" '^# a new snapshot is due, of index 000000'
like 'old: the first snapshot goes' "$out" \
    '^delete	[0-9a-f]{16}	snapshot	00000000	.*	before the snapshot'
like 'old: the second one is needed' "$out" \
    "^keep	[0-9a-f]{16}	snapshot	$last	.*needed by states"
unlike 'old: of its log nothing goes' "$out" "^delete.*wal	$last"
like 'old: the log before goes' "$out" '^delete.*wal	00000000'
is 'and -n does nothing' "$(find "$T/r" -type f | wc -l)" "$before"
exits 'ls-prune -0: there is no level 0' 0 ls-prune -0 -c "$T/c.yml" "$db"
is 'nothing went' "$(find "$T/r" -type f | wc -l)" "$before"
exits 'ls-prune' 0 ls-prune -c "$T/c.yml" "$db"
like 'ls-prune makes the snapshot' "$err" 'snapshot made.*index='
like 'ls-prune says what went' "$err" 'pruned.*deleted=[1-9]'
is 'two snapshots' "$(objects snapshots | wc -l)" 2
is 'no log before the first of them' "$(objects wal | head -n 1)" \
    "${last}_00000000.wal.lz4"
restored 'pruned'
rm -f "$T"/r.db*
ok 'within the retention' ls-restore -q -t \
    "$(date -u -d '23 hours ago' +%Y-%m-%dT%H:%M:%SZ)" -o "$T/r.db" "$url"
ok 'within the retention: whole' integrity "$T/r.db"
exits 'again' 0 ls-prune -c "$T/c.yml" "$db"
like 'again: nothing more' "$err" 'pruned.*deleted=0'
writes 3
down
restored 'after the end'
# with nothing but plain tools: the newest snapshot, then each log
by_hand() {
	g=$(echo "$T/r/generations"/*)
	s=$(ls "$g/snapshots" | tail -n 1) s=${s%%.*}
	lz4 -dqc "$g/snapshots/$s.snapshot.lz4" >"$T/r.db"
	for i in $(ls "$g/wal" | awk -F_ -v s="$s" '$1 "" >= s "" { print $1 }' |
	    uniq); do
		for f in "$g/wal/${i}_"*; do lz4 -dqc "$f"; done >"$T/r.db-wal"
		sqlite3 "$T/r.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	done
	pages_equal "$db" "$T/r.db"
}
rm -f "$T"/r.db*
if command -v lz4 >/dev/null; then
	ok 'pain 406: restored by hand, with lz4, cat and sqlite3' by_hand
else
	skip 'pain 406: restored by hand' 'no lz4'
fi
unlike 'the writer goes on with its generation' "$log" 'new generation.*lost'
is 'one generation' "$(ls "$T/r/generations" | wc -l)" 1

# ---- what cannot be read takes the place of nothing ----
age '30 hours ago'
s=$(objects snapshots | tail -n 1)
cp -p "$T/r/generations"/*/snapshots/"$s" "$T/keep"
printf 'x%.0s' $(seq 60) | dd of="$(echo "$T/r/generations"/*/snapshots/"$s")" \
    bs=1 seek=300 conv=notrunc 2>/dev/null
touch -d '29 hours ago' "$T/r/generations"/*/snapshots/"$s"
before=$(find "$T/r" -type f | sort)
exits 'a damaged snapshot: nothing of it goes' 102 ls-prune "$url"
like 'and it is said' "$err" 'nothing of generation [0-9a-f]* is deleted'
is 'a damaged snapshot: all is there' "$(ls $before)" "$before"
cp -p "$T/keep" "$(echo "$T/r/generations"/*/snapshots/"$s")"
exits 'whole again' 0 ls-prune "$url"
like 'whole again: it goes' "$err" 'deleted=[1-9]'
restored 'whole again'

# ---- generations ----
first=$(ls "$T/r/generations")
rm "$T"/d/.a.db-litestream/v03-*
up
writes 5
down
is 'without its position another begins' "$(ls "$T/r/generations" | wc -l)" 2
like 'and it is said' "$log" 'new generation.*no position of it is kept here'
restored 'another generation'
touch -d '30 hours ago' "$T/r/generations/$first"/*/*
exits 'the state of a day ago is in the first' 0 ls-prune "$url"
is 'which stays' "$(ls "$T/r/generations" | wc -l)" 2
find "$T/r/generations" -type f ! -path "*$first*" |
    xargs touch -d '25 hours ago'
exits 'now it is in the second' 0 ls-prune "$url"
unlike 'and the first goes' "$(find "$T/r" -type f)" "$first"
restored 'all is older than the retention'
exits 'nothing there' 1 ls-snapshot -r "file://$T/empty"

# ---- killed again and again, restored at every stop ----
db=$T/d/k.db url=file://$T/k
make_db "$db" 400
conf "$url" >"$T/c.yml"
for i in 1 2 3 4; do
	up
	writes 2
	down KILL
	restored "killed $i"
done
# a position that is a step behind: the same again
up
p=$(echo "$T"/d/.k.db-litestream/v03-*)
writes 1
cp "$p" "$T/pos"
writes 1
down
cp "$T/pos" "$p"
up
writes 2
down
restored 'put twice'
is 'put twice: one generation' "$(ls "$T/k/generations" | wc -l)" 1
# damaged
echo garbage >"$p"
up
writes 1
down
like 'damaged position: said' "$log" 'new generation.*position is damaged'
restored 'damaged position'
is 'damaged position: another' "$(ls "$T/k/generations" | wc -l)" 2

# ---- two replicas, one that comes later ----
db=$T/d/two.db
make_db "$db" 400
conf "file://$T/one" >"$T/c.yml"
up
writes 3
down
conf "file://$T/one" "file://$T/two" >"$T/c.yml"
up
writes 3
down
for url in "file://$T/one" "file://$T/two"; do restored "${url##*/}"; done
is 'each has a position' "$(ls "$T"/d/.two.db-litestream/v03-* | wc -l)" 2

# ---- one that is away finds the local file it ended with ----
db=$T/d/away.db url=file://$T/away
make_db "$db" 400
{ echo 'l0-retention: 1s'; conf "$url"
  printf '      - url: "file://%s"\n' "$T/five"; } >"$T/c.yml"
up
writes 3
mv "$T/away" "$T/far"
: >"$T/away" # no folder any more
for i in 1 2 3; do
	sql "$db" "INSERT INTO t(v) VALUES ('more')"
	sleep 0.1
done
n=$(sed -n 's/^txid //p' "$T"/d/.away.db-litestream/v03-*)
ok 'the local files before go' wait_for 20 sh -c \
    'test "$(ls "$1" | head -n 1)" = "$2-$2.ltx"' sh \
    "$T/d/.away.db-litestream/ltx/0" "$n"
down KILL
rm "$T/away"
mv "$T/far" "$T/away"
up
writes 2
restored 'back again'
is 'back again: one generation' "$(ls "$T/away/generations" | wc -l)" 1
down

# ---- a generation that LTX files followed, in a copy made while these grew ----
db=$T/d/copy.db url=file://$T/copy
make_db "$db" 10
conf "$url" >"$T/c.yml"
once() { ls-walship --once --run-dir '' "$@" 2>"$T/once.log" || bail "$(cat "$T/once.log")"; }
once -c "$T/c.yml"
rm -r "$T/d/.copy.db-litestream"
for i in 1 2 3; do
	sql "$db" "UPDATE t SET v = 'newer$i' WHERE id = 1"
	once "$db" "$url"
done
mkdir "$T/copied"
cp -r "$T/copy/ltx" "$T/copied"
first=$(ls "$T/copied/ltx/0" | head -n 1)
touch -d '+3 hours' "$T/copied/ltx/0/$first" # as if made so long before
sleep 1.1
cp -r "$T/copy/generations" "$T/copied"
exits 'a copy of an older generation beside LTX files' 0 \
    ls-restore -o "$T/copied.db" "file://$T/copied"
is 'does not pass for the newer one' \
    "$(sql "$T/copied.db" 'SELECT v FROM t WHERE id = 1')" newer3
like 'and there is a warning' "$err" 'newer cannot be told'
done_testing
