#!/bin/sh
# A replica on an SFTP server: ls-walship ships, ls-list, ls-get, ls-put,
# ls-snapshot and ls-prune work on it, ls-restore brings it back.
. tests/lib.sh
. tests/sftp/sshd.sh
need sqlite3

sshd_make
sshd_start
HOME=$T/home LS_KEY_PATH=$SD/client
export HOME LS_KEY_PATH
mkdir "$HOME"
R=$T/there/replica
U=$(sshd_url "$R")

exits 'ls-put' 0 ls-put -r "$U" a/b.bin <<-EOF
	hello
	EOF
like 'warns once, with the line to pin' "$err" \
    'level=warn .*host-key="ecdsa-sha2-nistp256 AAAA'
exits 'ls-put refuses what is there' 102 ls-put -r "$U" a/b.bin <<-EOF
	hello
	EOF
like 'and says so' "$err" 'exists'
unlike 'the key was remembered' "$err" 'host-key'
ok 'ls-put -f' sh -c "echo other | ls-put -rf '$U' a/b.bin"
exits 'ls-get' 0 ls-get "$U" a/b.bin
is 'has what was put last' "$out" other
exits 'ls-get of nothing' 1 ls-get "$U" a/c.bin
is 'no temporary file stays' "$(find "$R" -name '*.tmp')" ''

make_db "$T/a.db" 500 4096
start walship ls-walship "$T/a.db" "$U"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
ok 'the first dump is shipped' ls-sync -w 10s "$T/a.db"
for i in 1 2 3; do
	sql "$T/a.db" "insert into t(v) values ('more $i')"
	ls-sync -w 10s "$T/a.db"
done
is 'laid out as Litestream does' "$(cd "$R" && find ltx -type f | sort)" \
"ltx/0/0000000000000001-0000000000000001.ltx
ltx/0/0000000000000002-0000000000000002.ltx
ltx/0/0000000000000003-0000000000000003.ltx
ltx/0/0000000000000004-0000000000000004.ltx
ltx/9/0000000000000001-0000000000000001.ltx"
like 'the host key is in the state folder' \
    "$(cat "$T/.a.db-litestream/known_hosts")" ":$SSHD_PORT ecdsa-sha2"
is 'the warning comes once' "$(grep -c host-key= "$T/walship.log")" 1
is 'listed times are not told' "$(ls-list "$U" | sed 1d | cut -f 5 | sort -u)" -
last=$R/ltx/0/0000000000000004-0000000000000004.ltx
like 'but are those of the files' "$(date -u -r "$last" +%Y-%m-%dT%H:%M:%S)
$(ls-list -x "$U" | cut -f 5 | cut -c 1-19 | sed -n 5p)" \
    "$(date -u -r "$last" +%Y-%m-%dT%H:%M:%S)"
stop walship
is 'ends well' "$status" 0
ok 'ls-restore' ls-restore -o "$T/r.db" "$U"
ok 'page by page' pages_equal "$T/a.db" "$T/r.db"

ok 'ls-snapshot' env REPLICA_URL="$U" ls-snapshot -r "$T/a.db"
ok 'is there' test -e "$R/ltx/9/0000000000000001-0000000000000004.ltx"
exits 'ls-prune with the times of headers' 0 ls-prune --retention 1h "$U"
ok 'keeps what is young' test -e \
    "$R/ltx/9/0000000000000001-0000000000000001.ltx"
sleep 0.01
exits 'ls-prune' 0 ls-prune --retention 1ms "$U"
is 'deletes what is old' "$(ls "$R/ltx/9")" \
    0000000000000001-0000000000000004.ltx
# what is on the server and old is not kept here
cat >"$T/l0.yml" <<-END
	l0-retention: 1s
	dbs: [{path: $T/a.db, replica: {url: "$U", key-path: $SD/client}}]
END
start walship ls-walship -c "$T/l0.yml"
wait_for 10 test -S "$LS_RUN_DIR/walship.sock"
for i in 1 2 3; do
	ls-sync -w 10s "$T/a.db"
	sql "$T/a.db" "insert into t(v) values ('old $i')"
done
ls-sync -w 10s "$T/a.db"
ok 'pain 412, 413: local files are deleted when shipped and old' wait_for 15 \
    sh -c "test \$(ls '$T/.a.db-litestream/ltx/0' | wc -l) = 1"
stop walship
# pins are a folder beside the levels
exits 'a pin' 0 ls-snapshot --pin kept "$U"
is 'is listed' "$(ls-list --pins "$U" | cut -f 6 | tail -n 1)" kept
exits 'and restored' 0 ls-restore -q --pin kept -o "$T/pinned.db" "$U"
exits 'ls-prune --unpin' 0 ls-prune --unpin kept "$U"
is 'removes it' "$(ls "$R/pins")" ''
done_testing
