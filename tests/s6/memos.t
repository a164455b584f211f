#!/bin/sh
# run: plain
# The services and the entry point of the memos image under Debian's s6, and
# without it, with stand-ins for memos and memogram and a real S3 server: the
# four schemes, every combination of the environment that is wrong, and that
# nothing is lost in any of them.
. tests/lib.sh
. tests/s6/box.sh
. tests/s6/table.sh
need sqlite3
need_peer versitygw litestream-0.5 litestream-0.3
box_need
make -s install-memos S6LIB="$T/lib" S6RC="$T/etc/s6-rc.d" PREFIX="$T/local" \
    S6RUN=@RUN@ EXECLINEB="$(command -v execlineb)" >/dev/null ||
    bail 'install-memos'
cp -R images/memos/etc/s6-overlay/user-bundles.d "$T/etc/"
# Every box has its own of what is one in a container.
sed -i -e 's#@RUN@#$RUNNER_RUN#g' -e 's#/usr/local/memos#$RUNNER_HOME#g' \
    -e 's#/var/opt/memos#$RUNNER_DATA#g' $(find "$T/lib" -type f)
s3_start
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
keys='AWS_ACCESS_KEY_ID=minioadmin AWS_SECRET_ACCESS_KEY=minioadmin'
half=AWS_EC2_METADATA_DISABLED=true

# fresh_memos NAME: sets $dir, $home, $port, $bucket (what turns replication on)
fresh_memos() {
	fresh "$1"
	chmod 755 "$dir" "$dir/data"
	db=$in/$1/data/memos_prod.db home=$dir/home port=$(free_port)
	mkdir "$home"
	cp "$BUILD/tests/memos" tests/s6/memogram "$home/"
	chmod 711 "$T"
	bucket="LITESTREAM_REPLICA_BUCKET=mybkt LITESTREAM_REPLICA_PATH=$1
	    LITESTREAM_REPLICA_ENDPOINT=$S3_ENDPOINT $keys"
}
plain_memos() { rm "$home/memogram"; }
# As the image sets them.
image_env() {
	echo "RUNNER_DATA=$dir/data RUNNER_HOME=$home TZ=UTC MEMOS_MODE=prod
	    MEMOS_PORT=$port DB_PATH=$dir/data/memos_prod.db ALLOWED_USERNAMES=
	    S6_CMD_ARG0= AWS_EC2_METADATA_DISABLED=true"
}
mbox() { # NAME VAR=VALUE...: under s6
	mbox_name=$1; shift
	# shellcheck disable=SC2046
	box "$mbox_name" $(image_env) "$@" --
}
dbox() { # NAME VAR=VALUE...: the entry point where it is not process 1
	dbox_name=$1; shift
	mkdir -p "$T/run-$dbox_name"
	# shellcheck disable=SC2046
	start "$dbox_name" env -i \
	    PATH="$T/shim:$BUILD/bin:/usr/lib/execline/bin:/usr/bin:/bin" \
	    RUNNER_RUN="$T/run-$dbox_name" HOME=/root \
	    LS_RUN_DIR="$T/run-$dbox_name/ls-s6" $(image_env) "$@" \
	    "$T/local/memos/entrypoint.sh" ignored arguments
}
rows_of() { sed -n 's/^app: \(ends\|dies\) rows=//p' "$T/$1.log" | tail -n 1; }
kept_memos() { # NAME PATH
	rm -f "$dir"/copy.db*
	# shellcheck disable=SC2086
	env $keys ls-restore -q -o "$dir/copy.db" "$(s3_url "$2")" || return
	kept_rows=$(rows_of "$1")
	is_rows=$(sql "$dir/copy.db" 'SELECT count(*) FROM t')
	test -n "$kept_rows" && test "$is_rows" = "$kept_rows" && integrity "$dir/copy.db" || {
		echo "restored $is_rows rows, memos had $kept_rows"
		cat "$T/$1.log"; return 1; }
}
up() { says "$1" '^app: begins' || bail "$(cat "$T/$1.log")"; }
lose_memos() { rm -rf "$dir"/data/memos* "$dir"/data/.memos*; }

# --- the four schemes, under s6 and without it

for how in mbox dbox; do
	b=$(echo $how | cut -c 1)
	fresh_memos "${b}one"
	plain_memos
	$how ${b}1 $bucket
	up ${b}1
	ok "$how: memos with replication" wait_for 20 box_healthy ${b}1
	box_stop ${b}1
	is 'ends with memos'\'' code' "$status" 0
	ok 'in order' order ${b}1 'memos on port .* database .*/memos_prod.db, memogram off' \
	    'attachments .* are not backed up' \
	    'No database found, restoring from replica if exists' \
	    "^app: begins rows=0 .*port=$port data=$dir/data dsn=$db .*tz=UTC" '^app: ends'
	ok 'nothing is lost' kept_memos ${b}1 "${b}one"
	rows=$(rows_of ${b}1)
	ok 'pages are kept as every Litestream 0.5 reads them' eval \
	    'find "$S3_DIR/mybkt/${b}one" -name "*.ltx" -exec cat {} + | od -An -v -tx1 | tr -d " \n" | grep -q 04224d18'
	lose_memos
	$how ${b}2 $bucket FAKE_AFTER=2 FAKE_EXIT=3
	box_wait ${b}2
	is 'an end of its own' "$status" 3
	ok 'after going on where it was' order ${b}2 'msg=restored' "^app: begins rows=$rows " \
	    '^app: ends' 'memos has ended by itself'
	ok 'nothing is lost then' kept_memos ${b}2 "${b}one"
	$how ${b}3 $bucket FAKE_AFTER=2
	box_wait ${b}3
	is 'an end of its own with 0 is no success' "$status" 1
	$how ${b}4 $bucket FAKE_AFTER=2 FAKE_DIE=9
	box_wait ${b}4
	is 'a death by signal' "$status" 137
	ok 'loses nothing' kept_memos ${b}4 "${b}one"

	fresh_memos "${b}two"
	$how ${b}5 $bucket BOT_TOKEN=good MEMOS_TOKEN=tok:en TG_ID=4711
	says ${b}5 '^memogram: begins' || bail "$(cat "$T/${b}5.log")"
	pass "$how: memos with replication and memogram"
	ok 'which finds memos, and has the token in its file' order ${b}5 '^app: begins' \
	    "^memogram: begins server=dns:localhost:$port data=$home/data.txt mode=600 cwd=$home"
	is 'as it wants it' "$(cat "$home/data.txt")" 4711:tok:en
	box_stop ${b}5
	is 'ends with memos'\'' code' "$status" 0
	ok 'memogram first, then memos' order ${b}5 '^memogram: ends' '^app: ends'
	ok 'nothing is lost' kept_memos ${b}5 "${b}two"

	fresh_memos "${b}three"
	$how ${b}6 BOT_TOKEN=good
	says ${b}6 '^memogram: begins' || bail "$(cat "$T/${b}6.log")"
	pass "$how: memos with memogram"
	ok 'and replication off, which is said' says ${b}6 'replication is off: LITESTREAM_REPLICA_BUCKET is not set'
	is 'once' "$(grep -c 'replication is off' "$T/${b}6.log")" 1
	unlike 'attachments are not spoken of' "$(cat "$T/${b}6.log")" attachments
	is 'memogram made its file itself' "$(cat "$home/data.txt")" ''
	box_stop ${b}6
	is 'ends well' "$status" 0

	fresh_memos "${b}four"
	$how ${b}7
	up ${b}7
	ok "$how: memos alone" says ${b}7 'memogram off'
	box_stop ${b}7
	is 'ends well' "$status" 0
	nok 'without a state folder' test -e "$dir/data/.memos_prod.db-litestream"

	# memogram: ends, over and over; and does not end.
	fresh_memos "${b}bad"
	$how ${b}8 $bucket BOT_TOKEN=bad
	says ${b}8 'memogram has ended .exit 2'
	says ${b}8 'started again in 4 s' 20
	ok "$how: a memogram that dies is tried less and less often" order ${b}8 \
	    'started again in 1 s' '^memogram: begins' 'started again in 2 s' \
	    '^memogram: begins' 'started again in 4 s'
	is 'memos does not end' "$(grep -c '^app: ends' "$T/${b}8.log")" 0
	box_stop ${b}8
	is 'ends with memos'\'' code' "$status" 0
	unlike 'and memogram is not started again' "$(sed -n '/^app: ends/,$p' "$T/${b}8.log")" memogram
	$how ${b}9 $bucket BOT_TOKEN=deaf
	says ${b}9 '^memogram: begins'
	box_stop ${b}9
	is "$how: a memogram that does not end is no obstacle" "$status" 0
	ok 'nothing is lost' kept_memos ${b}9 "${b}bad"
	$how ${b}10 $bucket FAKE_HANG=1
	up ${b}10
	sleep 1
	box_stop ${b}10
	is "$how: a memos that does not end is killed" "$status" 137
	kept_was=$(sql "$dir/data/memos_prod.db" 'SELECT count(*) FROM t')
	rm -f "$dir"/copy.db*
	ok 'in time for what it wrote' env $keys ls-restore -q -o "$dir/copy.db" "$(s3_url "${b}bad")"
	is 'all of it' "$(sql "$dir/copy.db" 'SELECT count(*) FROM t')" "$kept_was"
done

# --- killed

fresh_memos kill
mbox k1 $bucket BOT_TOKEN=good
says k1 '^memogram: begins'
box_kill k1 ls-walship KILL
ok 'ls-walship killed: it is started again' wait_for 20 box_pid k1 ls-walship
box_kill k1 memogram KILL
ok 'memogram killed: it is started again' wait_for 20 eval 'test "$(grep -c "^memogram: begins" "$T/k1.log")" = 2'
is 'memos is the same' "$(grep -c '^app: begins' "$T/k1.log")" 1
wait_for 20 box_healthy k1
box_kill k1 memos KILL
box_wait k1
is 'memos killed: the container ends with it' "$status" 137
ok 'and says so' says k1 'memos has ended by itself'
rows=$(sql "$dir/data/memos_prod.db" 'SELECT count(*) FROM t')
rm -f "$dir"/copy.db*
env $keys ls-restore -q -o "$dir/copy.db" "$(s3_url kill)"
is 'nothing is lost' "$(sql "$dir/copy.db" 'SELECT count(*) FROM t')" "$rows"

# --- another writer on the same replica

fresh_memos fence
mbox q1 $bucket FAKE_RATE=50
up q1
wait_for 20 box_healthy q1
mkdir "$dir/two"
mbox q2 $bucket FAKE_RATE=50 RUNNER_DATA="$dir/two" \
    DB_PATH="$dir/two/memos_prod.db" MEMOS_PORT="$(free_port)"
wait_for 60 eval '! alive q1 || ! alive q2'
if alive q1; then lost=q2; else lost=q1; fi
box_wait $lost
is 'one of two writers ends, with its reason and not with memos'\'' code' "$status" 102
ok 'and says so' says $lost 'replication cannot go on'
# The later one may have been held before its memos was started.
ok 'and its memos with it, if it had begun' eval '! grep -q "^app: begins" "$T/$lost.log" ||
    order $lost "replication cannot go on" "^app: ends"'
for b in q1 q2; do test $b = $lost || box_stop $b; done
is 'the other one goes on' "$status" 0

# --- what memos itself fails on

fresh_memos fail
: >"$dir/data/memos_prod.db"; echo garbage >"$dir/data/memos_prod.db"
mbox f1 LS_REPLICATION=off
box_wait f1
is 'a file that is no database: no success' "$status" 1
mbox f2 $bucket
box_wait f2
nok 'with replication neither' test "$status" = 0
unlike 'and memos is not started' "$(cat "$T/f2.log")" '^app:|migrate'
is 'the file is left as it was' "$(cat "$dir/data/memos_prod.db")" garbage
fresh_memos port
port=$S3_PORT
mbox f3
box_wait f3
is 'a port in use: no success' "$status" 1
ok 'said by memos' says f3 'failed to start server'

# --- what is wrong in the environment: a sentence, 102, nothing started

wrong() { # NAME ERE VAR=VALUE...
	wrong_name=$1 wrong_e=$2; shift 2
	n=$((n + 1))
	for how in mbox dbox; do
		$how w$n$how "$@"
		wait_for 30 eval "! alive w$n$how" || stop w$n$how KILL
		box_wait w$n$how
		if says w$n$how "$wrong_e" 1 &&
		    test "$status" = 102 &&
		    ! grep -q '^app:\|^memogram:' "$T/w$n$how.log"; then pass "$wrong_name ($how)"
		else fail "$wrong_name ($how)" "exit $status: $(cat "$T/w$n$how.log")"; fi
	done
}
n=0
fresh_memos wrong
b=LITESTREAM_REPLICA_BUCKET=mybkt e=LITESTREAM_REPLICA_ENDPOINT=$S3_ENDPOINT
wrong 'a bucket without keys' 'BUCKET is set, but no credentials.*LS_REPLICATION=off' $b $e
wrong 'at Amazon too' 'BUCKET is set, but no credentials' $b
wrong 'half a pair' 'AWS_ACCESS_KEY_ID .or LITESTREAM_ACCESS_KEY_ID. is set and AWS_SECRET_ACCESS_KEY' $b $e AWS_ACCESS_KEY_ID=a
wrong 'the other half' 'AWS_SECRET_ACCESS_KEY .* is set and AWS_ACCESS_KEY_ID' $b $e LITESTREAM_SECRET_ACCESS_KEY=a
wrong 'wrong keys' 'could not be restored' $b $e AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
wrong 'a secret twice' 'BOT_TOKEN and BOT_TOKEN_FILE are both set' BOT_TOKEN=a BOT_TOKEN_FILE=/dev/null
wrong 'a token that is not there' 'MEMOS_TOKEN_FILE: /none is not there' MEMOS_TOKEN_FILE=/none
wrong 'replication wanted and no bucket' 'LS_REPLICATION is on, and neither LITESTREAM_REPLICA_BUCKET' LS_REPLICATION=on
wrong 'two replicas' 'LITESTREAM_REPLICA_BUCKET REPLICA_URL are set: keep one' $b $e $keys REPLICA_URL="file://$dir/replica"
wrong 'two databases' 'MEMOS_DSN is /a/b.db and DB_PATH is /c/d.db' MEMOS_DSN=/a/b.db DB_PATH=/c/d.db
wrong 'no port' 'MEMOS_PORT is http, which is no port' MEMOS_PORT=http
wrong 'a port too high' 'MEMOS_PORT is 70000, which is no port' MEMOS_PORT=70000
wrong 'a group alone' 'MEMOS_GID is set and MEMOS_UID is not' MEMOS_GID=7
wrong 'two users' 'MEMOS_UID is 7 and APP_UID is 8' MEMOS_UID=7 APP_UID=8
wrong 'another kind of database' 'memos. database is postgres .MEMOS_DRIVER.' $bucket MEMOS_DRIVER=postgres MEMOS_DSN=x
wrong 'a folder that cannot be made' 'unable to make /proc/x, a folder of memos' MEMOS_DATA=/proc/x
wrong 'a scheme nobody knows' 'ftp' $keys REPLICA_URL=ftp://h/x
unlike 'no secret is shown' "$(cat "$T"/w*.log)" minioadmin
: >"$dir/data/memos_prod.db"
sqlite3 "$dir/data/memos_prod.db" 'CREATE TABLE keep(x)'
wrong 'a path that would begin empty beside a database' 'DB_PATH is .*/other.db, which is not there, and .*/memos_prod.db is' DB_PATH="$dir/data/other.db"

# --- what is odd: started, and said once

odd() { # NAME ERE VAR=VALUE...
	odd_name=$1 odd_e=$2; shift 2
	n=$((n + 1))
	mbox o$n "$@" FAKE_AFTER=1 FAKE_EXIT=9
	box_wait o$n
	if test "$status" = 9 && test "$(grep -cE "$odd_e" "$T/o$n.log")" = 1; then pass "$odd_name"
	else fail "$odd_name" "exit $status: $(cat "$T/o$n.log")"; fi
}
fresh_memos odd
odd 'a token without a name' 'MEMOS_TOKEN is set and TG_ID is not' BOT_TOKEN=x MEMOS_TOKEN=t
nok 'is not written' grep -q t "$home/data.txt"
odd 'a name without a token' 'TG_ID is set and MEMOS_TOKEN is not' BOT_TOKEN=x TG_ID=5
odd 'a name that is no number' 'TG_ID is me, which is no number' BOT_TOKEN=x TG_ID=me MEMOS_TOKEN=t
nok 'is not written either' grep -q me "$home/data.txt"
odd 'tokens without a bot' 'MEMOS_TOKEN TG_ID set and BOT_TOKEN is not' TG_ID=5 MEMOS_TOKEN=t
odd 'another port for memogram' 'SERVER_ADDR is dns:localhost:1 and MEMOS_PORT' BOT_TOKEN=x SERVER_ADDR=dns:localhost:1
odd 'an endpoint without a bucket' 'LITESTREAM_REPLICA_ENDPOINT is set and LITESTREAM_REPLICA_BUCKET is not' $e
odd 'keys without a bucket' 'AWS_SECRET_ACCESS_KEY is set and LITESTREAM_REPLICA_BUCKET is not' $keys
odd 'an empty bucket' 'replication is off: LITESTREAM_REPLICA_BUCKET is not set' LITESTREAM_REPLICA_BUCKET=
odd 'a bucket and no replication' 'replication is off: LS_REPLICATION=off' $b LS_REPLICATION=off
odd 'a demonstration' 'replication is off: this is a demonstration' $bucket MEMOS_DEMO=true
ok 'has its own database' test -e "$dir/data/memos_demo.db"
odd 'another kind of database' 'replication is off: the database is mysql' MEMOS_DRIVER=mysql MEMOS_DSN="$dir/x.db"
printf 'dbs:\n- path: %s\n  replica: {path: %s}\n' "$dir/data/other.db" "$dir/replica" >"$dir/other.yml"
odd 'a configuration without memos' 'does not name memos. database' LITESTREAM_CONFIG="$dir/other.yml"
plain_memos
odd 'a bot without memogram in the image' 'BOT_TOKEN set, but this image has no memogram' BOT_TOKEN=x

# --- how else it can be configured

works() { # NAME VAR=VALUE...: a replica comes of it, at PATH
	works_name=$1 works_path=$2; shift 2
	n=$((n + 1))
	rm -rf "$dir"/data/*.db* "$dir"/data/.m*
	mbox y$n "$@"
	up y$n
	wait_for 20 box_healthy y$n
	box_stop y$n
	is "$works_name" "$status" 0
	ok 'nothing is lost' kept_memos y$n "$works_path"
}
fresh_memos ways
echo minioadmin >"$dir/secret"
works 'the default path' memos_prod.db $b $e $keys
works 'the other names of keys' ways2 $b $e LITESTREAM_REPLICA_PATH=ways2 \
    LITESTREAM_ACCESS_KEY_ID=minioadmin LITESTREAM_SECRET_ACCESS_KEY=minioadmin
works 'one of each' ways3 $b $e LITESTREAM_REPLICA_PATH=ways3 \
    AWS_ACCESS_KEY_ID=minioadmin LITESTREAM_SECRET_ACCESS_KEY=minioadmin
works 'a key in a file' ways4 $b $e LITESTREAM_REPLICA_PATH=ways4 \
    AWS_ACCESS_KEY_ID=minioadmin LITESTREAM_SECRET_ACCESS_KEY_FILE="$dir/secret"
like 'which memos does not see' "$(cat "$T/y$n.log")" '^app: begins .*secret=none'
mkdir "$dir/root" "$dir/root/.aws"
printf '[default]\naws_access_key_id=minioadmin\naws_secret_access_key=minioadmin\n' >"$dir/root/.aws/credentials"
works 'keys in a shared file' ways5 $b $e LITESTREAM_REPLICA_PATH=ways5 HOME="$dir/root"
works 'REPLICA_URL' ways6 $keys REPLICA_URL="$(s3_url ways6)"
cat >"$dir/litestream.yml" <<END
snapshot:
  interval: 24h
  retention: 168h
dbs:
  - path: \$DB_PATH
    replicas:
      - url: s3://\$LITESTREAM_REPLICA_BUCKET/\$LITESTREAM_REPLICA_PATH
        endpoint: \$LITESTREAM_REPLICA_ENDPOINT
        force-path-style: true
END
works 'a configuration of its own' ways7 $b $e $keys LITESTREAM_REPLICA_PATH=ways7 LITESTREAM_CONFIG="$dir/litestream.yml"
mkdir "$dir/elsewhere"
works 'MEMOS_DATA alone' ways8 $b $e $keys LITESTREAM_REPLICA_PATH=ways8 MEMOS_DATA="$dir/elsewhere/"
ok 'the database is there' test -e "$dir/elsewhere/memos_prod.db"
works 'MEMOS_DSN alone' ways9 $b $e $keys LITESTREAM_REPLICA_PATH=ways9 MEMOS_DSN="file:$dir/elsewhere/mine.db"
ok 'as it says' test -e "$dir/elsewhere/mine.db"
like 'an endpoint without a scheme is https' "$(
	env -i PATH="$PATH" HOME=/ RUNNER_DATA=/d RUNNER_HOME=/h $b $keys LITESTREAM_REPLICA_ENDPOINT=h.example.com \
	    "$T/lib/env" ls-conf --show)" 'https://h.example.com'
like 'the retention is memos-litestream'\''s' "$(
	env -i PATH="$PATH" HOME=/ RUNNER_DATA=/d RUNNER_HOME=/h $b $keys "$T/lib/env" ls-conf --show)" 'retention: *(168h|7d)'

# --- told to end before memos is started

for how in mbox dbox; do
	b=$(echo $how | cut -c 1)
	fresh_memos "${b}told"
	make_db "$dir/data/memos_prod.db" 3
	$how ${b}t0 $keys REPLICA_URL="s3://mybkt/x?endpoint=http://127.0.0.1:1" LS_STORE_TIMEOUT=1s \
	    LS_SHUTDOWN_SYNC_TIMEOUT=1s LS_WAIT_READY=remote BOT_TOKEN=x
	ok "$how: a store that is down" says ${b}t0 'level=(warn|error) .*127.0.0.1:1'
	box_stop ${b}t0
	# Without s6 the code is that of ls-walship, which has not shipped all.
	is 'TERM ends that' "$status" $(test $how = mbox && echo 143 || echo 111)
	unlike 'which is neither started nor missed' "$(cat "$T/${b}t0.log")" '^app:|by itself|^ls-s6: fatal'
done
mkdir -p "$T/run-t1/s6" && : >"$T/run-t1/s6/ls-told"
exits 'nor is it started after a TERM' 143 env RUNNER_RUN="$T/run-t1" RUNNER_HOME="$home" "$T/lib/memos"
like 'which is told' "$err" 'is ending, so memos is not started'

# --- tokens and users

fresh_memos tokens
printf '1:one\n4711:old\n' >"$home/data.txt"
echo bot >"$dir/bot"; echo tok >"$dir/tok"
mbox t1 BOT_TOKEN_FILE="$dir/bot" MEMOS_TOKEN_FILE="$dir/tok" TG_ID=4711 ALLOWED_USERNAMES=me
says t1 '^memogram: begins .*allowed=me'
is 'tokens of others stay' "$(cat "$home/data.txt" | tr '\n' ' ')" '1:one 4711:tok '
like 'memos does not see them' "$(cat "$T/t1.log")" '^app: begins .*token=none'
box_stop t1
if test "$(id -u)" = 0; then
	fresh_memos users
	mkdir "$dir/data/assets"; echo x >"$dir/data/assets/picture"
	mbox u1 $bucket BOT_TOKEN=x MEMOS_UID=4321 MEMOS_GID=4322 TG_ID=5 MEMOS_TOKEN=t
	says u1 '^memogram: begins .*uid=4321'
	like 'as another user, memos' "$(cat "$T/u1.log")" '^app: begins .*uid=4321'
	is 'whose everything is' "$(find "$dir/data" -printf '%U:%G\n' | sort -u)" 4321:4322
	like 'and the tokens, where it may write' "$(cat "$T/u1.log")" '^memogram: begins .*data=.*/ls-s6/memogram/data.txt mode=600'
	box_stop u1
	is 'ends well' "$status" 0
	ok 'nothing is lost' kept_memos u1 users
	dbox u2 $bucket BOT_TOKEN=x MEMOS_UID=4321 MEMOS_GID=4322
	says u2 '^memogram: begins .*uid=4321'
	box_stop u2
	is 'so without s6' "$status" 0
	ok 'nothing is lost there' kept_memos u2 users
	mbox u3 $bucket BOT_TOKEN=x FAKE_AFTER=2 FAKE_EXIT=5
	box_wait u3
	is 'then as root again' "$status" 5
else skip 'another user' 'not root'; fi

# --- what memos-litestream left in the bucket

fresh_memos before
db=$dir/data/memos_prod.db
make_db "$db" 0
cat >"$dir/litestream.yml" <<END
snapshot:
  interval: 24h
  retention: 168h
dbs:
  - path: $db
    replica:
      url: s3://mybkt/before
      endpoint: $S3_ENDPOINT
      region: us-east-1
      force-path-style: true
END
start before5 env $keys "$PEERS/litestream-0.5" replicate -config "$dir/litestream.yml"
for i in 1 2 3 4 5 6 7 8 9; do
	sql "$db" "INSERT INTO t(v) VALUES('row $i')"; sleep 0.3
done
wait_for 20 find "$S3_DIR/mybkt/before" -name '*.ltx'
sleep 2
stop before5
lose_memos
mbox b1 $bucket
up b1
box_stop b1
ok 'a bucket of Litestream 0.5: memos goes on with its rows' order b1 'msg=restored' '^app: begins rows=9 '
ok 'and nothing is lost' kept_memos b1 before
ok 'Litestream restores what we added' env $keys "$PEERS/litestream-0.5" restore -config "$dir/litestream.yml" -o "$dir/theirs.db" "$db"
is 'all of it' "$(sql "$dir/theirs.db" 'SELECT count(*) FROM t')" "$(rows_of b1)"

fresh_memos before3
db=$dir/data/memos_prod.db
make_db "$db" 5
cat >"$dir/litestream.yml" <<END
dbs:
  - path: $db
    replicas:
      - type: s3
        bucket: mybkt
        path: before3
        endpoint: $S3_ENDPOINT
        region: us-east-1
        force-path-style: true
END
start before3 env $keys "$PEERS/litestream-0.3" replicate -config "$dir/litestream.yml"
ok 'a bucket of Litestream 0.3' wait_for 20 eval 'find "$S3_DIR/mybkt/before3" -name "*.snapshot.lz4" | grep -q .'
stop before3
find "$S3_DIR/mybkt/before3" -type f | sort >"$dir/had"
lose_memos
mbox b3 $bucket
up b3
box_stop b3
ok 'pain 933: memos goes on with its rows' order b3 'msg=restored .*format=v0.3' '^app: begins rows=5 '
find "$S3_DIR/mybkt/before3" -type f | grep /generations/ | sort >"$dir/has"
ok 'pain 933: what is there stays' cmp "$dir/had" "$dir/has"
lose_memos
mbox b4 $bucket
up b4
box_stop b4
ok 'pain 933: and goes on in the format of now' order b4 'msg=restored .*txid=' '^app: begins rows='
done_testing
