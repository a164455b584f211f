#!/bin/bash
# ls-tend beside a real ls-walship, its levels seconds apart.
. tests/lib.sh
need sqlite3 python3
need_peer versitygw ltx litestream-0.5
litestream=$PEERS/litestream-0.5

# ls-tend finds its programs beside itself: here, so that some can be others.
mkdir "$T/bin"
cp "$BUILD/bin/ls-tend" "$T/bin"
for p in ls-conf ls-list ls-compact ls-snapshot ls-prune; do
	ln -s "$BUILD/bin/$p" "$T/bin"
done
cat >"$T/bin/ls-verify" <<END
#!/bin/sh
echo "\$*" >>"$T/proofs"
cat "$T/proof" 2>/dev/null
test ! -e "$T/proof.temp" || exit 111
test ! -e "$T/proof.fails"
END
chmod +x "$T/bin/ls-verify"

conf() { # NAME URL [LINE...]: a configuration, $T/NAME.yml
	n=$1 u=$2; shift 2
	{
		printf 'dbs:\n  - path: %s\n    replica: {url: "%s"}\n' \
		    "$T/$n.db" "$u"
		echo 'levels: [{interval: 1s}, {interval: 2s}, {interval: 4s}]'
		printf '%s\n' "$@"
	} >"$T/$n.yml"
}
short='snapshot: {interval: 4s, retention: 6s}
l0-retention: 2s
l0-retention-check-interval: 1s'
commit() { # NAME: one more state
	sql "$T/$1.db" "UPDATE t SET v = hex(randomblob(48)) WHERE id < 20;
	    INSERT INTO t(v) VALUES (hex(randomblob(3000)))"
}
shipped() { ls-sync -w 20s "$T/$1.db"; }
walship() { start "walship_$1" ls-walship -c "$T/$1.yml"; }
tend() { start "tend_$1" "$T/bin/ls-tend" -c "$T/$1.yml"; }
level() { ls "$1/ltx/$2" 2>/dev/null | wc -l; }
largest() { ls "$1" | tail -1 | cut -c 18-33; }
tended() { grep -q "level	n=$2	txid=$3" "$LS_RUN_DIR/tend.status"; }
settled() { grep -q "settled=$2" "$T/.$1.db-litestream/tend"; }
ctxt() { awk '/ctxt_switches/ { n += $2 } END { print n }' /proc/$1/status; }
restores() { # NAME URL DB: ours and theirs are the database
	pages "$3" "$T/want"
	rm -f "$T/o.db" "$T/p.db"
	ls-restore -q -o "$T/o.db" "$2" >"$T/o.err" 2>&1
	cmp -s "$T/o.db" "$T/want" && pass "$1" || fail "$1" "$(cat "$T/o.err")"
	"$litestream" restore -o "$T/p.db" "$2" >"$T/o.err" 2>&1
	cmp -s "$T/p.db" "$T/want" && pass "$1 (Litestream)" ||
	    fail "$1 (Litestream)" "$(cat "$T/o.err")"
}
verified() { # FOLDER: every object of it
	find "$1" -name '*.ltx' -exec "$PEERS/ltx" verify {} +
}
boundaries() { # NAME FOLDER URL: each end of a file of level 1 restores
	bad=
	for f in "$2"/ltx/1/*; do
		x=$(basename "$f" | cut -c 18-33)
		rm -f "$T/o.db" "$T/p.db" "$T/q.db"
		ls-restore -q --txid "$x" -o "$T/o.db" "$3" 2>/dev/null || continue
		"$litestream" restore -txid "$x" -o "$T/p.db" "$3" >/dev/null 2>&1
		# what retention took meanwhile is no boundary any more
		cmp -s "$T/o.db" "$T/p.db" ||
		    ! ls-restore -q --txid "$x" -o "$T/q.db" "$3" 2>/dev/null ||
		    bad="$bad $x"
		count=$((count + 1))
	done
	is "$1" "$bad" ''
}

# ---- the life of a replica ----

make_db "$T/a.db" 300
conf a "file://$T/r" "$short"
walship a; shipped a || bail "$(cat "$T/walship_a.log")"
start tend_a sh -c 'exec "$0" -d 3 -c "$1" 3>"$2"' "$T/bin/ls-tend" \
    "$T/a.yml" "$T/ready"
ok 'ready' wait_for 10 test -s "$T/ready"
for i in $(seq 1 24); do commit a; sleep 0.4; done
count=0
boundaries 'ends of level 1, while it goes on' "$T/r" "file://$T/r"
ok 'of which there were some' test "$count" -gt 1
commit a; shipped a
max=$(largest "$T/r/ltx/0")
ok 'it settles' wait_for 30 settled a "$max"
for l in 1 2 3 9; do
	is "level $l has everything" "$(largest "$T/r/ltx/$l")" "$max"
done
ok 'pain 1104, 784: old files of level 0 are gone' test \
    "$(level "$T/r" 0)" = 1
ok 'and old snapshots' test "$(level "$T/r" 9)" -le 2
ok 'all of it is whole' verified "$T/r"
restores 'it restores' "file://$T/r" "$T/a.db"
exits 'ls-status has it too' 0 ls-status -t
like 'how far the levels reach' "$out" "level 3 to $max "
exits 'as JSON' 0 ls-status -j
like 'of each level' "$(printf '%s' "$out" | python3 -c 'import json, sys
t = json.load(sys.stdin)["databases"][0]["replicas"][0]["tend"]
print([l["txid"] for l in t["levels"] if l["level"] == 9], t["state"])')" \
    "\\['$max'\\] ok"
p=$pid_tend_a
sleep 1
before=$(ctxt "$p")
sleep 4
is 'pain 1210: idle, it is not woken once' "$(ctxt "$p")" "$before"
stop tend_a
is 'TERM: exit 0' "$status" 0
exits 'without it, replication is what counts' 0 ls-status -q
exits 'but with -t' 1 ls-status -q -t
like 'it says why' "$(ls-status -t 2>&1)" 'ls-tend .* is gone'
stop walship_a

# ---- requests ----

s3_start
mark() { at=$(wc -c <"$S3_LOG"); }
ops() { # since mark
	sleep 0.2
	tail -c +$((at + 1)) "$S3_LOG" | grep -o ' s3_[A-Za-z0-9]*' | sort |
	    uniq -c | tr -s ' \n' ' '
}
make_db "$T/s.db" 300
conf s "$(s3_url s)" 'snapshot: {interval: 24h, retention: 24h}' \
    'l0-retention: 60s'
walship s; shipped s || bail "$(cat "$T/walship_s.log")"
mark
tend s
for i in $(seq 1 12); do commit s; sleep 0.4; done
shipped s
max=$(largest "$T/s3/mybkt/s/0000")
ok 's3: level 3 has everything' wait_for 20 tended s 3 "$max"
like 'pain 234: one LIST in all' "$(ops)" ' 1 s3_ListObjectsV2 '
unlike 'pain 261, 1327: nothing goes up twice, nor in parts' "$(ops)" 's3_(Create|Complete|UploadPart)'
p=$pid_tend_s q=$pid_walship_s
sleep 9 # what follows writing: checkpoints, connections closed
mark; before=$(ctxt "$p") others=$(ctxt "$q/task/*")
sleep 9
is 'pain 1171: idle: no request' "$(ops)" ''
is 'and not woken once' "$(ctxt "$p")" "$before"
is 'pain 992: nor ls-walship, for a connection that is kept' \
    "$(ctxt "$q/task/*")" "$others"
is 'times survive as metadata (pain 776)' "$(rm -f "$T/o.db"
    "$litestream" ltx -level 3 "$(s3_url s)" >/dev/null 2>&1
    ls-get "$(s3_url s)" "3/$(ls "$T/s3/mybkt/s/0003" | tail -1)" |
    ls-dump | sed -n 's/^time //p')" \
    "$(ls-get "$(s3_url s)" "0/$max-$max.ltx" | ls-dump |
    sed -n 's/^time //p')"
restores 's3: it restores' "$(s3_url s)" "$T/s.db"
stop tend_s
stop walship_s
s3_stop

# ---- gaps ----

make_db "$T/g.db" 300
conf g "file://$T/g" 'snapshot: {interval: 24h, retention: 24h}' \
    'l0-retention: 60s'
G=$T/g/ltx L=$T/.g.db-litestream/ltx/0
x() { printf '%016x-%016x.ltx' "$1" "$1"; }
walship g
for i in 1 2 3 4 5 6; do commit g; shipped g; done
rm "$G/0/$(x 3)"
tend g
max=$(largest "$L")
ok 'pain 1459: a lost object' wait_for 20 test -e "$G/0/$(x 3)"
ok 'level 1 has everything' wait_for 20 tended g 1 "$max"
stop tend_g
for i in 1 2 3 4; do commit g; shipped g; done
n=$((0x$max + 2))
rm "$G/0/$(x $n)" "$L/$(x $n)"
tend g
ok 'pain 1155: one that is lost here too is logged' wait_for 20 grep -q \
    'level=warn.*a gap that nothing closes.*full copy' "$T/tend_g.log"
ok 'ls-walship makes a full copy' wait_for 20 grep -q \
    'full copy.*asked for' "$T/walship_g.log"
commit g; shipped g; max=$(largest "$L")
ok 'and compaction goes on over it' wait_for 20 tended g 1 "$max"
ok 'up to the end' wait_for 20 tended g 3 "$max"
is 'one copy was enough' "$(grep -c 'full copy.*asked' "$T/walship_g.log")" 1
ok 'what is there is whole' verified "$T/g"
restores 'it restores' "file://$T/g" "$T/g.db"
rm -rf "$G/0"
restores 'without level 0 too' "file://$T/g" "$T/g.db"
start second "$T/bin/ls-tend" -c "$T/g.yml"
ok 'another ls-tend leaves what one has' wait_for 10 grep -q \
    'not tended.*tend.lock is held by process' "$T/second.log"
stop second
is 'and ends as it is told' "$status" 0
stop tend_g; stop walship_g

# ---- killed ----

make_db "$T/k.db" 300
conf k "file://$T/k" "$short"
walship k; shipped k
for i in $(seq 1 8); do
	tend k
	for j in 1 2 3; do commit k; sleep 0.3; done
	# a child at work, if there is one
	for q in /proc/[0-9]*; do
		test "$(awk '/^PPid/ { print $2 }' "$q/status" 2>/dev/null)" \
		    = "$pid_tend_k" && test $((i % 2)) = 0 && kill -9 "${q#/proc/}"
	done
	stop tend_k KILL
done
tend k
commit k; shipped k
max=$(largest "$T/.k.db-litestream/ltx/0")
ok 'killed at any moment: it goes on' wait_for 30 tended k 3 "$max"
ok 'what is there is whole' verified "$T/k"
restores 'it restores' "file://$T/k" "$T/k.db"

# ---- what its programs say ----

ok 'the status has it' wait_for 5 grep -q "state=ok" "$LS_RUN_DIR/tend.status"
stop tend_k
rm "$T/bin/ls-compact"
cat >"$T/bin/ls-compact" <<'END'
#!/bin/sh
echo 'ls-compact: fatal: unable to compact: no route to the store' >&2
exit 111
END
chmod +x "$T/bin/ls-compact"
tend k
commit k; shipped k
ok 'one that fails' wait_for 10 grep -q \
    'state=failing.*error=unable to compact: no route.*error-kind=temp' \
    "$LS_RUN_DIR/tend.status"
like 'its line bears its name' "$(cat "$T/tend_k.log")" \
    '^ls-compact: fatal: unable to compact: no route'
sleep 3
ok 'is not run again and again' test \
    "$(grep -c 'no route' "$T/tend_k.log")" -le 12
ln -sf "$BUILD/bin/ls-compact" "$T/bin"
ok 'and recovers' wait_for 30 grep -q 'msg=recovered' "$T/tend_k.log"
stop tend_k
rm "$T/bin/ls-prune"
cat >"$T/bin/ls-prune" <<END
#!/bin/sh
echo x >>"$T/prunes"
printf 'refused\t0\t0000000000000001\t0000000000000001\t100\t-\n'
echo 'ls-prune: fatal: unable to prune: AccessDenied' >&2
exit 102
END
chmod +x "$T/bin/ls-prune"
tend k
for i in 1 2 3 4 5 6 7 8; do commit k; sleep 0.5; done
ok 'deletes that are refused' wait_for 20 grep -q 'refused=1' \
    "$LS_RUN_DIR/tend.status"
sleep 3
is 'are tried once' "$(wc -l <"$T/prunes")" 1
is 'and said once' "$(grep -c 'deletes are refused' "$T/tend_k.log")" 1
ln -sf "$BUILD/bin/ls-prune" "$T/bin"
stop tend_k; stop walship_k

# ---- proofs ----

make_db "$T/v.db" 30
conf v "file://$T/v" 'verify: {interval: 2s}' \
    'snapshot: {interval: 24h, retention: 24h}' 'l0-retention: 60s'
rm -f "$T/proofs"
echo '{"db":"v","replica":"x","ok":true,"txid":"00000000000000ff","time":"2026-01-01T00:00:00.000Z","bytes":1,"error":null}' \
    >"$T/proof"
walship v; shipped v; commit v; shipped v
tend v
ok 'a proof' wait_for 10 grep -q 'proven-txid=00000000000000ff' \
    "$LS_RUN_DIR/tend.status"
like 'of that replica' "$(cat "$T/proofs")" "^-c .* --proof --replica file://$T/v $T/v.db"
sleep 3
is 'none where nothing has changed' "$(wc -l <"$T/proofs")" 1
stop tend_v
tend v; sleep 3
is 'nor after a restart' "$(wc -l <"$T/proofs")" 1
stop tend_v
echo '{"db":"v","replica":"x","ok":false,"txid":null,"time":null,"bytes":1,"error":"0/x.ltx: damaged"}' \
    >"$T/proof"
: >"$T/proof.fails"
sed -i 's/00000000000000ff/0000000000000001/' "$T/.v.db-litestream/tend"
tend v
ok 'one that fails' wait_for 10 grep -q 'proven-error=0/x.ltx: damaged' \
    "$LS_RUN_DIR/tend.status"
like 'is in ls-status' "$(ls-status -t 2>&1)" 'not restorable: 0/x.ltx: damaged'
exits 'which is not healthy then' 1 ls-status -q -t
like 'is logged' "$(cat "$T/tend_v.log")" \
    'level=error.*not proven restorable.*damaged'
echo '{"db":"v","replica":"x","ok":false,"txid":null,"time":null,"bytes":1,"error":"no answer"}' \
    >"$T/proof"
: >"$T/proof.temp"
ok 'one that comes to nothing' wait_for 10 grep -q \
    'not proven yet.*no answer' "$T/tend_v.log"
sleep 1
like 'mends no failed one' "$(cat "$LS_RUN_DIR/tend.status")" \
    'proven-error=0/x.ltx: damaged'
stop tend_v
rm "$T/proof.temp" "$T/proof.fails" "$T/proof"
sed -i 's/tried=[0-9]*/tried=9999999999999/' "$T/.v.db-litestream/tend"
tend v
ok 'a clock that was ahead holds up none' wait_for 10 grep -q \
    'not proven restorable.*ls-verify failed' "$T/tend_v.log"
pass 'and to say nothing is no proof'
stop tend_v; stop walship_v
done_testing
