#!/bin/sh
# Two writers; a server that restarts; a full disk; real Litestream on the
# same replica, both ways; other forms of addresses.
# run: plain
. tests/lib.sh
. tests/sftp/sshd.sh
need_peer litestream-0.5

SSHD_SERVE="$BUILD/tests/sftpmid $T/mode $SFTP_SERVER"
sshd_make
sshd_start
HOME=$T/home LS_KEY_PATH=$SD/client
LS_HOST_KEY=$(cut -d " " -f 1,2 "$SD/host_ecdsa.pub")
export HOME LS_KEY_PATH LS_HOST_KEY
mkdir "$HOME"
R=$T/r
U=$(sshd_url "$R")
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$@"
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
rows() { sql "$1" 'SELECT count(*), sum(id) FROM t'; }

# ---- two writers
mkdir "$T/1" "$T/2"
make_db "$T/1/a.db" 100 4096
up "$T/1/a.db" "$U"
ok 'the first writer ships' ls-sync -w 10s "$T/1/a.db"
sql "$T/1/a.db" "INSERT INTO t(v) VALUES ('one')"
ls-sync -w 10s "$T/1/a.db"
# the second: a copy of all of it, with another id
stop walship
cp -a "$T/1/." "$T/2/"
rm -f "$T/2/.a.db-litestream/writer" "$T/2/.a.db-litestream/lock"
up "$T/1/a.db" "$U"
start other ls-walship --run-dir "$T/2" "$T/2/a.db" "$U"
wait_for 10 test -S "$T/2/walship.sock"
sql "$T/1/a.db" "INSERT INTO t(v) VALUES ('of the first')"
ok 'the first goes on' ls-sync -w 10s "$T/1/a.db"
want=$(cksum "$R"/ltx/0/*)
sql "$T/2/a.db" "INSERT INTO t(v) VALUES ('of the second')"
if wait_for 20 grep -q 'another writer' "$T/other.log"; then ended other
else stop other; fi
is 'the second is fenced' "$status" 102
like 'is told' "$(cat "$T/other.log")" 'another writer \(id [0-9a-f]{16}\)'
is 'nothing of the first was replaced' "$(cksum "$R"/ltx/0/*)" "$want"
stop walship

# ---- a server that restarts under writes, and under a restore
up "$T/1/a.db" "$U"
i=0
while test $i -lt 6; do
	sql "$T/1/a.db" "INSERT INTO t(v) SELECT hex(randomblob(9000))
	    FROM t LIMIT 40"
	if test $i = 2 || test $i = 4; then sshd_stop; fi
	sql "$T/1/a.db" "INSERT INTO t(v) VALUES ('$i')"
	if test $i = 2 || test $i = 4; then sshd_start; fi
	i=$((i + 1))
done
ok 'a server that restarts under writes' ls-sync -w 60s "$T/1/a.db"
stop walship
is 'ends well' "$status" 0
is 'nothing half is there' "$(find "$R" -name '*.tmp' | wc -l)" 0
sql "$T/1/a.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >"$T/out"
for n in 7 20 60; do
	rm -f "$T/b.db"*
	echo "die $n" >"$T/mode"
	ok "restored over a server that dies at request $n" \
	    ls-restore -o "$T/b.db" "$U"
	ok 'page by page' pages_equal "$T/1/a.db" "$T/b.db"
done
rm -f "$T/mode"

# ---- Litestream restores it, and goes on; we restore, and go on
conf() { # FILE DB
	cat >"$1" <<-EOF
	dbs:
	  - path: $2
	    replica:
	      type: sftp
	      host: $SSHD_ADDR:$SSHD_PORT
	      user: $SSHD_USER
	      key-path: $SD/client
	      host-key: $LS_HOST_KEY
	      path: ${3:-$R}
	EOF
}
L=$PEERS/litestream-0.5
conf "$T/c.yml" "$T/1/a.db"
ok 'Litestream restores what was shipped' "$L" restore -config "$T/c.yml" \
    -o "$T/l.db" "$T/1/a.db"
ok 'page by page' pages_equal "$T/1/a.db" "$T/l.db"
is 'times are as Litestream sees them' "$("$L" ltx -config "$T/c.yml" \
    "$T/1/a.db" | sed 1d | awk '{ print $2, $5 }' | sort | tail -n 1)" \
    "$(ls-list -x "$U" | sed 1d | awk '{ sub(/[.].*/, "Z", $5); print $2, $5 }' |
    sort | tail -n 1)"
sql "$T/1/a.db" "INSERT INTO t(v) VALUES ('before Litestream')"
timeout -s INT 30 "$L" replicate -config "$T/c.yml" -once >"$T/l.log" 2>&1
rm -f "$T/b.db"*
ok 'restored what Litestream went on with' ls-restore -c "$T/c.yml" \
    -o "$T/b.db" "$T/1/a.db"
is 'rows' "$(rows "$T/b.db")" "$(rows "$T/1/a.db")"
sql "$T/1/a.db" "INSERT INTO t(v) VALUES ('after Litestream')"
up -c "$T/c.yml"
ok 'taken over in the same state folder' ls-sync -w 20s "$T/1/a.db"
stop walship
rm -f "$T/l.db"*
ok 'Litestream restores that' "$L" restore -config "$T/c.yml" -o "$T/l.db" \
    "$T/1/a.db"
is 'rows' "$(rows "$T/l.db")" "$(rows "$T/1/a.db")"

# ---- Litestream's forms of paths: where it puts them we look
i=0
for p in "$T/p q%41/x" '' 'rel/db' './rel2//db/'; do
	i=$((i + 1))
	rm -rf "$T/3" "$T/b.db"*
	mkdir "$T/3"
	make_db "$T/3/a.db" 50 4096
	conf "$T/d.yml" "$T/3/a.db" "\"$p\""
	(cd "$T" && timeout -s INT 30 "$L" replicate -config "$T/d.yml" \
	    -once) >"$T/l.log" 2>&1
	ok "path: '$p', from Litestream" ls-restore -c "$T/d.yml" \
	    -o "$T/b.db" "$T/3/a.db"
	is 'rows' "$(rows "$T/b.db")" "$(rows "$T/3/a.db")"
	ls-list -c "$T/d.yml" "$T/3/a.db" | sed 1d | cut -f 1-3 >"$T/theirs"
	rm -rf "$T/3/.a.db-litestream"
done
case $HOME in "$(getent passwd "$SSHD_USER" | cut -d : -f 6)") ;; *)
	h=$(getent passwd "$SSHD_USER" | cut -d : -f 6)
	for x in ltx rel rel2; do
		test ! -d "$h/$x" || find "$h/$x" -newer "$SD/config" -name \
		    '*.ltx' -exec rm {} +
		find "$h/$x" -type d -empty -delete 2>/dev/null
	done ;;
esac
for u in "$(sshd_url "/$T/u%20r%2541l")" "$(sshd_url "/./$T/./x/../u2/")"; do
	rm -rf "$T/3" "$T/b.db"*
	mkdir "$T/3"
	make_db "$T/3/a.db" 50 4096
	ls-walship --once "$T/3/a.db" "$u" 2>"$T/out"
	cat >"$T/e.yml" <<-EOF
	dbs:
	  - path: $T/3/a.db
	    replica: {url: "$u", key-path: $SD/client, host-key: $LS_HOST_KEY}
	EOF
	ok "$u, for Litestream" "$L" restore -config "$T/e.yml" -o "$T/b.db" \
	    "$T/3/a.db"
	is 'rows' "$(rows "$T/b.db")" "$(rows "$T/3/a.db")"
done

# ---- IPv6
if ip -6 addr show dev lo 2>/dev/null | grep -q ::1; then
	sshd_stop
	sed -i "s/^ListenAddress.*/&\nListenAddress ::1/" "$SD/config"
	sshd_start
	exits 'IPv6' 0 ls-list "sftp://$SSHD_USER@[::1]:$SSHD_PORT$R"
	exits 'IPv6, remembered' 0 env -u LS_HOST_KEY \
	    ls-list "sftp://$SSHD_USER@[::1]:$SSHD_PORT$R"
	exits 'IPv6, known' 0 env -u LS_HOST_KEY LS_SFTP_STRICT=1 \
	    ls-list "sftp://$SSHD_USER@[::1]:$SSHD_PORT$R"
else
	skip 'IPv6' 'none here'
fi

# ---- many files: one walk, in bounded time
mkdir -p "$T/many/ltx/0"
awk 'BEGIN { for (i = 1; i <= 100000; i++)
    printf "%016x-%016x.ltx\n", i, i }' | (cd "$T/many/ltx/0" && xargs touch)
sshd_stop
sshd_start
begin=$(date +%s)
exits '100,000 files are listed' 0 ls-list "$(sshd_url "$T/many")"
diag "in $(($(date +%s) - begin)) s"
is 'all of them' "$(grep -c ^0 "$T/.out")" 100000
ok 'within a minute' test $(($(date +%s) - begin)) -lt 60

# ---- a full disk
if test "$(id -u)" = 0 && mkdir "$T/disk" \
    && mount -t tmpfs -o size=256k,nr_inodes=100 tmpfs "$T/disk"; then
	rm -rf "$T/3"
	mkdir "$T/3"
	make_db "$T/3/a.db" 4000 4096
	exits 'a disk that is full' 111 ls-walship --once "$T/3/a.db" \
	    "$(sshd_url "$T/disk/r")"
	like 'is told' "$err" 'disk is full: [0-9]+ bytes free, [0-9]+ to be'
	nok 'nothing half is there' test -e \
	    "$T/disk/r/ltx/0/0000000000000001-0000000000000001.ltx"
	mount -o remount,size=16m "$T/disk"
	exits 'with room it goes on' 0 ls-walship --once "$T/3/a.db" \
	    "$(sshd_url "$T/disk/r")"
	umount "$T/disk"
else
	skip 'a disk that is full' 'no right to mount'
fi
done_testing
