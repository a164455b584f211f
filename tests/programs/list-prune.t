#!/bin/bash
# ls-list, ls-prune and ls-snapshot -r on file replicas and on S3.
. tests/lib.sh
need sqlite3 python3
need_peer versitygw ltx
make=$BUILD/tests/ltxmake
test -x "$make" || bail "no $make"
make_db "$T/a.db" 200

changed() { # pages of B that are not those of A, none if there is no A
	test -e "$1" || return
	cmp -l "$1" "$2" | awk '{ p = int(($1 - 1) / 4096) + 1 }
	    p != last { print p; last = p }'
}

# A replica of TXIDs 1 to 40, level 0 and some of level 1, in $1.
fill() {
	mkdir -p "$1/0" "$1/1"
	for i in $(seq 1 40); do
		x=$(printf %016x $i)
		test $i = 1 || sqlite3 "$T/a.db" "PRAGMA journal_mode=delete;
		    UPDATE t SET v = 'state $i' WHERE id = $i" >/dev/null
		cp "$T/a.db" "$T/state$i"
		"$make" db block $x $x "$T/a.db" $(changed "$T/state$((i - 1))" \
		    "$T/a.db") >"$1/0/$x-$x.ltx"
		touch -d "@$((1700000000 + i * 1000))" "$1/0/$x-$x.ltx"
	done
	for i in 1 11 21 31; do
		a=$(printf %016x $i) b=$(printf %016x $((i + 9)))
		"$make" merge block $(for k in $(seq $i $((i + 9))); do
			x=$(printf %016x $k); echo "$1/0/$x-$x.ltx"; done) \
		    >"$1/1/$a-$b.ltx"
		touch -d "@$((1700000000 + i * 1000))" "$1/1/$a-$b.ltx"
	done
	: >"$1/0/notes.txt"
}
# A copy of LTX file $1 in $2 with another byte in its middle.
damage() {
	n=$(($(wc -c <"$1") / 2))
	{
		head -c $n "$1"
		tail -c +$((n + 1)) "$1" | head -c 1 | tr '\000-\377' '\001-\377\000'
		tail -c +$((n + 2)) "$1"
	} >"$2"
}
count() { ls "$1" | wc -l; }

both() { # NAME URL FOLDER LEVEL0 LEVEL1 LEVEL9, folders of the levels
	name=$1 url=$2
	exits "$name: ls-list" 0 ls-list "$url"
	is "$name: lists all" "$(printf '%s\n' "$out" | grep -c '^[01]	')" 44
	like "$name: counts what is foreign" "$out" '^# 1 other objects'
	exits "$name: -l 1" 0 ls-list -l 1 "$url"
	is "$name: one level" "$(printf '%s\n' "$out" | cut -f 1-3 | sed -n 3p)" \
	    "1	000000000000000b	0000000000000014"
	exits "$name: -x" 0 ls-list -x -l 0 "$url"
	is "$name: times of the headers" \
	    "$(printf '%s\n' "$out" | sed -n 5p | cut -f 5)" \
	    "$(ls-dump "$4/0000000000000004-0000000000000004.ltx" |
		sed -n 's/^time //p')"
	exits "$name: -j" 0 ls-list -j "$url"
	ok "$name: is JSON" python3 -c 'import json, sys
l = json.loads(sys.argv[1])
assert len(l["files"]) == 44 and l["foreign"] == 1' "$out"

	# snapshots, by merging 4 + 0 files, then more than fit open at once
	exits "$name: a snapshot" 0 ls-snapshot -r "$url"
	like "$name: of what the plan says" "$err" \
	    'snapshot made.*txid=0000000000000028.*files=4'
	snap=$6/0000000000000001-0000000000000028.ltx
	ok "$name: ltx verify" "$PEERS/ltx" verify "$snap"
	ls-restore -q -o - "$url" >"$T/o.db"
	ok "$name: is the database" cmp "$T/o.db" "$T/state40"
	exits "$name: again" 0 ls-snapshot -r "$url"
	like "$name: it is there" "$err" 'there already'
	cp "$snap" "$T/s.ltx"; rm "$snap"
	mv "$5" "$T/level1"; mkdir "$5"
	exits "$name: out of 40 files" 0 ls-snapshot -r "$url"
	like "$name: it says so" "$err" 'files=40'
	ls-restore -q -o - "$url" >"$T/o.db"
	ok "$name: is the same" cmp "$T/o.db" "$T/state40"
	ls-list "$url" | grep -v '^9' >"$T/listing"; rm "$snap"
	exits "$name: --listing, --changes" 0 \
	    ls-snapshot -r --listing "$T/listing" --changes "$url"
	is "$name: what was put is told" "$(printf '%s\n' "$out" | cut -f 1-5)" \
	    "add	9	0000000000000001	0000000000000028	$(wc -c <"$snap")"
	rmdir "$5"; mv "$T/level1" "$5"
	cp "$4/0000000000000028-0000000000000028.ltx" "$T/good"
	printf x | dd of="$4/0000000000000028-0000000000000028.ltx" bs=1 seek=300 \
	    conv=notrunc 2>"$T/dd"
	mv "$5/000000000000001f-0000000000000028.ltx" "$T/last"; rm "$snap"
	exits "$name: a damaged file" 102 ls-snapshot -r "$url"
	like "$name: is named" "$err" 'TXID 0*28|0000000000000028-0000000000000028'
	nok "$name: and no snapshot made" ls "$snap"
	mv "$T/last" "$5/000000000000001f-0000000000000028.ltx"
	cp "$T/s.ltx" "$snap"
	cat "$T/good" >"$4/0000000000000028-0000000000000028.ltx"

	# retention: snapshots of TXID 10, 30 and 40
	for i in 10 30; do
		"$make" db block 1 $(printf %x $i) "$T/state$i" \
		    >"$6/0000000000000001-$(printf %016x $i).ltx"
		touch -d "@$((1700000000 + i * 1000))" \
		    "$6/0000000000000001-$(printf %016x $i).ltx"
	done
	exits "$name: ls-prune -n" 0 ls-prune -n "$url"
	is "$name: says what goes" \
	    "$(printf '%s\n' "$out" | grep -c '^delete')" 43
	like "$name: level 0 that is compacted" "$out" \
	    '^delete	0	0000000000000001	.*compacted, past l0-retention'
	exits "$name: level 0 may stay" 0 ls-prune -n --l0-retention 0 "$url"
	is "$name: then less goes" \
	    "$(printf '%s\n' "$out" | grep -c '^delete')" 4
	like "$name: old snapshots" "$out" \
	    '^delete	9	0000000000000001	000000000000000a	.*past the retention'
	like "$name: what they covered" "$out" \
	    '^delete	1	0000000000000001	000000000000000a	.*before the newest'
	like "$name: not the newest" "$out" \
	    '^keep	9	0000000000000001	0000000000000028	.*newest'
	like "$name: nor level 0" "$out" '^keep	0	0000000000000001	.*level 0'
	exits "$name: level 0 alone" 0 ls-prune -0 -n "$url"
	is "$name: that is all but the newest" \
	    "$(printf '%s\n' "$out" | grep -c '^delete	0')" 39
	unlike "$name: and nothing else" "$out" '^delete	[19]'
	is "$name: and deletes nothing" "$(count "$6")" 3
	exits "$name: --retention" 0 \
	    ls-prune -n --retention 876000h --l0-retention 876000h "$url"
	unlike "$name: longer, nothing goes" "$out" '^delete'
	cp "$snap" "$T/s.ltx"; printf xxxxx >"$T/x"
	cat "$T/x" "$T/s.ltx" >"$snap"
	exits "$name: the snapshot that would stay is damaged" 102 ls-prune "$url"
	like "$name: nothing goes" "$err" 'nothing is deleted.*'"${snap##*/}"
	is "$name: nothing went" "$(count "$6")" 3
	head -c "$(($(wc -c <"$T/s.ltx") * 2 / 3))" "$T/s.ltx" >"$snap"
	exits "$name: it is cut short" 102 ls-prune "$url"
	like "$name: nothing goes" "$err" 'nothing is deleted.*'"${snap##*/}"
	is "$name: nothing went" "$(count "$6")" 3
	damage "$T/s.ltx" "$snap"
	exits "$name: damage inside it" 102 ls-prune "$url"
	like "$name: nothing goes" "$err" 'nothing is deleted.*'"${snap##*/}"
	is "$name: nothing went" "$(count "$6")" 3
	exits "$name: the way out" 0 ls-snapshot -r "$url"
	like "$name: goes around the damaged one" "$err" 'damaged.*'"${snap##*/}"
	ok "$name: and takes its place" "$PEERS/ltx" verify "$snap"
	rm -rf "$T/l0"; cp -r "$4" "$T/l0"
	exits "$name: ls-prune" 0 ls-prune "$url"
	like "$name: counts" "$err" 'deleted=43'
	is "$name: one snapshot is left" "$(ls "$6")" \
	    0000000000000001-0000000000000028.ltx
	is "$name: two files of level 1" "$(ls "$5" | tr '\n' ' ')" \
	    "0000000000000015-000000000000001e.ltx 000000000000001f-0000000000000028.ltx "
	is "$name: the newest of level 0" "$(ls "$4" | tr '\n' ' ')" \
	    '0000000000000028-0000000000000028.ltx notes.txt '
	ls-restore -q -o - "$url" >"$T/o.db"
	ok "$name: and the database" cmp "$T/o.db" "$T/state40"
}

fill "$T/r/ltx"
both file "file://$T/r" "$T/r" "$T/r/ltx/0" "$T/r/ltx/1" "$T/r/ltx/9"
s3_start
cp -r "$T/r" "$T/keep"; cp "$T"/l0/*.ltx "$T/keep/ltx/0"; cp "$T/state40" "$T/keep40"
cp "$T/state20" "$T/keep20"; cp "$T/state22" "$T/keep22"
d=$S3_DIR/mybkt/app
rm -rf "$T/a.db"; make_db "$T/a.db" 200
fill "$d"
mv "$d/0" "$d/0000"; mv "$d/1" "$d/0001"
both s3 "$(s3_url app)" "$d" "$d/0000" "$d/0001" "$d/0009"

# databases of a configuration, with several replicas
mkdir -p "$T/c"
cp "$T/keep40" "$T/c/a.db"
cp -r "$T/keep" "$T/c/r1"; cp -r "$T/keep" "$T/c/r2"
rm -rf "$T"/c/r[12]/ltx/9/* "$T"/c/r2/ltx/0/*[0-9a-f]1.ltx "$T"/c/r2/ltx/1
cat >"$T/c.yml" <<EOF
snapshot: { retention: 1h }
retention: { enabled: false }
dbs:
  - path: $T/c/a.db
    replicas:
      - { name: one, url: "file://$T/c/r1" }
      - { name: two, url: "file://$T/c/r2" }
EOF
exits 'ls-list of a configuration' 0 ls-list -c "$T/c.yml"
is 'has a heading for each' "$(printf '%s\n' "$out" | grep '^# file')" \
    "# file://$T/c/r1
# file://$T/c/r2"
exits 'one replica by name' 0 ls-list -c "$T/c.yml" --replica one "$T/c/a.db"
unlike 'no heading for the other' "$out" 'c/r2'
exits 'no such replica' 102 ls-list -c "$T/c.yml" --replica three "$T/c/a.db"
# local copies are read first: the damage is not seen
mkdir -p "$T/c/.a.db-litestream/ltx"
cp -r "$T/keep/ltx/0" "$T/c/.a.db-litestream/ltx/0"
rm -rf "$T"/c/r1/ltx/1
printf x | dd of="$T/c/r1/ltx/0/0000000000000005-0000000000000005.ltx" bs=1 \
    seek=300 conv=notrunc 2>"$T/dd"
exits 'ls-snapshot -r reads local copies' 0 \
    ls-snapshot -c "$T/c.yml" --replica one "$T/c/a.db"
ls-restore -q -c "$T/c.yml" --replica one -o - "$T/c/a.db" >"$T/o.db"
ok 'which are as good' cmp "$T/o.db" "$T/keep40"
exits 'one of two replicas has a gap' 102 ls-snapshot -r -c "$T/c.yml" "$T/c/a.db"
like 'which is named' "$err" "c/r2: .*TXID 0*1 to"
like 'the other is well' "$err" 'there already.*c/r1'
exits 'retention is disabled' 0 ls-prune -c "$T/c.yml"
like 'and said to be' "$err" 'retention is disabled'

# A hole in the replica, and a full copy in level 0 after it: what can be
# restored can become a snapshot, though no snapshot or a damaged one is there.
mkdir -p "$T/h/ltx/0"
for i in 1 20 21 22; do
	x=$(printf %016x $i)
	cp "$T/keep/ltx/0/$x-$x.ltx" "$T/h/ltx/0/"
done
x=$(printf %016x 20) y=$(printf %016x 22)
"$make" db block $x $x "$T/keep20" >"$T/h/ltx/0/$x-$x.ltx"
ls-restore -q -o - "file://$T/h" >"$T/o.db"
ok 'a full copy after a hole can be restored' cmp "$T/o.db" "$T/keep22"
exits 'ls-snapshot -r begins with it' 0 ls-snapshot -r "file://$T/h"
snap=$T/h/ltx/9/0000000000000001-$y.ltx
ok 'ltx verify' "$PEERS/ltx" verify "$snap"
ls-restore -q -o - "file://$T/h" >"$T/o.db"
ok 'and holds the database' cmp "$T/o.db" "$T/keep22"
mv "$snap" "$T/s.ltx"; damage "$T/s.ltx" "$snap"
exits 'a damaged snapshot in front of it' 0 \
    ls-restore -o "$T/h.db" "file://$T/h"
like 'is left out' "$err" 'damaged.*'"${snap##*/}"
ok 'and the database comes from it' cmp "$T/h.db" "$T/keep22"
exits 'ls-snapshot -r as well' 0 ls-snapshot -r "file://$T/h"
ok 'takes the place of the damaged one' cmp "$snap" "$T/s.ltx"

# a time before the newest replica begins, which another one has
mkdir -p "$T/old/ltx/0" "$T/new/ltx/9"
x=$(printf %016x 1) y=$(printf %016x 2)
LTX_TIME=1700000000000 "$make" db block 1 1 "$T/keep20" \
    >"$T/old/ltx/0/$x-$x.ltx"
LTX_TIME=1700009000000 "$make" db block 1 2 "$T/keep22" \
    >"$T/new/ltx/9/$x-$y.ltx"
cat >"$T/t.yml" <<EOF
dbs:
  - path: $T/t.db
    replicas:
      - { name: new, url: "file://$T/new" }
      - { name: old, url: "file://$T/old" }
EOF
exits 'a time that only the older replica has' 0 \
    ls-restore -c "$T/t.yml" -t 2023-11-14T23:00:00Z -o "$T/o1.db" "$T/t.db"
ok 'is found there' cmp "$T/o1.db" "$T/keep20"
exits 'and shown' 0 ls-restore -n -c "$T/t.yml" -t 2023-11-14T23:00:00Z \
    -o "$T/o2.db" "$T/t.db"
exits 'a time that neither has' 1 \
    ls-restore -c "$T/t.yml" -t 2023-11-14T22:00:00Z -o "$T/o2.db" "$T/t.db"
exits 'a later one is that of the newest' 0 \
    ls-restore -c "$T/t.yml" -t 2023-11-15T22:00:00Z -o "$T/o2.db" "$T/t.db"
ok 'and found there' cmp "$T/o2.db" "$T/keep22"

# what trying again does not help
ln -s l "$T/l"
exits 'a link to itself in the way' 102 \
    ls-restore -o "$T/l" "file://$T/old"
python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/sock"
exits 'a socket in the way' 102 ls-restore -o "$T/sock" "file://$T/old"

# an error alone: no table is begun
: >"$T/file"
exits 'a replica that cannot be listed' 102 ls-list "file://$T/file/x"
is 'is no table' "$out" ''

# deletions refused
mkdir -p "$T/ro/ltx/9"
for i in 1 2 3; do
	"$make" db block 1 $i "$T/state40" \
	    >"$T/ro/ltx/9/0000000000000001-$(printf %016x $i).ltx"
	touch -d "@170000000$i" "$T/ro/ltx/9/0000000000000001-$(printf %016x $i).ltx"
done
if test "$(id -u)" != 0 || command -v setpriv >/dev/null; then
	mkdir "$T/w"; chmod 777 "$T/w"; chmod 000 "$T"/new/ltx/9/*
	as=; test "$(id -u)" != 0 || as='setpriv --reuid 65534 --clear-groups'
	chmod 755 "$T"
	exits 'no older state where the newest cannot be read' 102 \
	    $as ls-restore -c "$T/t.yml" -o "$T/w/o.db" "$T/t.db"
	nok 'nothing is restored' test -e "$T/w/o.db"
	chmod 555 "$T/ro/ltx/9"
	exits 'deletions that are refused' 102 $as ls-prune "file://$T/ro"
	like 'are said once' "$err" 'refused=2'
	is 'in one fatal line' "$(printf '%s\n' "$err" | grep -c fatal)" 1
	chmod 755 "$T/ro/ltx/9"
else skip 'deletions that are refused' 'no setpriv'; fi
done_testing
