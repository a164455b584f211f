# The measurements of a replica's life: compaction, snapshots, what it costs.
# Each sets $tool, measures, and calls result.

# --- compact: a snapshot and level 1 of a large database

# At rest with a first copy and new level-0 files; somebody has the database
# open from then on, so that its WAL stays when the replicator stops.
compact_make() {
	rm -rf "$W/life"
	mkdir -p "$W/life"
	cp "$W/huge.db" "$W/life/huge.db"
	conf "$W/$tool-huge.yml" s3 1s "$W/life/huge.db"
	replicator "$W/$tool-huge.yml"
	r=$pid
	until_ok 180 has_snapshot s3 huge
	until_ok 180 has_l0 s3 huge
	running $r || return 1
	spawn "$W/log" "$BUILD/bench/load" rate "$W/life/huge.db" 0.001 1500 \
	    "$W/hold"
	holder=$pid
	compact_more
	say "$tool: $(ls "$(l0_dir s3 huge)" | wc -l) level-0 files"
}
compact_more() { # some more of them
	"$BUILD/bench/load" rate "$W/life/huge.db" 50 "$SOME" "$W/commits" \
	    >>"$W/log"
	sleep 3
}
compact_rows() { # CASE SECONDS CPU MB: and what went by since mark
	result "$1" 'time, s' "$2"
	result "$1" 'CPU, s' "$3"
	result "$1" 'peak memory, MB' "$4"
	set -- "$1" $mark $(counted)
	result "$1" 'up, MB' "$(echo "$4 $2" | mega)"
	result "$1" 'down, MB' "$(echo "$5 $3" | mega)"
	result "$1" 'requests' "$(($(wc -l <"$W/access") - mark_requests))"
}
mark() {
	mark=$(counted)
	mark_requests=$(wc -l <"$W/access")
}
counted() { # bytes up and down, as count passed them on
	od -An -t u8 "$W/counted"
}
mega() { awk '{ printf "%.1f", ($1 - $2) / 1e6 }'; }
compact_ours() { # CASE PROGRAM ARG...
	compact_case=$1 compact_prog=$2; shift 2
	: >"$W/measured"
	mark
	LS_RUN_DIR=$W/run "$BUILD/bench/measure" "$W/measured" \
	    "$BUILD/bin/$compact_prog" -q -c "$W/ls-huge.yml" "$@" \
	    "$W/life/huge.db" >>"$W/log" 2>&1
	read -r wall sec kb code <"$W/measured"
	test "$code" = 0 || {
		say "$compact_prog fails: $(tail -n 1 "$W/log")"; return 1; }
	compact_rows "$compact_case" "$wall" "$sec" \
	    "$(echo "$kb" | awk '{ printf "%.1f", $1 / 1000 }')"
}
# Litestream does it in its daemon, at once when it starts: that process from
# its start until what it makes is there and it is at rest.
compact_theirs() { # CASE LEVEL(of the bucket) CONF-TOP
	conf_top=$3
	conf "$W/$tool-huge.yml" s3 1s "$W/life/huge.db"
	conf_top=
	compact_old=$(ls "$(top_dir s3 huge)/$2" 2>/dev/null | wc -l)
	mark
	t=$(now)
	replicator "$W/$tool-huge.yml"
	r=$pid
	until_ok 180 more_files "$compact_old" "$(top_dir s3 huge)/$2" || {
		finish $r; return 1; }
	running $r || return 1
	t=$(minus "$(now)" "$t")
	sleep 3
	compact_rows "$1" "$t" "$(cpu $r)" "$(rss $r)"
}
more_files() { test "$(ls "$2" | grep -c 'ltx$')" -gt "$1"; }
compact_all_theirs() {
	# It may have put the first copy into level 1 when it began, or not.
	rm -f "$(top_dir s3 huge)"/0001/*.ltx
	compact_theirs "$whole" 0001 "$(every 5s 24h)" || return 0
	finish $r
	conf_top=$(never)
	conf "$W/$tool-huge.yml" s3 1s "$W/life/huge.db"
	conf_top=
	replicator "$W/$tool-huge.yml"
	r=$pid
	sleep 3
	compact_more
	finish $r
	compact_theirs "$one" 0001 "$(every 5s 24h)" || return 0
	compact_more
	finish $r
	compact_theirs "$snap" 0009 "$(every 24h 5s)" && finish $r
}
case_compact() {
	test -e "$W/huge.db" ||
	    "$BUILD/bench/load" fill "$W/huge.db" "$GB_MB" >>"$W/log"
	direct=$port port=$((port + 1))
	spawn "$W/log" "$BUILD/bench/count" $port "$direct" "$W/counted"
	counter=$pid
	until_ok 5 curl -s -o /dev/null "http://127.0.0.1:$port/"
	one="compaction, $GB_MB MB, S3: $SOME s of new commits"
	whole="compaction, $GB_MB MB, S3: all of it is merged"
	snap="snapshot, $GB_MB MB, S3"
	for tool in $TOOLS; do
		case $tool in 0.3) continue ;; esac
		# None before it is asked for.
		conf_top=$(never)
		compact_make || { conf_top=; continue; }
		conf_top=
		finish $r
		case $tool in
		ls) compact_ours "$one" ls-compact -l 1
			compact_ours "$snap" ls-snapshot -r
			rm -f "$(top_dir s3 huge)"/000[19]/*.ltx
			compact_ours "$whole" ls-compact -l 1 ;;
		*) compact_all_theirs ;;
		esac
		finish "$holder"
		rm -rf "$W/life" "$(top_dir s3 huge)"
	done
	finish "$counter"
	port=$direct
}
every() { # LEVEL1 SNAPSHOT: intervals, for $conf_top
	echo "levels:"
	echo "  - interval: $1"
	echo "snapshot:"
	echo "  interval: $2"
}
never() { every 24h 24h; }

# --- compacted: thousands of level-0 files, as they are and merged. Made by
# 0.5, which cuts them faster; ours and 0.5 restore the same. 0.3 has its own,
# and a snapshot of its own instead of a compaction.

compacted_before() {
	tool=0.5
	conf_top=$(never)
	many_make s3
	conf_top=
	tool=ls
	same_as_05
	conf "$W/ls-many-s3.yml" s3 1s "$W/big/many.db"
	for tool in $TOOLS; do
		test "$tool" != 0.3 || many_make s3
		restore_rows "$1" s3 many
	done
}
same_as_05() { # $tool gets the replica that 0.5 has
	same_to=$(top_dir s3 many)
	rm -rf "$same_to"
	mkdir -p "${same_to%/*}"
	cp -a "$W/s3/mybkt/0.5/many" "$same_to"
}
compacted_merge() { # CASE
	tool=ls
	: >"$W/measured"
	"$BUILD/bench/measure" "$W/measured" "$BUILD/bin/ls-compact" -q -l 1 \
	    "$(url s3 many)" >>"$W/log" 2>&1
	read -r wall sec kb code <"$W/measured"
	test "$code" = 0 || {
		say "ls-compact fails: $(tail -n 1 "$W/log")"; return 1; }
	result "$1" 'time, s' "$wall"
	result "$1" 'CPU, s' "$sec"
	result "$1" 'peak memory, MB' \
	    "$(echo "$kb" | awk '{ printf "%.1f", $1 / 1000 }')"
	rm -rf "$W/s3/mybkt/0.5/many"
	cp -a "$W/s3/mybkt/ls/many" "$W/s3/mybkt/0.5/many"
}
compacted_03() { # a snapshot on top
	conf_replica='snapshot-interval: 2s'
	conf "$W/0.3-many-s3.yml" s3 1s "$W/big/many.db"
	conf_replica=
	: >"$W/since"
	replicator "$W/0.3-many-s3.yml"
	r=$pid
	until_ok 60 newer_snapshot
	sleep 1
	finish $r
}
newer_snapshot() {
	find "$(top_dir s3 many)"/generations/*/snapshots -newer "$W/since" \
	    -name '*.lz4' | grep -q .
}
case_compacted() {
	big
	what="restore of $((MB * 99 / 100)) MB with $FILES files of level 0, S3"
	compacted_before "$what"
	compacted_merge "compaction of these files, S3" || return 0
	for tool in $TOOLS; do
		test "$tool" != 0.3 || compacted_03
		restore_rows "the same after compaction, S3" s3 many
	done
	rm -rf "$W"/s3/mybkt/*/many "$W"/big/many.db* "$W"/big/.many.db-litestream
}

# --- month: what S3 bills for requests, in dollars, storage left out

# us-east-1, S3 Standard, as of November 2026. DELETE is free; DeleteObjects is a
# POST, and is billed as one here.
PRICE_PUT=0.005 PRICE_GET=0.0004 # per 1,000: PUT, COPY, POST, LIST; GET, HEAD
MONTH=2592000                    # 30 days

month_start() { # sets the replicators of $tool going
	for what in idle hobby busy; do
		d=$W/life/$tool/$what.db
		mkdir -p "$W/life/$tool" "$W/s3/$tool-$what" "$W/run/$what"
		cp "$W/small.db" "$d"
		# So that deleting has begun in time; all else is as both have
		# it by default. A writer of ours that was quiet for half of
		# this asks for a list, which one write a minute is not.
		conf_top='l0-retention: 130s' conf_bucket=1
		conf "$W/$tool-$what.yml" s3 1s "$d"
		conf_top= conf_bucket=
		run_dir=$W/run/$what
		replicator "$W/$tool-$what.yml"
		months="$months $pid"
		test $tool = ls || continue
		spawn "$W/tend.log" "$BUILD/bin/ls-tend" \
		    -c "$W/$tool-$what.yml" --run-dir "$run_dir"
		months="$months $pid"
	done
	run_dir=
}
month_write() { # TPS NAME
	for tool in $MONTH_TOOLS; do
		spawn "$W/log" "$BUILD/bench/load" rate "$W/life/$tool/$2.db" \
		    "$1" $((WARM + WINDOW + 60)) "$W/$tool-$2.commits"
		months="$months $pid"
	done
}
month_rows() { # NAME: of the requests from $mark_requests on
	what="a month of it, by $WINDOW s: $1"
	head -n "$mark_end" "$W/access" | tail -n +$((mark_requests + 1)) |
	    awk -v b="$tool-$1" -v f="$(echo $MONTH $WINDOW |
	    awk '{ print $1 / $2 }')" -v put=$PRICE_PUT -v get=$PRICE_GET '
	    $2 != b { next }
	    $8 ~ /List/ { l++; next }
	    $8 ~ /DeleteObject$|Abort/ { d++; next }
	    $8 ~ /Get|Head/ { g++; next }
	    { p++ }
	    END {
		printf "PUT, COPY, POST\t%.0f\nLIST\t%.0f\n", p * f, l * f
		printf "GET, HEAD\t%.0f\nDELETE, free\t%.0f\n", g * f, d * f
		printf "dollars\t%.2f\n", f * ((p + l) * put + g * get) / 1000
	    }' >"$W/month"
	while IFS='	' read -r metric value; do
		result "$what" "$metric" "$value"
	done <"$W/month"
}
case_month() {
	small
	months= MONTH_TOOLS=
	for tool in $TOOLS; do
		test $tool != 0.3 || continue
		MONTH_TOOLS="$MONTH_TOOLS $tool"
		month_start
	done
	sleep 10
	month_write 0.0166667 hobby
	month_write 10 busy
	sleep "$WARM"
	mark_requests=$(wc -l <"$W/access")
	sleep "$WINDOW"
	mark_end=$(wc -l <"$W/access")
	for p in $months; do
		kill -0 "$p" 2>/dev/null || say "one of them ended early"
	done
	for name in idle hobby busy; do
		for tool in $MONTH_TOOLS; do month_rows $name; done
	done
	for p in $months; do finish "$p"; done
	rm -rf "$W/life" "$W"/s3/*-idle "$W"/s3/*-hobby "$W"/s3/*-busy
}
