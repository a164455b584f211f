# What a container must do that a box without one has not: sourced after
# tests/s6/table.sh.

once() { # NAME CODE [VAR=VALUE...] -- APP'S ARGUMENTS: runs to its end
	once_name=$1 once_code=$2; shift 2
	box "$once_name" DB_PATH="$db" REPLICA_URL="$rep" "$@"
	box_wait "$once_name"
	test "$status" = "$once_code" && kept "$once_name" && return
	echo "exit $status"
	cat "$T/$once_name.log"
	return 1
}

# Told to end at every moment of a start: the application is not started
# beside a replication that ends, and one that was started loses nothing.
part_told() {
	fresh told
	box to DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" after=2
	box_wait to
	i=0 bad=
	while test $i -lt "${TOLD:-20}"; do
		i=$((i + 1))
		rm -rf "$dir"/data/app.db* "$dir"/data/.app.db-litestream
		: >"$T/to.log"
		box to DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" rate=100
		wait_for 10 box_begun to
		sleep "0.$(printf %03d $((i * 53 % 400)))"
		box_stop to
		grep -q '^app: begins' "$T/to.log" || continue
		# After this line of ls-walship nothing may be written.
		order to '^app: ends' 'ending, shipping what is left' \
		    >"$T/why" 2>&1 && kept to >>"$T/why" 2>&1 ||
		    bad="$bad $i: $(cat "$T/why")"
	done
	is "$i starts told to end lose nothing" "$bad" ''

	# A restore that lasts: it is not waited for.
	printf '#!/bin/sh\nsleep 15\nexec /usr/local/bin/ls-restore "$@"\n' >"$dir/slow"
	chmod 755 "$dir/slow"
	i=0 bad= seen=0
	while test $i -lt "${TOLD:-20}"; do
		i=$((i + 1))
		lose
		: >"$T/tr.log"
		box_opts="-v $dir/slow:/usr/local/sbin/ls-restore"
		box tr DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db"
		wait_for 10 box_pid tr ls-restore && seen=$((seen + 1))
		box_stop tr 12
		! grep -q '^app:' "$T/tr.log" || bad="$bad $i: $(cat "$T/tr.log")"
		test "$status" = 143 || bad="$bad $i: exit $status"
	done
	is "$i restores told to end start no application" "$bad" ''
	is 'each was in the middle of one' "$seen" "$i"
}

# A database beside no other file, in the root of the container: where that is
# a file system of FUSE, nothing tells what is written there.
part_root() {
	fresh root
	db=/app.db
	ok 'a database in /' once rt 0 -- "$app" "$db" after=1
}

part_readonly() {
	fresh readonly
	box_opts='--read-only --tmpfs /run:exec -e S6_READ_ONLY_ROOT=1'
	ok 'a root that is read-only' once ro 0 -- "$app" "$db" after=1
}

# Another user of the whole container; volumes of several owners.
part_uid() {
	fresh uid
	chmod 711 "$T"
	chmod 755 "$dir" "$dir/data" "$dir/replica"
	chown 10001:10001 "$dir/data" "$dir/replica"
	box_opts='--user 10001:10001 --tmpfs /run:exec,uid=10001,gid=10001,mode=0755'
	ok '--user and a volume of that user' once ui1 0 -- "$app" "$db" after=1
	like 'it is that user' "$(cat "$T/ui1.log")" '^app: begins .* uid=10001 '
	box_opts='--user 10001:10001 --tmpfs /run:exec,uid=10001,gid=10001,mode=0755 --security-opt no-new-privileges --read-only -e S6_READ_ONLY_ROOT=1'
	ok 'no new privileges and read-only besides' once ui2 0 -- "$app" "$db" after=1
	ok 'then as root on the same volume' once ui3 0 -- "$app" "$db" after=1
	ok 'then by APP_UID' once ui4 0 APP_UID=10001 -- "$app" "$db" after=1
	chown -R 0:0 "$dir/data"
	box_opts='--user 10001:10001 --tmpfs /run:exec,uid=10001,gid=10001,mode=0755'
	n=0
	refused '--user and a volume of root' 'give the volume to 10001|not writable by user 10001' \
	    DB_PATH="$db" REPLICA_URL="$rep"
	test -z "${S6_OVERLAY_DIR:-}" || {
		chown -R 10001:10001 "$dir/data"
		box_opts='--user 10001:10001'
		ok '--user without a tmpfs' once ui5 0 -- "$app" "$db" after=1
	}
}

part_caps() {
	fresh caps
	chmod 777 "$T"
	box_opts='--cap-drop ALL'
	ok 'no capability at all' once ca1 0 -- "$app" "$db" after=1
	box_opts='--security-opt no-new-privileges'
	ok 'no new privileges' once ca2 0 -- "$app" "$db" after=1
	box_opts='--cap-drop ALL' n=0
	refused 'another user without the capabilities' 'unable to become user 4321|unable to give' \
	    DB_PATH="$db" REPLICA_URL="$rep" APP_UID=4321
}

# Not process 1: the same order without s6.
part_notfirst() {
	fresh notfirst
	box_opts=--init
	box nf1 DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db" term=5
	ok '--init: the application starts' says nf1 '^app: begins'
	sleep 1
	box_stop nf1
	is 'its exit code is kept' "$status" 5
	ok 'nothing is lost' kept nf1
	lose
	box_opts=--init
	ok 'it is brought back' once nf2 42 -- "$app" "$db" after=1 exit=42
	like 'from the replica' "$(cat "$T/nf2.log")" 'msg=restored'
	box_opts=--init n=200
	refused 'configuration errors' 'no replica is configured'
	is 'with their own code' "$status" 102
}

health_is() {
	test "$(docker inspect -f '{{.State.Health.Status}}' "$own-$1")" = "$2"
}
part_health() {
	fresh health
	fast='--health-interval 1s --health-retries 2 --health-start-period 1s'
	box_opts=$fast
	box he DB_PATH="$db" REPLICA_URL="$rep" -- "$app" "$db"
	ok 'the container becomes healthy' wait_for 30 health_is he healthy
	box_kill he ls-walship STOP
	ok 'unhealthy where replication hangs' wait_for 120 health_is he unhealthy
	box_kill he ls-walship CONT
	ok 'and healthy again' wait_for 60 health_is he healthy
	box_stop he
	box_opts=$fast
	box hd DB_PATH="$db" REPLICA_URL="$rep" LS_REPLICATION=off -- "$app" "$db"
	ok 'no replication on purpose is healthy' wait_for 30 health_is hd healthy
	box_stop hd
}

# The application's environment, folder and signals are plain Docker's.
part_environment() {
	fresh environment
	env_of() { # OPTIONS of docker run, IMAGE CMD
		docker run --rm --hostname h --network none -e DB_PATH="$db" \
		    -e REPLICA_URL="$rep" -e 'MY=a "quoted" $value' -v "$T:$in" \
		    -w /usr/games "$@" 2>/dev/null | sort
	}
	env_of --name "$own-env1" "$image_app" env >"$T/env.s6"
	env_of --name "$own-env2" --entrypoint env "$image_app" >"$T/env.plain"
	ok 'the application'\''s environment is plain Docker'\''s' \
	    diff "$T/env.plain" "$T/env.s6"
	like 'there is one' "$(cat "$T/env.s6")" '^MY=a "quoted"'
	env_of --name "$own-env4" --init "$image_app" env >"$T/env.init"
	ok 'also where something else is process 1' \
	    diff "$T/env.plain" "$T/env.init"
	is 'no signal is blocked' "$(env_of --name "$own-env5" "$image_app" \
	    sed -n 's/^SigBlk:	*0*//p' /proc/self/status)" ''
	is 'so is its folder' "$(env_of --name "$own-env3" "$image_app" pwd)" /usr/games
	box in DB_PATH="$db" REPLICA_URL="$rep" -- sh -c 'trap "echo app: interrupted; exit 7" INT; echo app: begins; while :; do sleep 0.1; done'
	says in '^app: begins'
	docker kill -s INT "$own-in" >/dev/null
	wait_for 10 eval '! alive in' || docker kill "$own-in" >/dev/null
	box_wait in
	is 'INT reaches it' "$status" 7
}

part_nothing() {
	fresh nothing
	out=$(docker run --rm --name "$own-no" --network none -e DB_PATH="$db" \
	    -e REPLICA_URL="$rep" "$image" 2>&1)
	is 'no program at all' $? 100
	like 'is said' "$out" 'no program to run: give the image a CMD'
	out=$(docker run --rm --init --name "$own-no" --network none -e DB_PATH="$db" \
	    -e REPLICA_URL="$rep" "$image" 2>&1)
	is 'nor with an init' $? 100
}
