#!/bin/bash
# A full copy that is asked for at the control socket of ls-walship.
. tests/lib.sh
need sqlite3 python3
need_peer litestream-0.5
plan 9

ask() { # WORD ARG...: the last line of the answer
	python3 - "$LS_RUN_DIR/walship.sock" "$@" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall("\t".join(sys.argv[2:]).encode() + b"\n")
print(s.makefile().readline())
END
}
db=$T/a.db
make_db "$db" 300
start walship ls-walship "$db" "file://$T/r" "file://$T/q"
for i in 1 2 3; do
	wait_for 10 ls-sync -w 5s "$db" || bail "$(cat "$T/walship.log")"
	sql "$db" "UPDATE t SET v = 'state $i' WHERE id = $i"
done
ls-sync -w 10s "$db" || bail "$(cat "$T/walship.log")"
rm "$T/r/ltx/0/0000000000000002-0000000000000002.ltx" "$T/r/ltx/9"/*
nok 'a replica with a gap does not restore' ls-restore -q -o "$T/o.db" \
    "file://$T/r"
like 'of a database not known' "$(ask dump "$T/b.db")" '"ok":false.*notfound'
like 'of a replica not known' "$(ask dump "$db" file:///x)" \
    '"ok":false.*notfound'
like 'asked for' "$(ask dump "$db" "file://$T/r")" '"ok":true'
made() { grep -q 'full copy.*asked for' "$T/walship.log"; }
wait_for 10 made
sql "$db" "UPDATE t SET v = 'last' WHERE id = 9"
ls-sync -w 20s "$db" || bail "$(cat "$T/walship.log")"
max=$(ls "$T/r/ltx/0" | grep -c .)
is 'a snapshot goes to that replica' "$(ls "$T/r/ltx/9" | grep -c '^0*1-')" 1
is 'and not to the other one' "$(ls "$T/q/ltx/9")" \
    "$(ls "$T/q/ltx/9" | grep '^0*1-0*1[.]')"
is 'every TXID goes to both' "$(ls "$T/q/ltx/0" | wc -l)" $((max + 1))
pages "$db" "$T/want.db"
ls-restore -q -o "$T/o.db" "file://$T/r"
ok 'it restores' cmp "$T/o.db" "$T/want.db"
"$PEERS/litestream-0.5" restore -o "$T/p.db" "file://$T/r" >"$T/err" 2>&1
ok 'by Litestream too' cmp "$T/p.db" "$T/want.db"
stop walship
