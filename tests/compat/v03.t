#!/bin/bash
# Replicas made by real Litestream 0.3.13, on file and S3, plain and
# encrypted: every state is restored to the same bytes by both, and what is
# damaged or missing is named.
# run: asan
. tests/lib.sh
need sqlite3 python3
need_peer litestream-0.3 versitygw
lite() { "$PEERS/litestream-0.3" "$@" >>"$T/lite.log" 2>&1; }
# of a test alone
ID=AGE-SECRET-KEY-1PUDJA55F3D33S7QPYJRU5SJUE5LGFPGKAXASKVMFTFMX4FPRVNTQLZSCH4
TO=age1mcrxuxetscylek8974v2t8lpv37mwax2km8ltk7ala2pke3y4pasjlgq36
OTHER=AGE-SECRET-KEY-18Y33J3WNML66RKLFQCY397DL5ZHQ70Z9PTREY6LSDAQZXH5J6EHQEQR75H

# ---- a replica of each kind, with two generations, from one database ----
s3_start
mkdir "$T/d"
db=$T/d/a.db
sqlite3 "$db" 'PRAGMA page_size=512; PRAGMA auto_vacuum=FULL;
    PRAGMA journal_mode=wal; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)' >/dev/null
cat >"$T/l.yml" <<EOF
dbs:
  - path: $db
    monitor-interval: 30ms
    checkpoint-interval: 400ms
    min-checkpoint-page-count: 40
    replicas:
      - {name: plain, path: $T/r/plain, sync-interval: 30ms, snapshot-interval: 1s}
      - {name: aged, path: $T/r/aged, sync-interval: 50ms,
         age: {identities: [$ID], recipients: [$TO]}}
      - {name: s3, type: s3, bucket: mybkt, path: db/app, endpoint: "$S3_ENDPOINT",
         region: us-east-1, force-path-style: true, sync-interval: 200ms}
EOF
write() { # N: transactions, growing and shrinking
	for i in $(seq 1 "$1"); do
		if test $((i % 7)) = 0
		then sql "$db" 'DELETE FROM t WHERE id % 2 = 0'
		else sql "$db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
		    SELECT i + 1 FROM n WHERE i < 4) INSERT INTO t(v)
		    SELECT hex(randomblob(150)) FROM n"
		fi
		sleep 0.06
	done
}
life() { # N
	start lite "$PEERS/litestream-0.3" replicate -config "$T/l.yml"
	sleep 0.4
	write "$1"
	sleep 1
	stop lite
}
life 25
pages "$db" "$T/first.db"
# what it does not see: a new generation
sql "$db" "INSERT INTO t(v) VALUES('between'); PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
life 20
pages "$db" "$T/want.db"

F=file://$T/r/plain S=$(s3_url db/app)
ls-list --v03 generations "$F" >"$T/gens"
is 'two generations' "$(tail -n +2 "$T/gens" | wc -l)" 2
old=$(tail -n +2 "$T/gens" | sort -k3 | head -n 1 | cut -f 2)
new=$(tail -n +2 "$T/gens" | sort -k3 | tail -n 1 | cut -f 2)
test -n "$new" || bail "no generation: $(cat "$T/lite.log")"
theirs=$("$PEERS/litestream-0.3" generations -config "$T/l.yml" -replica plain "$db" |
    awk 'NR > 1 { print $2, $4, $5 }' | sort)
is 'generations as Litestream lists them' "$(awk -F '\t' 'NR > 1 {
    print $2, substr($3, 1, 19) "Z", substr($4, 1, 19) "Z" }' "$T/gens" | sort)" "$theirs"
for what in snapshots wal; do
	is "$what, too" "$(ls-list --v03 $what "$F" | tail -n +2 | cut -f 2- |
	    sed 's/[.][0-9]*Z$/Z/' | tr '\t' ' ' | sort)" \
	    "$("$PEERS/litestream-0.3" $what -config "$T/l.yml" -replica plain "$db" |
	    awk 'NR > 1 { $1 = ""; print substr($0, 2) }' | sort)"
done
ls-list -j --v03 wal "$F" >"$T/wal.json"
ok 'JSON that can be read' python3 -c 'import json, sys
d = json.load(open(sys.argv[1])); assert len(d["wal"]) > 10
assert set(d["wal"][0]) == {"replica", "generation", "index", "offset", "size", "created"}' "$T/wal.json"
exits 'no LTX files' 0 ls-list "$F"
is 'their table is empty' "$out" "$(printf 'level\tmin_txid\tmax_txid\tsize\tcreated')"
like 'but not the replica' "$err" '2 generations of Litestream 0.3'

# ---- latest, of each; both of several ----
for r in "plain $F" "s3 $S"; do
	url=${r#* } name=${r%% *}
	rm -f "$T"/[olg].db*
	exits "$name: latest" 0 ls-restore -o "$T/o.db" "$url"
	like "$name: says which" "$err" "msg=restored .*format=v0.3 generation=$new"
	ok "$name: is the database" cmp "$T/o.db" "$T/want.db"
	lite restore -config "$T/l.yml" -replica $name -o "$T/l.db" "$db"
	ok "$name: is what Litestream restores" cmp "$T/o.db" "$T/l.db"
	exits "$name: the generation before" 0 ls-restore -q --generation "$old" -o "$T/g.db" "$url"
	ok "$name: is the database then" cmp "$T/g.db" "$T/first.db"
	ls-restore -q -o - "$url" >"$T/out.db"
	ok "$name: to standard output" cmp "$T/out.db" "$T/want.db"
done
like 'in WAL mode, as with Litestream' "$(od -An -tx1 -j18 -N2 "$T/out.db")" '02 02'
exits 'the plan' 0 ls-restore -n "$F"
like 'has its requests' "$out" '^# [0-9]* files, [0-9]* bytes, of generation '"$new"' .*requests: [0-9]+ LIST, [0-9]+ GET'
exits 'as JSON' 0 ls-restore -nj "$F"
ok 'that can be read' python3 -c 'import json, sys
d = json.loads(sys.argv[1]); assert d["format"] == "v0.3" and d["count"] == len(d["files"])' "$out"
exits 'what was done as JSON' 0 ls-restore -qj --beside --integrity-check full -o "$T/b.db" "$F"
ok 'too' python3 -c 'import json, sys
d = json.loads(sys.argv[1]); assert d["generation"] == sys.argv[2] and d["index"] > 0
open(sys.argv[3], "w").write(d["db"])' "$out" "$new" "$T/path"
ok 'beside' cmp "$(cat "$T/path")" "$T/want.db"
exits 'of several replicas' 0 ls-restore -c "$T/l.yml" -o "$T/m.db" "$db"
ok 'the newest' cmp "$T/m.db" "$T/want.db"

for o in -f --keep-txid "--delta $T/first.db --delta-txid 1"; do
	exits "$o: not from 0.3" 102 ls-restore $o -o "$T/f.db" "$F"
	like "$o: is said" "$err" 'newest state is one of Litestream 0[.]3.*restore without'
	is "$o: nothing is left" "$(echo "$T"/f.db*)" "$T/f.db*"
done

# ---- encrypted ----
A=file://$T/r/aged
exits 'age: no identity' 102 ls-restore -e -o "$T/a.db" "$A"
like 'age: is said' "$err" 'encrypted with age, and no identity is given'
exits 'age: another identity' 102 env LS_AGE_IDENTITIES=$OTHER ls-restore -e -o "$T/a.db" "$A"
like 'age: is said' "$err" 'none of the identities opens it'
printf '# two\n%s\n\n%s\n' $OTHER $ID >"$T/id"
exits 'age: identities from a file' 0 env LS_AGE_IDENTITIES_FILE="$T/id" ls-restore -q -o "$T/a.db" "$A"
ok 'age: is the database' cmp "$T/a.db" "$T/want.db"
exits 'age: from the configuration' 0 ls-restore -q -c "$T/l.yml" --replica aged -o "$T/a2.db" "$db"
ok 'age: is the database' cmp "$T/a2.db" "$T/want.db"
exits 'age: identities for what is plain' 0 env LS_AGE_IDENTITIES=$ID ls-restore -q -o "$T/a3.db" "$F"
exits 'age: listing needs none' 0 ls-list --v03 wal "$A"
exits 'age: no writer' 102 env LS_AGE_IDENTITIES=$ID ls-walship --once "$db" "file://$T/never"
like 'age: says so' "$err" 'nothing encrypts yet'
seg=$(ls "$T/r/aged/generations/$new/wal" | tail -n 1)
cp -rp "$T/r/aged" "$T/r/cut"
truncate -s -1 "$T/r/cut/generations/$new/wal/$seg"
exits 'age: a file cut off' 102 env LS_AGE_IDENTITIES=$ID ls-restore -o "$T/c.db" "file://$T/r/cut"
like 'age: is named' "$err" "wal/$seg: age file: damaged"

# ---- every index, and times ----
# both OURS THEIRS: options that make the same file, or both refuse
both() {
	rm -f "$T"/o.db* "$T"/l.db*
	ours=0; ls-restore -q -o "$T/o.db" $1 "$F" 2>"$T/o.err" || ours=$?
	theirs=0; lite restore -o "$T/l.db" $2 "$F" || theirs=$?
	if test $ours = 0 && test $theirs = 0; then cmp "$T/o.db" "$T/l.db"
	elif test $ours = 0 || test $theirs = 0; then
		echo "ours $ours, theirs $theirs"; cat "$T/o.err"; return 1
	fi
}
bad= n=0
for g in $old $new; do
	last=$(ls "$T/r/plain/generations/$g/wal" | tail -n 1)
	for i in $(seq 0 $((16#${last%%_*}))); do
		x=$(printf %x $i); n=$((n + 1))
		both "--generation $g --index $x" "-generation $g -index $x" >"$T/out" ||
			bad="$bad $g $x: $(cat "$T/out")"
	done
done
is "$n indexes" "$bad" ''
test $n -gt 1 || fail 'there are more' "$n"
# just after every third object (whose times have more digits than ours). Where a snapshot was made meanwhile
# Litestream may give a mixture of before and after; ours is then an older
# whole state.
python3 -c 'import json, sys, datetime as d
t = sorted(w["created"] for w in json.load(open(sys.argv[1]))["wal"])
for s in t[2::3]:
    s = d.datetime.fromisoformat(s[:-1]) + d.timedelta(milliseconds=1)
    print(s.isoformat(timespec="milliseconds") + "Z")' "$T/wal.json" >"$T/times"
bad= tried=0 same=0
for t in $(cat "$T/times"); do
	tried=$((tried + 1))
	if both "-t $t" "-timestamp $t" >"$T/out"; then same=$((same + 1))
	elif test $ours != 0 || ! integrity "$T/o.db"; then bad="$bad $t: $(cat "$T/out")"
	fi
done
is "$tried times" "$bad" ''
if test $tried -gt 0 && test $((same * 2)) -ge $tried
then pass 'most are the same as with Litestream'
else fail 'most are the same as with Litestream' "$same of $tried"; fi
exits 'before everything' 1 ls-restore -o "$T/n.db" -t 2020-01-01T00:00:00Z "$F"
like 'the earliest is named' "$err" 'no state so old; its earliest is of 20'
exits 'after the last index' 1 ls-restore -o "$T/n.db" --index 7fff "$F"
exits 'no such generation' 1 ls-restore -o "$T/n.db" --generation 0123456789abcdef "$F"
like 'those there are, are named' "$err" "$old"
exits 'a TXID' 1 ls-restore -e -o "$T/n.db" --txid 1 "$F"
like 'is none of these' "$err" 'whose states have no TXID'
exits 'an index with a time' 100 ls-restore -o "$T/n.db" -t 2020-01-01T00:00:00Z --index 1 "$F"

# ---- damaged and missing ----
again() { rm -rf "$T/r/x"; cp -rp "$T/r/plain" "$T/r/x"; X=$T/r/x/generations/$new; }
needed() { again; find "$X/snapshots" -type f ! -name '00000000*' -delete; }
refuses() { # WHAT ERE: and the way out that it names works
	exits "$1" 102 ls-restore -e -o "$T/x.db" "file://$T/r/x"
	like "$1: named" "$err" "$2"
	way=$(printf '%s\n' "$err" | sed -n 's/.*still be restored: \(--generation [^ ]* [^ ]* [^ ,]*\).*/\1/p')
	test -n "$way" || { fail "$1: a way out" "$err"; return; }
	rm -f "$T/w.db"
	ok "$1: what is before is restored" ls-restore -q $way --integrity-check full -o "$T/w.db" "file://$T/r/x"
}
# a segment between others of its index, and every one of them needed
snap=$(ls "$T/r/plain/generations/$new/snapshots" | tail -n 1)
test "$snap" != 00000000.snapshot.lz4 || bail 'no second snapshot'
mid=$(ls "$T/r/plain/generations/$new/wal" | awk -F _ '
    $1 == i && p != "" && p !~ /_00000000/ { print p; exit } { i = $1; p = $0 }')
next=$(ls "$T/r/plain/generations/$new/wal" | awk -v s="$mid" '$0 > s' | head -n 1)
test -n "$mid" && test -n "$next" || bail 'no segment in the middle'
needed; rm "$X/wal/$mid"
refuses 'a missing segment' "wal/$mid is missing|WAL.*missing"
needed; truncate -s -3 "$X/wal/$mid"
refuses 'a segment cut off' "wal/$mid: the LZ4 frame is cut off"
needed; : >"$X/wal/$mid"
refuses 'an empty segment' "wal/$mid: it is empty"
needed; printf 'X' | dd of="$X/wal/$mid" bs=1 seek=40 conv=notrunc 2>/dev/null
refuses 'a flipped byte' "wal/$mid: (LZ4 frame|a frame of it is not the one)"
needed; cp "$X/wal/$next" "$X/wal/$mid"
refuses 'another segment in its place' "wal/$mid: (a frame of it is not the one that comes|it ends inside a frame)"
# The last segment of an index leaves no trace in the names: Litestream itself
# takes what is left for whole. SQLite tells, unasked.
needed
bad= refused=0 tried=0
for seg in $(ls "$X/wal" | awk -F _ '$1 != i && p != "" && p !~ /_00000000/ {
    print p } { i = $1; p = $0 }'); do
	needed; rm "$X/wal/$seg" "$T"/x.db* 2>/dev/null; tried=$((tried + 1))
	if ls-restore -q -o "$T/x.db" "file://$T/r/x" 2>"$T/lost.err"
	then integrity "$T/x.db" 2>/dev/null || bad="$bad $seg"
	else refused=$((refused + 1)); cp "$T/lost.err" "$T/said"; lost=$seg
	fi
done
is "the last segment of each of $tried indexes: nothing broken comes out" "$bad" ''
if test $refused -gt 0; then pass "refused: $refused"; else fail 'one is refused' "$tried"; fi
needed; rm -f "$X/wal/$lost" "$T"/x.db*
like 'the likely reason is named' "$(cat "$T/said")" \
    "last WAL segment of an index from 00000000 to .* is lost.*--generation $new with --index"
exits 'with 102' 102 ls-restore -q -e -o "$T/x.db" "file://$T/r/x"
nok 'nothing is there' test -e "$T/x.db"
ok 'what came before that index is at hand' ls-restore -q --generation "$new" \
    --index "$(printf %x $((16#${lost%%_*} - 1)))" --integrity-check full -o "$T/x.db" "file://$T/r/x"
rm -f "$T"/x.db*
exits '--integrity-check none restores it as it is' 0 \
    ls-restore -q --integrity-check none -o "$T/x.db" "file://$T/r/x"
nok 'which is broken' integrity "$T/x.db"; rm -f "$T"/x.db*
ls-restore -o - "file://$T/r/x" >"$T/x.db" 2>"$T/said"
like 'to standard output: is said not to be checked' "$(cat "$T/said")" 'level=warn .*not checked'
rm -f "$T"/x.db*
needed
exits 'the last snapshot alone is gone' 0 ls-restore -q -o "$T/x.db" "file://$T/r/x"
ok 'an older one and its WAL lead there' cmp "$T/x.db" "$T/want.db"; rm -f "$T/x.db"
rm "$X"/wal/00000001_*
refuses 'a missing index' 'the WAL of index 00000001 is missing'
again; truncate -s -9 "$X/snapshots/$snap"
exits 'a damaged snapshot' 0 ls-restore -o "$T/x.db" "file://$T/r/x"
like 'is left out with a warning' "$err" "level=warn .*snapshots/$snap: .*cut off"
ok 'for an older one' cmp "$T/x.db" "$T/want.db"; rm -f "$T/x.db"
again; rm "$X"/snapshots/*
exits 'no snapshot at all' 102 ls-restore -e -o "$T/x.db" "file://$T/r/x"
like 'is said' "$err" "generation $new has no snapshot"
ok 'the other generation is there' ls-restore -q --generation "$old" -o "$T/x.db" "file://$T/r/x"; rm -f "$T/x.db"
mkdir -p "$T/r/odd/generations/$new/wal/00000000"
echo x >"$T/r/odd/generations/$new/wal/00000000/0.wal.lz4"
exits 'foreign names are not nothing' 102 ls-restore -e -o "$T/x.db" "file://$T/r/odd"

# ---- 535: a copy that lost the times ----
again; find "$T/r/x" -type f -exec touch -d 2026-01-01T00:00:00Z {} +
exits 'pain 535: all times the same' 0 ls-restore -o "$T/x.db" "file://$T/r/x"
like 'pain 535: is warned of' "$err" 'level=warn .*times of objects are no guide'
ok 'pain 535: and the newest by its content' cmp "$T/x.db" "$T/want.db"; rm -f "$T/x.db"
find "$T/r/x/generations/$old" -type f -exec touch -d 2026-01-02T00:00:00Z {} +
exits 'pain 535: the older one copied last' 0 ls-restore -o "$T/x.db" "file://$T/r/x"
like 'pain 535: is warned of' "$err" "level=warn .*smaller change counter than another.*other=$new"; rm -f "$T/x.db"
again; cp -r "$X" "$T/r/x/generations/0123456789abcdef"
find "$T/r/x" -type f -exec touch -d 2026-01-01T00:00:00Z {} +
rm -r "$T/r/x/generations/$old"
exits 'pain 535: nothing tells' 102 ls-restore -e -o "$T/x.db" "file://$T/r/x"
like 'pain 535: and --generation is the way' "$err" "$new.*choose one with --generation"

# ---- 933: both formats at one path ----
again
exits 'pain 933: restored where it will go on' 0 env DB_PATH="$T/d/b.db" REPLICA_URL="file://$T/r/x" ls-restore
find "$T/r/x" -type f | sort >"$T/had"
exits 'pain 933: replication goes on beside it' 0 ls-walship --once "$T/d/b.db" "file://$T/r/x"
unlike 'pain 933: without complaint' "$err" 'level=(warn|error)'
ok 'pain 933: with a full copy' test -s "$T/r/x/ltx/0/0000000000000001-0000000000000001.ltx"
find "$T/r/x" -type f | grep -v /ltx/ | sort >"$T/has"
ok 'pain 933: generations stay' cmp "$T/had" "$T/has"
sql "$T/d/b.db" "INSERT INTO t(v) VALUES('in LTX')"
ok 'pain 933: and goes on' ls-walship --once "$T/d/b.db" "file://$T/r/x"
exits 'pain 933: the newer one is LTX' 0 ls-restore -o "$T/x.db" "file://$T/r/x"
like 'pain 933: which is said' "$err" 'LTX files are newer than the generations'
ok 'pain 933: and restored' pages_equal "$T/x.db" "$T/d/b.db"; rm -f "$T/x.db"*
exits 'pain 933: the other is at hand' 0 ls-restore -q --generation "$new" -o "$T/x.db" "file://$T/r/x"
ok 'pain 933: as it was' cmp "$T/x.db" "$T/want.db"; rm -f "$T/x.db"
t=$(awk -F '\t' -v g="$new" '$2 == g { print $4 }' "$T/gens")
exits 'pain 933: a time before LTX' 0 ls-restore -q -t "$t" -o "$T/x.db" "file://$T/r/x"
ok 'pain 933: is of 0.3' cmp "$T/x.db" "$T/want.db"; rm -f "$T/x.db"
# generations that are damaged are no obstacle where LTX is newer
rm "$X/wal/"*_00000000.wal.lz4
exits 'pain 933: a damaged generation, and newer LTX files' 0 ls-restore -o "$T/x.db" "file://$T/r/x"
ok 'pain 933: are restored' pages_equal "$T/x.db" "$T/d/b.db"; rm -f "$T/x.db"*
# 0.3 goes on with the database
cat >"$T/back.yml" <<EOF
dbs:
  - {path: $T/d/b.db, monitor-interval: 30ms, replicas: [{path: $T/r/x, sync-interval: 30ms}]}
EOF
sleep 0.1
start lite "$PEERS/litestream-0.3" replicate -config "$T/back.yml"
sleep 0.5
sql "$T/d/b.db" "INSERT INTO t(v) VALUES('back in 0.3')"
sleep 0.8
stop lite
exits 'pain 933: 0.3 goes on, and is the newer one' 0 ls-restore -o "$T/x.db" "file://$T/r/x"
like 'pain 933: which is said' "$err" 'generation of Litestream 0.3 is newer'
ok 'pain 933: and restored' pages_equal "$T/x.db" "$T/d/b.db"; rm -f "$T/x.db"*
# a copy: LTX files that were stored long after they were made
rm -r "$T/r/x/generations/$old" "$T/r/x/generations/$new"
find "$T/r/x" -type f -exec touch {} +
find "$T/r/x/ltx" -type f -exec touch -d '+2 hours' {} +
exits 'pain 933: a copy that lost the times' 0 ls-restore -o "$T/x.db" "file://$T/r/x"
like 'pain 933: is warned of' "$err" 'level=warn .*newer cannot be told'
done_testing
