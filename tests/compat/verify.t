#!/bin/bash
# ls-verify of replicas on S3, and of those that the real Litestream makes,
# while it runs and ls-walship does not.
# run: asan
. tests/lib.sh
need sqlite3
need_peer litestream-0.5 versitygw
db=$T/d/a.db
equals='ok; .* equals the live database page by page'
flip() { # FILE OFFSET
	b=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\$(printf %o $((b ^ 16)))" |
	    dd of="$1" bs=1 seek="$2" conv=notrunc 2>"$T/dd"
}
# An application that keeps the database open.
app() {
	rm -f "$T/app" "$T/app.log"; mkfifo "$T/app"
	start app sh -c 'exec sqlite3 "$1" <"$2"' - "$db" "$T/app"
	exec 7>"$T/app"
	echo "SELECT 'open', COUNT(*) FROM t;" >&7
	wait_for 10 grep -q open "$T/app.log"
}
app_ends() { exec 7>&-; ended app; }
rows() { sql "$db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
    SELECT i + 1 FROM n WHERE i < $1) INSERT INTO t(v)
    SELECT hex(randomblob(48)) FROM n"; }

s3_start
# ours on S3
mkdir "$T/d"
make_db "$db" 2000
url=$(s3_url a/b)
start walship ls-walship "$db" "$url" "file://$T/f"
ls-sync -w 20s "$db"
for i in 2 3 4; do rows 20; ls-sync -w 20s "$db"; done
exits 'ours on S3 and in a folder' 0 ls-verify "$db" "$url" "file://$T/f"
is 'both equal the database' "$(printf '%s\n' "$out" | grep -c "$equals")" 2
lists=$(grep -c list-type "$S3_LOG")
exits 'one is enough' 0 ls-verify --proof "$db" "$url"
ok 'it asked for few listings' \
    test $(($(grep -c list-type "$S3_LOG") - lists)) -le 3
f=$S3_DIR/mybkt/a/b/0000/0000000000000003-0000000000000003.ltx
flip "$f" 200
exits 'a bit of one' 1 ls-verify "$db" "$url" "file://$T/f"
like 'is found' "$out" 's3:.*: level 0 file 0000000000000003-.*without it: what can still be restored ends at --txid 0000000000000002'
like 'the other is not blamed' "$out" "^file:.*: $equals"
mv "$f" "$T/kept"
exits 'a missing one' 1 ls-verify "$db" "$url"
like 'is found' "$out" 's3:.*TXID 0000000000000003 to 0000000000000003 are missing'
mv "$T/kept" "$f"; flip "$f" 200
exits 'and whole again' 0 ls-verify "$db" "$url"
exits 'a row, in each' 0 ls-verify --row "$db" "$url" "file://$T/f"
is 'comes back' "$(printf '%s\n' "$out" | grep -c 'the new row came back')" 2
stop walship
exits 'wrong keys are no answer' 102 env AWS_SECRET_ACCESS_KEY=x \
    ls-verify "$url"

# The real one, with levels of its own making
theirs() { # WHAT URL FOLDER
	rm -rf "$T/d"; mkdir "$T/d"
	make_db "$db" 2000
	app
	cat >"$T/l.yml" <<Y
levels: [{ interval: 1s }, { interval: 3s }]
l0-retention: 2s
l0-retention-check-interval: 1s
dbs: [{ path: $db, replica: { url: "$2" } }]
Y
	start litestream "$PEERS/litestream-0.5" replicate -config "$T/l.yml"
	wait_for 20 test -d "$3"
	for i in 1 2 3 4 5 6 7 8; do rows 20; sleep 0.7; done
	exits "$1: while the database does not change" 0 ls-verify -w 20s "$db" "$2"
	like 'it is compared' "$out" "$equals"
	ok 'it has levels' test -n "$(find "$3" -path '*2/*.ltx')"
	# committed faster than it captures
	start writer sh -c 'while :; do sqlite3 -cmd ".timeout 9000" "$1" \
	    "INSERT INTO t(v) VALUES (1)"; done' - "$db"
	exits "$1: while it changes" 0 ls-verify -w 1s "$db" "$2"
	like 'either or' "$out" "$equals|not compared with the live database: there are commits that nobody has captured"
	exits 'the chain is proven' 0 ls-verify --no-compare "$db" "$2"
	stop writer KILL
	exits "$1: once it is quiet" 0 ls-verify -w 20s "$db" "$2"
	like 'it is compared' "$out" "$equals"
	exits "$1: a row" 0 ls-verify --row -w 3s "$db" "$2"
	stop litestream
	f=$(find "$3" -path '*1/*.ltx' | sort | tail -n 1)
	flip "$f" $(($(wc -c <"$f") / 2))
	exits "$1: a bit" 1 ls-verify "$2"
	like 'is found' "$out" "level 1 file ${f##*/}: "
	app_ends
}
theirs file "file://$T/l" "$T/l"
theirs s3 "$(s3_url l)" "$S3_DIR/mybkt/l"
s3_stop
done_testing
