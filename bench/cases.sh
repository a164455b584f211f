# The measurements. Each sets $tool, measures, and calls result.

case_size() {
	tool=ls
	rm -rf "$W/inst"
	make -s BUILD="$BUILD" install DESTDIR="$W/inst" PREFIX=/usr >>"$W/log" 2>&1
	result 'all programs, installed' 'MB' \
	    "$(find "$W/inst/usr/bin" -type f -exec cat {} + | wc -c |
	    awk '{ printf "%.2f", $1 / 1e6 }')"
	for tool in $TOOLS; do
		test "$tool" != ls || continue
		result 'all programs, installed' 'MB' \
		    "$(wc -c <"$PEERS/litestream-$tool" |
		    awk '{ printf "%.1f", $1 / 1e6 }')"
	done
}

# --- idle: nothing happens to the databases

all_there() { # DB...
	for d; do
		d=${d##*/}
		has_l0 s3 "${d%.db}" || return 1
	done
}
idle_one() { # NUMBER
	what="idle $SECS s, $1 database$(test "$1" = 1 || echo s), S3"
	set -- "$1" $(seq -f "$W/db/$tool-idle$1-%g.db" "$1")
	number=$1; shift
	rm -rf "$W/db"
	mkdir -p "$W/db"
	for d; do cp "$W/small.db" "$d"; done
	conf "$W/conf.yml" s3 1s "$@"
	replicator "$W/conf.yml"
	r=$pid
	until_ok 120 all_there "$@"
	running $r || return 0
	sleep 10
	c=$(cpu $r) w=$(wakeups $r) q=$(requests) l=$(requests List)
	sleep "$SECS"
	result "$what" 'CPU, s' "$(minus "$(cpu $r)" "$c")"
	result "$what" 'wake-ups' "$(($(wakeups $r) - w))"
	result "$what" 'requests' "$(($(requests) - q))"
	result "$what" 'of these LIST' "$(($(requests List) - l))"
	result "$what" 'peak memory, MB' "$(rss $r)"
	finish $r
	rm -rf "$W/s3/mybkt/$tool" "$W/db"
}
case_idle() {
	small
	for count in 1 "$DBS"; do
		for tool in $TOOLS; do idle_one "$count"; done
	done
}
small() {
	test -e "$W/small.db" ||
	    "$BUILD/bench/load" fill "$W/small.db" 1 >>"$W/log"
}

# begin KIND NAME DB: a replicator of one database, copied and at rest. Sets
# $r, and $dir, the folder of new commits.
begin() {
	conf "$W/$tool-$2.yml" "$1" 1s "$3"
	replicator "$W/$tool-$2.yml"
	r=$pid
	until_ok 120 has_l0 "$1" "$2"
	running $r || return 1
	dir=$(l0_dir "$1" "$2")
	sleep 3
}

# --- rate: 200 transactions a second, then single ones

rate_one() { # KIND
	what="200 tx/s for $SECS s, $1"
	mkdir -p "$W/db"
	d=$W/db/rate.db
	cp "$W/medium.db" "$d"
	begin "$1" rate "$d" || return 0
	watch "$dir" "$W/events"
	c=$(cpu $r)
	"$BUILD/bench/load" rate "$d" 200 "$SECS" "$W/commits" >>"$W/log"
	sleep 2
	result "$what" 'CPU, s' "$(minus "$(cpu $r)" "$c")"
	set -- "$1" $(lags "$W/commits" "$W/events")
	result "$what" 'lag, median, ms' "$2"
	result "$what" 'lag, p99, ms' "$3"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 2.5
		n=$(wc -l <"$W/events")
		"$BUILD/bench/load" rate "$d" 1 1 "$W/commits" >>"$W/log"
		until_ok 10 more_than "$n" "$W/events" || continue
		tail -n +$((n + 1)) "$W/events" | head -n 1 |
		    awk -v c="$(cat "$W/commits")" '{ print $1 - c }'
	done >"$W/first"
	result "$what" 'first commit after idle, ms' \
	    "$(median <"$W/first" | awk '{ printf "%.1f", $1 }')"
	result "$what" 'peak memory, MB' "$(rss $r)"
	finish "$watcher"
	finish $r
	rm -rf "$W/db" "$(top_dir "$1" rate)"
}
more_than() { test "$(wc -l <"$2")" -gt "$1"; }
case_rate() {
	"$BUILD/bench/load" fill "$W/medium.db" 20 >>"$W/log"
	for k in file s3; do
		for tool in $TOOLS; do rate_one $k; done
	done
}

# --- burst: a load as fast as it goes

burst_base() {
	tool=base
	mkdir -p "$W/db"
	"$BUILD/bench/load" wal "$W/db/base.db" "$MB" >>"$W/log"
	for _ in $(seq "$RUNS"); do
		: >"$W/measured"
		"$BUILD/bench/measure" "$W/measured" sh -c \
		    'lz4 -1 -q -f "$1-wal" "$1.lz4" && cp "$1.lz4" "$1.copy"' \
		    - "$W/db/base.db"
		for k in file s3; do
			result "$MB MB load, $k" 'catch-up, s' \
			    "$(cut -d' ' -f1 "$W/measured")"
		done
		rm -f "$W"/db/base.db.*
		# The writer with nobody beside it.
		cp "$W/small.db" "$W/db/alone.db"
		out=$("$BUILD/bench/load" burst "$W/db/alone.db" "$MB")
		rm -f "$W"/db/alone.db*
		for k in file s3; do burst_writer "$MB MB load, $k"; done
	done
	rm -rf "$W/db"
}
burst_writer() { # CASE: what the writer said in $out
	result "$1" 'largest WAL, MB' "${out##*wal_mb=}"
	out_p99=${out##*p99_us=}
	result "$1" 'writer p99, ms' \
	    "$(echo "${out_p99%% *}" | awk '{ printf "%.1f", $1 / 1000 }')"
	out_s=${out##*seconds=}
	result "$1" 'writer, s' "${out_s%% *}"
}
burst_one() { # KIND
	what="$MB MB load, $1"
	mkdir -p "$W/db"
	d=$W/db/burst.db
	cp "$W/small.db" "$d"
	begin "$1" burst "$d" || return 0
	watch "$dir" "$W/events"
	c=$(cpu $r)
	out=$("$BUILD/bench/load" burst "$d" "$MB")
	t=$(now)
	settled "$W/events" $r
	result "$what" 'CPU, s' "$(minus "$(cpu $r)" "$c")"
	result "$what" 'catch-up, s' "$(awk -v t="$t" '
	    { x = $1 / 1000 } x > t { last = x }
	    END { printf "%.2f", last ? last - t : 0 }' "$W/events")"
	result "$what" 'peak memory, MB' "$(rss $r)"
	burst_writer "$what"
	finish "$watcher"
	finish $r
	rm -rf "$W/db" "$(top_dir "$1" burst)"
}
case_burst() {
	small
	burst_base
	for _ in $(seq "$RUNS"); do
		for k in file s3; do
			for tool in $TOOLS; do burst_one $k; done
		done
	done
}

# --- first: the first full copy, which the next two need

big() {
	test -e "$W/big/big.db" && return
	mkdir -p "$W/big"
	"$BUILD/bench/load" fill "$W/big/big.db" $((MB * 99 / 100)) >>"$W/log"
}
first_one() { # KIND
	what="first copy of $((MB * 99 / 100)) MB, $1"
	rm -rf "$(top_dir "$1" big)" "$W"/big/.big.db-litestream
	rm -f "$W"/big/big.db-wal "$W"/big/big.db-shm
	conf "$W/$tool-big-$1.yml" "$1" 1s "$W/big/big.db"
	u=$(network)
	t=$(now)
	replicator "$W/$tool-big-$1.yml"
	r=$pid
	until_ok 120 has_snapshot "$1" big
	running $r || return 0
	result "$what" 'time, s' "$(minus "$(now)" "$t")"
	sleep 5
	result "$what" 'CPU, s' "$(cpu $r)"
	result "$what" 'peak memory, MB' "$(rss $r)"
	test "$1" = file || result "$what" 'network, MB' \
	    "$(minus "$(network)" "$u" | awk '{ printf "%.0f", $1 / 1e6 }')"
	finish $r
	rm -rf "$W/big/.big.db-litestream"
}
case_first() {
	big
	for _ in $(seq "$RUNS"); do
		for k in file s3; do
			for tool in $TOOLS; do first_one $k; done
		done
	done
	firsts=1
}
firsts=0
need_first() {
	test $firsts = 0 || return 0
	big
	for k in file s3; do
		for tool in $TOOLS; do first_one $k; done
	done
	grep -v '^first copy' "$W/results" >"$W/r2"
	mv "$W/r2" "$W/results"
	firsts=1
}

# --- restore

restore_rows() { # WHAT KIND REPLICA
	for _ in $(seq "$RUNS"); do
		: >"$W/measured"
		sync
		restore "$2" "$3" "$W/big/$3.db" "$W/$tool-$3-$2.yml" "$W/out.db"
		read -r wall sec kb code <"$W/measured"
		if test "$code" != 0; then
			say "restore fails: $tool $1"
			tail -n 3 "$W/log" >&2
			return 1
		fi
		result "$1" 'time, s' "$wall"
		result "$1" 'CPU, s' "$sec"
		result "$1" 'peak memory, MB' \
		    "$(echo "$kb" | awk '{ printf "%.1f", $1 / 1000 }')"
	done
	sqlite3 "$W/out.db" 'PRAGMA quick_check' | grep -qx ok ||
	    say "restored by $tool: not sound"
	rm -f "$W"/out.db*
}
restore_base() {
	tool=base
	lz4 -1 -q -f "$W/big/big.db" "$W/base.lz4"
	for _ in $(seq "$RUNS"); do
		: >"$W/measured"
		sync
		"$BUILD/bench/measure" "$W/measured" sh -c \
		    'lz4 -d -q -f "$1/base.lz4" "$1/out" && sync "$1/out"' - "$W"
		for k in file s3; do
			result "restore of $((MB * 99 / 100)) MB, $k" 'time, s' \
			    "$(cut -d' ' -f1 "$W/measured")"
		done
		rm -f "$W/out"
	done
	rm -f "$W/base.lz4"
}
case_restore() {
	need_first
	restore_base
	for k in file s3; do
		for tool in $TOOLS; do
			restore_rows "restore of $((MB * 99 / 100)) MB, $k" $k big
		done
	done
}

# --- many: thousands of level-0 files on top. Ours and 0.5 restore the same
# replica, made by ls-walship; 0.3 one of its own.

many_make() { # KIND
	d=$W/big/many.db
	rm -rf "$W"/big/many.db* "$W"/big/.many.db-litestream
	cp "$W/big/big.db" "$d"
	conf "$W/$tool-many-$1.yml" "$1" 4ms "$d"
	replicator "$W/$tool-many-$1.yml"
	r=$pid
	until_ok 120 has_snapshot "$1" many
	until_ok 120 has_l0 "$1" many
	running $r || return 1
	# Ours are cut at most every 70 ms or so, some 15 a second.
	test $tool = ls && per=15 || per=100
	for _ in $(seq 40); do
		n=$(ls "$(l0_dir "$1" many)" | wc -l)
		test "$n" -lt "$FILES" || break
		"$BUILD/bench/load" rate "$d" 100 $(((FILES - n) / per + 1)) \
		    "$W/commits" >>"$W/log"
		sleep 1
	done
	finish $r
	say "$tool $1: $(ls "$(l0_dir "$1" many)" | wc -l) files"
}
many_one() { # KIND
	what="restore of the same with $FILES level-0 files, $1"
	case $tool in
	0.5) from=$(tool=ls; top_dir "$1" many)
		test -d "$from" && rm -rf "$(top_dir "$1" many)"
		mkdir -p "$(top_dir "$1" .)"
		conf "$W/0.5-many-$1.yml" "$1" 1s "$W/big/many.db"
		cp -a "$from" "$(top_dir "$1" many)" ;;
	*) many_make "$1" || return 0 ;;
	esac
	restore_rows "$what" "$1" many
}
case_many() {
	need_first
	for k in file s3; do
		for tool in $TOOLS; do many_one $k; done
		rm -rf "$W"/file/*/many "$W"/s3/mybkt/*/many
	done
}
