#!/bin/bash
# ls-snapshot, ls-put, ls-get and ls-restore in pipes, on both back ends: the
# pages come through, and of whatever stage fails the exit code tells.
. tests/lib.sh
need sqlite3
set -o pipefail
db=$T/app.db
make_db "$db" 3000
start walship ls-walship "$db" "file://$T/r"
for i in 2 3; do
	wait_for 10 ls-sync -w 5s "$db" || bail "$(cat "$T/walship.log")"
	sql "$db" "UPDATE t SET v = hex(randomblob(48)) WHERE id < $i * 9;
	    INSERT INTO t(v) SELECT v FROM t LIMIT 200"
done
ls-sync -w 10s "$db" || bail "$(cat "$T/walship.log")"
stop walship
pages "$db" "$T/want.db"
cd "$T/r/ltx/0" || bail 'no level 0'
files=(*.ltx)
cd "$OLDPWD"
ok 'several transactions' test ${#files[@]} -ge 3

# codes NAME WANT COMMAND: the exit codes of all stages. WANT is an ERE, as
# whoever writes to one that has ended may have been done, or not.
codes() {
	bash -c "$3"' ; c=${PIPESTATUS[*]}; echo "$c" >"$T/codes"' 2>"$T/err"
	like "$1" "$(cat "$T/codes")" "^$2\$"
}

both() { # URL
	export U=$1 F="${files[*]}" D=$T/d
	rm -rf "$D"; mkdir "$D"
	for f in "${files[@]}"; do
		ls-put "$U" <"$T/r/ltx/0/$f" || bail "ls-put $f"
	done
	codes 'ls-get U ... | ls-restore -o X -' '0 0' \
	    'ls-get "$U" $F | ls-restore -q -o "$D/x.db" -'
	ok 'byte for byte' cmp "$T/want.db" "$D/x.db"
	codes 'ls-restore -o - U > X' 0 'ls-restore -q -o - "$U" >"$D/out.db"'
	ok 'byte for byte' cmp "$T/want.db" "$D/out.db"
	codes 'ls-snapshot DB | ls-put U' '0 0' \
	    'ls-snapshot "$T/app.db" | ls-put "$U/s"'
	exits 'and back' 0 ls-restore -q -o "$D/s.db" "$U/s"
	ok 'every page' pages_equal "$db" "$D/s.db"

	codes 'of one that is not there' '1 102' \
	    'ls-get "$U" 0/none $F | ls-restore -q -o "$D/y.db" -'
	codes 'told of the last one too' '1 [0-9]+' \
	    'ls-get "$U" $F 0/none | ls-restore -q -o "$D/last.db" -'
	rm -rf "$D"/*last.db*
	codes 'a gap' '0 102' \
	    'ls-get "$U" ${F/ * / } | ls-restore -q -o "$D/y.db" -'
	codes 'a database that is there' '[0-9]+ 102' \
	    'ls-get "$U" $F | ls-restore -q -o "$D/x.db" -'
	ok 'and stays' cmp "$T/want.db" "$D/x.db"
	codes 'no database' '1 102' 'ls-snapshot "$T/none" | ls-put "$U/n"'
	is 'leaves no object' "$(ls-list "$U/n" | sed 1d)" ''
	codes 'it is there already' '[0-9]+ 102' \
	    'ls-snapshot "$T/app.db" | ls-put "$U/s"'
	codes 'nothing to restore' '1 0' \
	    'ls-restore -q -o - "$U/none" | wc -c'
	is 'none of these left anything' "$(ls "$D")" 'out.db
s.db
x.db'
}
both "file://$T/file"
if test -x "$PEERS/versitygw"; then
	diag s3
	s3_start
	export AWS_ENDPOINT_URL=$S3_ENDPOINT AWS_REGION=us-east-1
	both s3://mybkt/p
else
	skip s3 "no versitygw in $PEERS"
fi
done_testing
