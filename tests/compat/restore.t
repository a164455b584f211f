#!/bin/bash
# What real Litestream 0.5 ships, on file and S3, with compactions and
# snapshots: the latest state, every TXID and times between are restored to
# the same bytes by both.
# run: asan valgrind
. tests/lib.sh
need sqlite3 python3
need_peer litestream-0.5 versitygw
# Under valgrind a restore takes a second: every fifth TXID there, all of them
# with the sanitizers.
step=1
case $BUILD in */valgrind) step=5 ;; esac
lite() { env -u AWS_CA_BUNDLE "$PEERS/litestream-0.5" "$@" >>"$T/lite.log" 2>&1; }

fill() { # DIR URL: about 40 transactions, growing and shrinking
	mkdir "$1"
	sqlite3 "$1/a.db" 'PRAGMA auto_vacuum=FULL; PRAGMA journal_mode=wal;
	    CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)' >/dev/null
	cat >"$1/lite.yml" <<-EOF
	levels: [{interval: 2s}, {interval: 4s}]
	snapshot: {interval: 3s, retention: 24h}
	l0-retention: 24h
	dbs:
	  - path: $1/a.db
	    monitor-interval: 50ms
	    replica: { url: "$2", sync-interval: 50ms }
	EOF
	start lite env -u AWS_CA_BUNDLE "$PEERS/litestream-0.5" replicate \
	    -config "$1/lite.yml"
	sleep 0.5
	for i in $(seq 1 40); do
		if test $((i % 9)) = 0
		then sql "$1/a.db" 'DELETE FROM t WHERE id % 2 = 0'
		else sql "$1/a.db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
		    SELECT i + 1 FROM n WHERE i < 30) INSERT INTO t(v)
		    SELECT hex(randomblob(100)) FROM n"
		fi
		sleep 0.18
	done
	sleep 0.5
	stop lite
}

# both WHAT OPTION VALUE THEIR-OPTION: same file, or both refuse
both() {
	rm -f "$T"/o.db* "$T"/l.db*
	ours=0; ls-restore -q -o "$T/o.db" $1 $2 "$url" 2>"$T/o.err" || ours=$?
	theirs=0; lite restore -o "$T/l.db" $3 $2 "$url" || theirs=$?
	if test $ours = 0 && test $theirs = 0; then cmp "$T/o.db" "$T/l.db"
	elif test $ours = 0 || test $theirs = 0; then
		echo "ours $ours, theirs $theirs"; cat "$T/o.err"; return 1
	fi
}

check() { # NAME DIR URL
	url=$3
	fill "$2" "$3"
	ls-list -x -j "$3" >"$T/list.json"
	ok "$1: latest" both
	pages "$2/a.db" "$T/want.db"
	ok "$1: latest is the database" cmp "$T/o.db" "$T/want.db"
	bad= n=0
	max=$(ls-list "$3" | awk -F '\t' 'NR > 1 { print $3 }' | sort | tail -n 1)
	for i in $(seq 1 $step $((16#$max))); do
		x=$(printf %016x $i); n=$((n + 1))
		both --txid $x -txid >"$T/out" || bad="$bad $x: $(cat "$T/out")"
	done
	is "$1: $n TXIDs (step $step)" "$bad" ''
	test $((n * step)) -gt 20 || fail "$1: there are more than 20" "$n"
	# just after every fourth transaction. Litestream refuses a time at which
	# it cannot see a snapshot yet; there the TXID tells what is right.
	bad= n=0 same=0
	for t in $(python3 - "$T/list.json" <<-'EOF'
		import json, sys, datetime as d
		l = [f for f in json.load(open(sys.argv[1]))['files'] if not f['level']]
		ts = sorted((d.datetime.fromisoformat(f['created'][:-1]),
		    f['max_txid']) for f in l)
		for (a, x), (b, _) in list(zip(ts, ts[1:]))[::4]:
		    if b - a > d.timedelta(milliseconds=20):
		        m = a + (b - a) / 2
		        print(m.isoformat(timespec='milliseconds') + 'Z/' + x)
		EOF
	); do
		n=$((n + 1)) x=${t#*/} t=${t%/*}
		if both -t $t -timestamp >"$T/out"; then same=$((same + 1))
		elif ! grep -q '^ours 0, theirs 1' "$T/out"; then
			bad="$bad $t: $(cat "$T/out")"
		fi
		ls-restore -q -o - --txid $x "$url" | cmp - "$T/o.db" ||
			bad="$bad $t is not $x"
	done
	test $same -gt 4 || fail "$1: Litestream takes most times" "$same of $n"
	is "$1: $n times between" "$bad" ''
	test $n -gt 4 || fail "$1: there are more than 4" "$n"
	# only what compaction and snapshots made
	ls-restore -n "$3" >"$T/plan"
	unlike "$1: the plan has no file of TXID 1 alone" "$(cat "$T/plan")" \
	    '^0	0000000000000001'
}

check file "$T/f" "file://$T/replica"
s3_start
check s3 "$T/g" "$(s3_url db/app)"

# a prefix with slashes (which this server takes off, so that one of the two
# is another spelling)
mkdir "$T/h"
make_db "$T/h/a.db" 50
cat >"$T/h.yml" <<EOF
dbs:
  - path: $T/h/a.db
    replica: { type: s3, bucket: mybkt, path: /lead/db/,
      endpoint: "$S3_ENDPOINT", region: us-east-1, force-path-style: true }
EOF
lite replicate -once -config "$T/h.yml"
exits 's3: a prefix with slashes, by its URL' 0 \
    ls-restore -o "$T/h.db" "$(s3_url lead/db)"
ok 's3: is it' pages_equal "$T/h/a.db" "$T/h.db"
exits 's3: by the configuration' 0 \
    ls-restore -c "$T/h.yml" -o "$T/h2.db" "$T/h/a.db"
ok 's3: is it, too' pages_equal "$T/h/a.db" "$T/h2.db"
exits 's3: an empty prefix is nothing' 0 \
    ls-restore -e -o "$T/none.db" "$(s3_url not/there)"
mkdir -p "$S3_DIR/mybkt/copied/ltx"
cp -r "$T/replica/ltx/0" "$S3_DIR/mybkt/copied/ltx/0" || bail 'no file replica'
exits 's3: what was copied from a file replica is not nothing' 102 \
    ls-restore -e -o "$T/none.db" "$(s3_url copied)"
like 's3: it is under other keys' "$err" 'another kind of store: under ltx/0/'
exits 's3: no such bucket is not nothing' 102 ls-restore -e -o "$T/none.db" \
    "s3://nobkt/x?endpoint=$S3_ENDPOINT&region=us-east-1"
exits 's3: refused credentials are not nothing' 102 env AWS_SECRET_ACCESS_KEY=x \
    ls-restore -e -o "$T/none.db" "$url"
s3_stop
exits 's3: nobody there is not nothing' 111 env LS_STORE_TIMEOUT=1s \
    ls-restore -e -o "$T/none.db" "$url"
# two replicas, one that cannot be reached
cat >"$T/two.yml" <<EOF
dbs:
  - path: $T/f/a.db
    replicas:
      - url: "$(s3_url db/app)"
      - url: "file://$T/replica"
EOF
exits 'two replicas: the newest state may be out of reach' 111 \
    env LS_STORE_TIMEOUT=1s \
    ls-restore -c "$T/two.yml" -o "$T/two.db" "$T/f/a.db"
like 'with the way out' "$err" 'choose another replica with --replica NAME'
exits 'two replicas: the one that works, by name' 0 \
    ls-restore -c "$T/two.yml" --replica file -o "$T/two.db" "$T/f/a.db"
pages "$T/f/a.db" "$T/want.db"
ok 'is the database' cmp "$T/two.db" "$T/want.db"
mkdir "$T/empty"
sed "s|$T/replica|$T/empty|" "$T/two.yml" >"$T/two2.yml"
exits 'one empty, one unreadable: not nothing' 111 env LS_STORE_TIMEOUT=1s \
    ls-restore -e -c "$T/two2.yml" -o "$T/two3.db" "$T/f/a.db"
done_testing
