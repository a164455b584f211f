#!/bin/bash
# Points in time of a replica with 3,000 level-0 objects on a real S3 server:
# which requests they cost. -n plans and reads no file, so the objects have
# the names, times and headers they should and the body of another.
# run: asan
. tests/lib.sh
need sqlite3 python3
need_peer versitygw
N=3000
make_db "$T/a.db" 20
"$BUILD/tests/ltxmake" db block 1 1 "$T/a.db" >"$T/1.ltx" || bail ltxmake
"$BUILD/tests/ltxmake" db block 2 2 "$T/a.db" 2 >"$T/2.ltx" || bail ltxmake
s3_start
# TXID i was committed i minutes after T0; odd ones with i % 100 < 50 of the
# first thousand were compacted. what: where level 0 begins
fill() { # FOLDER FIRST
	python3 - "$T" "$S3_DIR/mybkt/$1" $2 $N <<-'E'
	import os, struct, sys
	t, d, first, n = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
	one, two = (open(f'{t}/{i}.ltx', 'rb').read() for i in '12')
	def put(level, a, b):
	    x = bytearray(one if a == 1 else two)
	    ms = 1700000000000 + b * 60000
	    x[16:40] = struct.pack('>QQQ', a, b, ms)
	    f = f'{d}/{level:04x}/{a:016x}-{b:016x}.ltx'
	    os.makedirs(os.path.dirname(f), exist_ok=True)
	    open(f, 'wb').write(x)
	    os.utime(f, (ms / 1000 + 1, ms / 1000 + 1))
	for i in range(first, n + 1): put(0, i, i)
	if first == 1: put(2, 101, 200)
	E
}
fill a 1
at() { date -u -d "@$((1700000000 + $1 * 60 + ${2:-30}))" +%FT%TZ; }
U=$(s3_url a)
lists() { grep -c 'list-type=2' "$S3_LOG"; }
gets() { grep -c 's3_GetObject [ab]/' "$S3_LOG"; }
plan() { # NAME CODE OPTION...: $get: GETs that planning took
	: >"$S3_LOG"
	name=$1 code=$2; shift 2
	exits "$name" $code ls-restore -n -j "$@" "$U"
	get=$(gets) list=$(lists)
}
few() { # NAME MAX
	if test "$get" -le $2; then pass "$1: $get reads, at most $2"
	else fail "$1: at most $2 reads" "$get"; fi
}
told() { python3 -c 'import json, sys
d = json.load(sys.stdin); n = d["count"]
print(d["txid"][-4:], d["requests"]["list"], d["requests"]["get"] - n)' \
    <"$T/.out"; }

plan 'the latest' 0
is 'the latest: no read but of its files' "$get" 0
is 'the latest: LISTs of 1000 keys, as told' "$(told)" "0bb8 $list 0"
is 'one LIST for a thousand objects, one for generations of 0.3' "$list" 5
for i in 2 700 1500 2999; do
	plan "pain 930: $i minutes and a half" 0 -t "$(at $i)"
	is "is TXID $i, with the requests that were told" "$(told)" \
	    "$(printf %04x $i) $list $get"
	few "pain 930: $i minutes" 14
done
plan 'pain 930: on the minute' 0 -t "$(at 1234 0)"
like 'is that TXID' "$(told)" '^04d2 '
few 'pain 930: on the minute' 14
plan 'pain 564: later than everything' 0 -t 2030-01-01T00:00:00Z
like 'is the latest' "$(told)" '^0bb8 '
plan 'pain 564: before everything' 1 -t 2001-01-01T00:00:00Z
like 'names the earliest' "$err" 'earliest is TXID 0000000000000001 of 2023-'
few 'pain 564: before everything' 14
plan 'a mistyped TXID' 1 --txid bb80
like 'names the newest' "$err" 'newest is 0000000000000bb8$'
is 'a mistyped TXID: no read' "$get" 0
plan 'a TXID of three digits' 0 --txid 4d2
like 'is that' "$(told)" '^04d2 4 0'
exits 'one of 17 digits' 100 ls-restore -n --txid 00000000000000001 "$U"
exits 'and 0' 100 ls-restore -n --txid 0 "$U"
# inside a range that was compacted since
rm -f "$S3_DIR"/mybkt/a/0000/00000000000000{6[6-9a-f],[7-9a-b]?,c[0-7]}-*
plan 'a TXID inside a compacted range' 1 --txid 80
like 'names the nearest on both sides' "$err" \
    'not the end of a file; .*nearest .* 0000000000000065 and 00000000000000c8'
is 'and reads nothing' "$get" 0
plan 'pain 1056: a time inside a compacted range' 0 -t "$(at 150)"
like 'is the newest state before it' "$(told)" '^0065 '
few 'pain 1056: a time inside a compacted range' 14
# nothing leads to these: they are after a gap. Half a million requests would
# find no full copy either.
fill b 2000
U=$(s3_url b)
plan 'a mistyped TXID where nothing can be restored' 102 --txid bb80
is 'reads nothing' "$get" 0
plan 'pain 753, 847: TXID 1 is gone, no snapshot' 102
like 'pain 753: is said' "$err" 'TXID 0000000000000001 to 00000000000007cf are missing'
plan 'before everything' 102 -t 2001-01-01T00:00:00Z
few 'before everything' 14
# the store told other times than the headers have: copied, in one go
U=$(s3_url a)
find "$S3_DIR/mybkt/a" -name '*.ltx' -exec touch -d 2026-01-01 {} +
plan 'pain 930: a copy without its times' 0 -t "$(at 1500)"
like 'finds it' "$(told)" '^05dc '
few 'pain 930: a copy without its times' 14
# what -j says was done
rm -rf "$S3_DIR/mybkt/a"/000[1-9]
mkdir -p "$S3_DIR/mybkt/b2/0000"
cp "$T/1.ltx" "$S3_DIR/mybkt/b2/0000/0000000000000001-0000000000000001.ltx"
cp "$T/2.ltx" "$S3_DIR/mybkt/b2/0000/0000000000000002-0000000000000002.ltx"
: >"$S3_LOG"
exits 'a restore' 0 ls-restore -q -j -o "$T/o.db" "$(s3_url b2)"
is '-j tells the requests made' "$(python3 -c 'import json, sys
print(json.loads(sys.argv[1])["requests"])' "$out")" \
    "{'list': $(lists), 'get': $(grep -c 's3_GetObject b2/' "$S3_LOG")}"
exits '-n without -j' 0 ls-restore -n "$(s3_url b2)"
like 'tells bytes and requests' "$out" \
    '^# 2 files, [0-9]+ bytes, .*requests: 2 LIST, 2 GET$'
# cut objects, PR 858
for n in 0 50 99; do
	f=$S3_DIR/mybkt/b2/0000/0000000000000002-0000000000000002.ltx
	head -c $n "$T/2.ltx" >"$f"
	exits "pain 858: an object of $n bytes" 102 \
	    ls-restore -q -o "$T/cut.db" "$(s3_url b2)"
	like "pain 858: named, with what can be restored" "$err" \
	    '0000000000000002-0000000000000002.ltx: byte .*newest is 0000000000000001'
done
done_testing
