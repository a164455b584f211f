#!/bin/bash
# A full file goes up as the beginning of restores as well, at level 9. While
# that cannot be, the local file is not trimmed, though others have it: it would
# take one more full copy.
. tests/lib.sh
need sqlite3
mkdir "$T/d"
db=$T/d/a.db l0=$T/d/.a.db-litestream/ltx/0 r=$T/r
insert() { sql "$db" "INSERT INTO t(v) VALUES ('$1')"; }
image() { printf '%s/ltx/9/%016x-%016x.ltx' "$r" 1 "$1"; }
make_db "$db" 20
cat >"$T/c.yml" <<END
l0-retention: 1s
dbs:
  - path: $db
    replicas:
      - url: file://$T/other
      - url: file://$r
END
start w ls-walship -c "$T/c.yml"
ls-sync -w 20s || bail 'not shipped'
ok 'a full copy asked for right after the first' ls-sync -w 20s --full "$db"
ok 'is a beginning, too' test -e "$(image 2)"
insert 1
ls-sync -w 20s
mv "$r/ltx/9" "$T/9"
: >"$r/ltx/9"
nok 'one whose image cannot be put' ls-sync -w 3s --full "$db"
full=$(printf '%016x-%016x.ltx' 4 4)
ok 'goes up' wait_for 10 test -e "$r/ltx/0/$full"
for i in 2 3 4; do insert $i; ls-sync -w 20s --any; sleep 1.2; done
ok 'and stays here' test -e "$l0/$full"
rm "$r/ltx/9"
mv "$T/9" "$r/ltx/9"
ok 'until the image can be put' ls-sync -w 60s
ok 'which it is' test -e "$(image 4)"
is 'with no other full copy' "$(grep -c 'full copy' "$T/w.log")" 3
stop w
done_testing
