#!/bin/bash
# ls-tend and databases that come while it runs: found in a folder, registered
# at the socket of ls-walship.
. tests/lib.sh
need sqlite3 python3

mkdir "$T/bin" "$T/d"
cp "$BUILD/bin/ls-tend" "$T/bin"
for p in ls-conf ls-list ls-snapshot ls-verify; do
	ln -s "$BUILD/bin/$p" "$T/bin"
done
for p in ls-compact ls-prune; do # they say what they are told
	printf '#!/bin/sh\necho "$*" >>"%s"\ncat "%s" 2>/dev/null && exit 102
exec "%s" "$@"\n' "$T/$p.args" "$T/$p.says" "$BUILD/bin/$p" >"$T/bin/$p"
	chmod +x "$T/bin/$p"
done
ask() { # LINE: a request to ls-walship
	python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n"); print(s.recv(9000).decode())' \
	    "$LS_RUN_DIR/walship.sock" "$1"
}
conf() { # LINE...
	cat >"$T/c.yml" <<-END
	levels: [{interval: 1s}]
	snapshot: {interval: 1h, retention: 333h}
	l0-retention: 2s
	l0-retention-check-interval: 1s
	verify-compaction: true
	validation: {interval: 3s}
	dbs:
	  - dir: $T/d
	    pattern: '*.db'
	    watch: true
	    replica: {path: $T/r}
	END
	printf '%s\n' "$@" >>"$T/c.yml"
}
# compacted DB FOLDER: commits until there is a level 1
compacted() {
	for i in $(seq 40); do
		sql "$1" "INSERT INTO t(v) VALUES ($i)"
		test -d "$2/ltx/1" && return 0
		sleep 0.3
	done
	return 1
}
conf
start walship ls-walship -c "$T/c.yml"
start tend "$T/bin/ls-tend" -c "$T/c.yml"
wait_for 10 grep -q 'msg=ready' "$T/tend.log"
ok 'it starts where there is none yet' alive tend

make_db "$T/d/a.db" 5
ok 'one that appears in a folder is compacted' compacted "$T/d/a.db" "$T/r/a.db"
like 'by the configuration' "$(cat "$T/ls-compact.args")" \
    "^-c $T/c.yml .*--replica .* $T/d/a.db\$"
like 'verify-compaction: it is read back' "$(cat "$T/ls-compact.args")" ' --verify '
ok 'it is in the status' wait_for 5 grep -q "path=$T/d/a.db" "$LS_RUN_DIR/tend.status"

make_db "$T/o.db" 5
like 'one is registered' "$(ask "register	$T/o.db	file://$T/ro")" '"ok":true'
ok 'it is compacted' compacted "$T/o.db" "$T/ro"
like 'by its URL' "$(cat "$T/ls-compact.args")" "^-l 1 --verify .* $T/o.db file://$T/ro\$"
ok 'its level 0 is pruned' wait_for 15 grep -q "$T/o.db" "$T/ls-prune.args"
like 'by the retention of all, not by the default' \
    "$(grep "$T/o.db" "$T/ls-prune.args")" '--retention 333h(0m0s)? --l0-retention 2s'
ls-sync -w 10s "$T/o.db"
ok 'it restores' ls-restore -q -o "$T/o2.db" "file://$T/ro"
ok 'to what it is' pages_equal "$T/o2.db" "$T/o.db"

ask "unregister	$T/o.db" >/dev/null
free() { flock -n "$T/.o.db-litestream/tend.lock" true; }
ok 'one that is registered no more is let go' wait_for 40 free
like 'and taken on elsewhere' "$(ask "register	$T/o.db	file://$T/ro2")" '"ok":true'
ok 'is tended there' compacted "$T/o.db" "$T/ro2"

# validation: a file of level 1 that is lost, of which nothing else tells
for i in 1 2 3; do
	sql "$T/d/a.db" "INSERT INTO t(v) VALUES ($i)"; ls-sync -w 9s "$T/d/a.db"; sleep 1.2
done
sleep 1.5
nok 'validation: no fault where there is none' grep -q 'validation error' "$T/tend.log"
lost=$(ls "$T/r/a.db/ltx/1" | sed -n 2p)
test "$(ls "$T/r/a.db/ltx/1" | wc -l)" -gt 2 || bail 'too few files'
mv "$T/r/a.db/ltx/1/$lost" "$T/lost"
sql "$T/d/a.db" "INSERT INTO t(v) VALUES (1)"
ok 'validation: a lost file is found' wait_for 60 grep -q \
    "level=error.*validation error detected.*level 1.*${lost%-*}" "$T/tend.log"
ok 'and in the status' wait_for 20 grep -q "proven-error=validation: level 1" "$LS_RUN_DIR/tend.status"
counts() { # RESULT: of level 1
	ls-status -p 2>/dev/null | sed -n "s|^litestream_validation_checks_total{db=\"$T/d/a.db\",level=\"1\",result=\"$1\"} ||p"
}
ok 'and counted' test "$(counts invalid)" -ge 1
good=$(counts success)
ok 'as those before it were' test "$good" -ge 1
cp "$T/lost" "$T/r/a.db/ltx/1/$lost"
ok 'until it is back' wait_for 15 sh -c '! grep -q proven-error "$1"' - "$LS_RUN_DIR/tend.status"
more() { test "$(counts success)" -gt "$good"; }
ok 'which counts, too' wait_for 20 more

counted() { ls-status -p | grep -q "^$1{db=\"$T/d/a.db\"} $2\$"; }
metric=litestream_compaction_verify_error_count
ok 'no compaction was unsound' counted $metric 0
printf 'unsound\t1\t0000000000000001\t0000000000000002\t100\t-\n' \
    >"$T/ls-compact.says"
sql "$T/d/a.db" "INSERT INTO t(v) VALUES (1)"
ok 'until one was' wait_for 15 counted $metric '[1-9]'
rm "$T/ls-compact.says"
if command -v promtool >/dev/null; then
	ls-status -p 2>/dev/null | promtool check metrics 2>&1 |
	    grep -v '^litestream_' >"$T/lint"
	is 'promtool has nothing against what is ours' "$(cat "$T/lint")" ''
else
	skip 'promtool has nothing against what is ours' 'no promtool'
fi

# what cannot be read says nothing about how long to keep
conf '  - nonsense'
make_db "$T/p.db" 5
like 'registered meanwhile' "$(ask "register	$T/p.db	file://$T/rp")" '"ok":true'
ok 'a configuration that cannot be read is told' wait_for 10 grep -q \
    "level=error.*not tended.*db=$T/p.db" "$T/tend.log"
nok 'and nothing is done by defaults' grep -q "$T/p.db" "$T/ls-compact.args"
conf
ok 'until it can' compacted "$T/p.db" "$T/rp"
stop tend
is 'TERM: exit 0' "$status" 0

conf 'verify: {interval: 1s}'
start tend "$T/bin/ls-tend" -c "$T/c.yml"
proofs() { # STATUS COUNT
	ls-status -p | grep -q "^litestream_replica_validation_total{db=\"$T/d/a.db\",name=\"file\",status=\"$1\"} $2\$"
}
ok 'a restart counts from 0' wait_for 10 proofs ok 0
sql "$T/d/a.db" "INSERT INTO t(v) VALUES (1)"
ok 'a proof is counted' wait_for 30 proofs ok '[1-9]'
ok 'as what it came to' proofs error 0

# last: what a store that is not there costs delays the others
make_db "$T/q.db" 5
ask "register	$T/q.db	sftp://u:hidden@127.0.0.1:1/q" >/dev/null
ask "unregister	$T/q.db" >/dev/null
like 'a secret in a URL: who does not get it is said' \
    "$(cat "$T/walship.log")" "level=warn msg=\"ls-tend does not get .*db=$T/q.db"
unlike 'and not the secret' "$(cat "$T"/*.log)" hidden
unlike 'of others nothing is' "$(cat "$T/walship.log")" 'does not get.*o.db'
stop tend
stop walship
done_testing
