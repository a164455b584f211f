# What bench/run is made of: tools, replicas, gauges. POSIX sh.

# Litestream 0.5 does not start with AWS_CA_BUNDLE set.
unset AWS_CA_BUNDLE AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY

say() { printf '%s\n' "bench: $*" >&2; }

# result CASE METRIC VALUE: of the tool in $tool.
result() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$tool" "$3" >>"$W/results"; }

now() { date +%s.%N; }
minus() { echo "$1 $2" | awk '{ printf "%.3f", $1 - $2 }'; }

# --- processes

cpu() { # PID: seconds so far, ended threads included
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*[)] /, ""); split($0, a, " ")
	    printf "%.2f", (a[12] + a[13]) / hz }' "/proc/$1/stat"
}
wakeups() { # PID: voluntary context switches of its threads
	cat /proc/"$1"/task/*/status |
	    awk '/^voluntary/ { s += $2 } END { print s + 0 }'
}
rss() { # PID: peak, MB
	awk '/^VmHWM/ { printf "%.1f", $2 / 1000 }' "/proc/$1/status"
}

pids=
spawn() { # LOG CMD...: sets $pid
	spawn_log=$1; shift
	"$@" >>"$spawn_log" 2>&1 </dev/null &
	pid=$!
	pids="$pids $pid"
}
finish() { # PID
	kill "$1" 2>/dev/null
	finish_n=0
	while kill -0 "$1" 2>/dev/null && test $finish_n -lt 300; do
		sleep 0.1
		finish_n=$((finish_n + 1))
	done
	kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	finish_rest=
	for p in $pids; do
		test "$p" = "$1" || finish_rest="$finish_rest $p"
	done
	pids=$finish_rest
}

until_ok() { # SECONDS CMD...
	until_n=$(($1 * 10)); shift
	until "$@" >/dev/null 2>&1; do
		until_n=$((until_n - 1))
		test $until_n -gt 0 || { say "gave up waiting for: $*"; return 1; }
		sleep 0.1
	done
}

# --- the S3 server, with one line per request in $W/access

s3_start() {
	port=$(awk 'BEGIN { srand(); print 20000 + int(rand() * 12000) }')
	mkdir -p "$W/s3/mybkt"
	spawn "$W/versitygw.log" "$PEERS/versitygw" --port "127.0.0.1:$port" \
	    --access minioadmin --secret minioadmin --quiet \
	    --access-log "$W/access" posix "$W/s3"
	until_ok 10 curl -s -o /dev/null "http://127.0.0.1:$port/" || exit 111
	AWS_ACCESS_KEY_ID=minioadmin AWS_SECRET_ACCESS_KEY=minioadmin
	LITESTREAM_ACCESS_KEY_ID=minioadmin
	LITESTREAM_SECRET_ACCESS_KEY=minioadmin
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export LITESTREAM_ACCESS_KEY_ID LITESTREAM_SECRET_ACCESS_KEY
}
requests() { # [OPERATION]: so far
	grep -c "s3_${1:-}" "$W/access" 2>/dev/null
}
network() { # bytes over the loopback interface so far, both directions
	awk '$1 == "lo:" { print $2 }' /proc/net/dev
}

# --- tools: ls, 0.5, 0.3

# replicator CONF: starts $tool, sets $pid; ours with its run directory in
# $run_dir, if more than one of them runs.
run_dir=
replicator() {
	set -- "$1" "$W/replicator.log"
	: >"$2"
	case $tool in
	ls) LS_RUN_DIR=${run_dir:-$W/run} spawn "$2" "$BUILD/bin/ls-walship" -c "$1" ;;
	*) spawn "$2" "$PEERS/litestream-$tool" replicate -config "$1" ;;
	esac
}

# conf OUT KIND SYNC DB...: litestream.yml, the same for all of them. The
# replica of /x/NAME.db is NAME in $W/file or in the bucket. Keys at the top
# are in $conf_top, others of each replica in $conf_replica; with $conf_bucket
# each replica has a bucket of its own.
conf_top= conf_replica= conf_bucket=
conf() {
	conf_out=$1 conf_kind=$2 conf_sync=$3; shift 3
	{
	test -z "$conf_top" || echo "$conf_top"
	echo dbs:
	for d; do
		conf_n=${d##*/} conf_n=$tool/${conf_n%.db} conf_b=mybkt
		test -z "$conf_bucket" || conf_b=$tool-${conf_n#*/}
		echo "  - path: $d"
		test "$conf_sync" = 1s || echo "    monitor-interval: $conf_sync"
		echo "    replicas:"
		if test "$conf_kind" = file; then
			echo "      - path: $W/file/$conf_n"
		else
			echo "      - type: s3"
			echo "        bucket: $conf_b"
			echo "        path: $conf_n"
			echo "        endpoint: http://127.0.0.1:$port"
			echo "        region: us-east-1"
			echo "        force-path-style: true"
			echo "        access-key-id: minioadmin"
			echo "        secret-access-key: minioadmin"
		fi
		echo "        sync-interval: $conf_sync"
		test -z "$conf_replica" || echo "        $conf_replica"
	done
	} >"$conf_out"
}

top_dir() { # KIND NAME: where a replica is
	if test "$1" = file; then echo "$W/file/$tool/$2"
	else echo "$W/s3/mybkt/$tool/$2"; fi
}
l0_dir() { # KIND NAME: the folder that new commits appear in
	top_d=$(top_dir "$1" "$2")
	case $tool-$1 in
	0.3-*) echo "$top_d"/generations/*/wal ;;
	*-file) echo "$top_d/ltx/0" ;;
	*) echo "$top_d/0000" ;;
	esac
}
has_l0() { # KIND NAME
	test -n "$(ls "$(l0_dir "$1" "$2")" 2>/dev/null | grep -v tmp)"
}
has_snapshot() { # KIND NAME: what a first copy ends with
	top_d=$(top_dir "$1" "$2")
	case $tool-$1 in
	0.3-*) ls "$top_d"/generations/*/snapshots/*.lz4 ;;
	*-file) ls "$top_d"/ltx/9/*.ltx ;;
	*) ls "$top_d"/0009/*.ltx ;;
	esac
}

url() { # KIND NAME: a replica, for ours
	if test "$1" = file; then echo "file://$W/file/$tool/$2"
	else echo "s3://mybkt/$tool/$2?endpoint=http://127.0.0.1:$port&region=us-east-1"; fi
}
restore() { # KIND NAME DB CONF OUT: restores into OUT, appends to $W/measured
	rm -f "$5" "$5"-* "$5".*
	case $tool in
	ls) "$BUILD/bench/measure" "$W/measured" "$BUILD/bin/ls-restore" \
		    -o "$5" "$(url "$1" "$2")" ;;
	*) "$BUILD/bench/measure" "$W/measured" "$PEERS/litestream-$tool" \
	    restore -config "$4" -o "$5" "$3" ;;
	esac >>"$W/log" 2>&1
}

# running PID: if not, says why
running() {
	kill -0 "$1" 2>/dev/null && return
	say "$tool ended: $(tail -n 2 "$W/replicator.log")"
	return 1
}

# --- replica folders watched

watch() { # DIR LOG: sets $watcher
	spawn "$W/watch.log" "$BUILD/bench/watch" "$1" "$2"
	watcher=$pid
	until_ok 5 sh -c 'grep -q inotify /proc/$0/fdinfo/*' "$watcher"
}
# settled LOG PID: nothing new, and no work, for three seconds (at most two
# minutes)
settled() {
	settled_n=0 settled_last=
	for _ in $(seq 120); do
		settled_now="$(wc -l <"$1") $(cpu "$2" | cut -c1-3)"
		if test "$settled_now" = "$settled_last"; then
			settled_n=$((settled_n + 1))
			test $settled_n -lt 3 || return 0
		else
			settled_n=0 settled_last=$settled_now
		fi
		sleep 1
	done
	say "$1 does not settle"
}

# lags COMMITS EVENTS: "median p99" in ms from a commit to the appearance of
# the first file whose contents were taken after it.
lags() {
	awk 'NR == FNR { if ($2) { t[++n] = $1; h[n] = $2 } next }
	    { while (j < n && (j == 0 || h[j] < $1)) j++
	      if (j && h[j] >= $1) print t[j] - $1 }' "$2" "$1" | sort -n |
	    awk '{ a[NR] = $1 } END { if (NR) printf "%.0f %.0f",
		a[int((NR + 1) / 2)], a[int(NR * 0.99 + 0.999)]
		else print "- -" }'
}
median() { # numbers on stdin
	sort -n | awk '{ a[NR] = $1 } END { if (NR) print a[int((NR + 1) / 2)]
	    else print "-" }'
}
