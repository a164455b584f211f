#!/bin/bash
# Who writes and who restores: Litestream 0.3.13, 0.5.0, 0.5.18 and ours in
# each of our three ways, over file and S3, as it was written and after
# compaction; then all of them in turn on one replica. Pages are compared.
# run: plain
. tests/lib.sh
need sqlite3
need_peer litestream-0.3 litestream-0.5.0 litestream-0.5 versitygw
unset LITESTREAM_CONFIG

# WRITER: who can restore what it wrote. 0.5.0 knows neither generations nor
# the page blocks that 0.5.16 brought.
table='0.3.13     0.3.13 0.5.18 ours
0.5.0      0.5.0 0.5.18 ours
0.5.18     0.5.18 ours
ours-block 0.5.18 ours
ours-frame 0.5.0 0.5.18 ours
ours-v0.3  0.3.13 0.5.18 ours'

peer() { # VERSION: its program
	case $1 in
	0.3.13) echo "$PEERS/litestream-0.3" ;;
	0.5.18) echo "$PEERS/litestream-0.5" ;;
	*) echo "$PEERS/litestream-$1" ;;
	esac
}
# The replica as each kind of program has it in a configuration.
replica() { # STORE NAME
	case $1 in
	file) echo "type: file, path: $T/r/$2" ;;
	s3) echo "type: s3, bucket: mybkt, path: $2, region: us-east-1, endpoint:" \
	    "'$S3_ENDPOINT', force-path-style: true" ;;
	esac
}
conf() { # WRITER STORE NAME
	r=$(replica "$2" "$3")
	case $1 in
	0.3.13) r="replicas: [{$r}]" ;;
	ours-v0.3) r="replica: {$r, format: v0.3}" ;;
	ours-frame) r="replica: {$r, ltx-encoding: frame}" ;;
	*) r="replica: {$r}" ;;
	esac
	# Levels so short that something is in each of them within seconds.
	printf '%s\n' 'levels: [{interval: 1s}, {interval: 2s}]' \
	    'l0-retention: 1s' 'l0-retention-check-interval: 1s' dbs: \
	    "  - path: $db" "    $r"
}

# An application that keeps the database open: the last one to close it would
# take the WAL away.
app_begins() {
	rm -f "$T/app" "$T/app.log"; mkfifo "$T/app"
	start app sh -c 'exec sqlite3 -cmd ".timeout 10000" "$1" <"$2"' - "$db" "$T/app"
	exec 7>"$T/app"
	n=0
	does 'SELECT 1'
}
does() { # STATEMENT: and waits for it
	n=$((n + 1))
	echo "$1; SELECT 'done $n';" >&7
	wait_for 10 grep -q "^done $n\$" "$T/app.log"
}
app_ends() { exec 7>&-; ended app; }
change() {
	does "INSERT INTO t(v) SELECT hex(randomblob(48)) FROM t LIMIT 30"
	does "UPDATE t SET v = hex(randomblob(48)) WHERE id % 50 = $n"
}
at() { # STORE NAME: the replica's objects
	case $1 in file) echo "$T/r/$2" ;; s3) echo "$S3_DIR/mybkt/$2" ;; esac
}
objects() { find "$1" -type f ! -path '*/.sgwtmp/*' 2>/dev/null | sort; }
grown() { test "$(objects "$1")" != "$2"; }

runs() { # WRITER STORE NAME CHANGES: writes for a while, each change shipped
	where=$(at "$2" "$3")
	conf "$1" "$2" "$3" >"$T/c.yml"
	case $1 in
	ours*) rm -f "$LS_RUN_DIR/walship.sock"
		start writer ls-walship -c "$T/c.yml"
		wait_for 20 test -S "$LS_RUN_DIR/walship.sock" ;;
	*) start writer "$(peer "$1")" replicate -config "$T/c.yml"
		wait_for 20 test -s "$T/writer.log"
		sleep 2 ;;
	esac
	for i in $(seq "$4"); do
		was=$(objects "$where")
		change
		wait_for 10 grown "$where" "$was"
	done
	case $1 in ours*) ls-sync -w 20s >"$T/sync.log" 2>&1 || cat "$T/sync.log" ;;
	*) sleep 1.5 ;; esac
}
compacts() { # WRITER STORE NAME: what of it is in no level but 0 is not much
	where=$(at "$2" "$3")
	case $1 in
	0.3.13 | ours-v0.3) return 1 ;;
	ours*)
		ls-compact -q -c "$T/c.yml" -l 1 "$db" && change && ls-sync -w 20s &&
		ls-compact -q -c "$T/c.yml" -l 1 "$db" &&
		ls-compact -q -c "$T/c.yml" -l 2 "$db" && change &&
		ls-sync -w 20s && ls-snapshot -q -r -c "$T/c.yml" "$db" &&
		change && ls-sync -w 20s &&
		ls-compact -q -c "$T/c.yml" -l 1 "$db" && sleep 1.1 &&
		ls-prune -q -c "$T/c.yml" "$db" ;;
	*)
		change
		wait_for 15 sh -c "ls '$where'/ltx/2/*.ltx '$where'/0002/*.ltx \
		    2>/dev/null | grep -q ." ;;
	esac >"$T/compact.log" 2>&1 || { diag "$(cat "$T/compact.log")"; return 1; }
}

restores() { # READER STORE NAME WHAT
	rm -f "$T"/o.db*
	case $1 in
	ours)
		ls-restore -q -o "$T/o.db" "$(url "$2" "$3")" >"$T/o.log" 2>&1 ;;
	*)
		printf 'dbs: [{path: %s, %s}]\n' "$db" "$(test "$1" = 0.3.13 &&
		    echo "replicas: [{$(replica "$2" "$3")}]" ||
		    echo "replica: {$(replica "$2" "$3")}")" >"$T/reader.yml"
		"$(peer "$1")" restore -config "$T/reader.yml" -o "$T/o.db" \
		    "$db" >"$T/o.log" 2>&1 ;;
	esac
	if test -s "$T/o.db" && integrity "$T/o.db" &&
	    pages_equal "$db" "$T/o.db" >"$T/cmp.log"; then pass "$4, by $1"
	else fail "$4, by $1" "$(cat "$T/o.log" "$T/cmp.log" 2>/dev/null | tail -n 20)"; fi
}
url() { case $1 in file) echo "file://$T/r/$2" ;; s3) s3_url "$2" ;; esac; }

try() { # WRITER STORE READERS...
	writer=$1 store=$2; shift 2
	name=$writer
	rm -rf "$T/d"; mkdir "$T/d"
	db=$T/d/a.db
	make_db "$db" 400
	app_begins
	runs "$writer" "$store" "$name" 3
	stop writer
	for r; do restores "$r" "$store" "$name" "$writer, $store"; done
	case $writer in 0.3.13 | ours-v0.3) app_ends; return ;; esac
	runs "$writer" "$store" "$name" 1
	ok "$writer, $store: compacts" compacts "$writer" "$store" "$name"
	stop writer
	for r; do restores "$r" "$store" "$name" "$writer, $store, compacted"; done
	app_ends
}

S3_PORT=
s3_start
for store in file s3; do
	while read -r writer readers; do
		# shellcheck disable=SC2086
		try "$writer" "$store" $readers
	done <<-END
	$table
	END
done

# In turn on one replica, each going on where the one before stopped; the
# pages are frames, so that all of them can read all of it.
for store in file s3; do
	rm -rf "$T/d"; mkdir "$T/d"
	db=$T/d/a.db
	make_db "$db" 400
	app_begins
	for w in 0.5.0 ours-frame 0.5.0 ours-frame; do
		runs "$w" "$store" turns 2
		test "$w" = 0.5.0 || ok "turns, $store: compacts" \
		    compacts "$w" "$store" turns
		stop writer
		for r in 0.5.0 0.5.18 ours; do
			restores "$r" "$store" turns "turns, $store, then $w"
		done
	done
	for w in 0.5.18 ours-block; do
		runs "$w" "$store" turns 2
		compacts "$w" "$store" turns ||
		    fail "turns, $store, $w: compacts"
		stop writer
		for r in 0.5.18 ours; do
			restores "$r" "$store" turns "turns, $store, then $w"
		done
	done
	app_ends
done
done_testing
