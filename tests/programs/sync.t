#!/bin/bash
# ls-sync, and the control socket it talks to.
# run: asan valgrind
. tests/lib.sh
need sqlite3 perl
mkdir "$T/d"
db=$T/d/a.db
make_db "$db" 100
make_db "$T/d/b.db" 10
sock=$LS_RUN_DIR/walship.sock

# talk LINE...: requests on one connection, answers to stdout.
talk() {
	perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(
	    Peer => shift) or die "connect: $!"; for (@ARGV) {
	    print $s "$_\n"; while (<$s>) { print; last if /"done":true/ } }' \
	    "$sock" "$@"
}

exits 'nobody there is temporary' 111 ls-sync "$db"
exits 'two databases are a usage error' 100 ls-sync a b
exits 'so is a bad duration' 100 ls-sync -w soon
start walship ls-walship "$db" "file://$T/one" "file://$T/two"
ok 'one just started is waited for' ls-sync "$db"
is 'the socket is for its owner' "$(stat -c %a "$sock")" 600
for i in 1 2 3 4 5; do
	sql "$db" "INSERT INTO t(v) VALUES ('s$i')"
	ls-sync -w 10s "$db" || fail "sync $i"
	for r in one two; do
		rm -f "$T"/r.db*
		ls-restore -o "$T/r.db" "file://$T/$r" >/dev/null 2>&1
		n="$n$(sql "$T/r.db" "SELECT count(*) FROM t WHERE v LIKE 's_'")"
	done
done
is 'when it returns, every replica has it' "$n" 1122334455
ok 'all databases' ls-sync
cd "$T/d" && ok 'a relative path' ls-sync a.db; cd "$OLDPWD" || exit
like 'verbose' "$(ls-sync -v "$db")" '"txid":"[0-9a-f]{16}"'
exits 'a database it does not have: no' 1 ls-sync "$T/none.db"
like 'named' "$err" 'none.db is not replicated'
nok 'a second ls-walship on the same socket' ls-walship "$db" "file://$T/x"
is 'which did no harm' "$(ls-sync "$db"; echo $?)" 0
LS_RUN_DIR=$T/other exits 'nor can it have the state folder' 111 \
    timeout -s KILL 20 ls-walship --once "$db" "file://$T/x" || diag "$err"

# the other requests
like 'list' "$(talk list)" "\"path\":\"$db\",\"state\":\"running\""
like 'several in a row' "$(talk list list | grep -c done)" 2
like 'register' "$(talk "register $T/d/b.db file://$T/b")" '"ok":true'
ok 'it is replicated' ls-sync -w 10s "$T/d/b.db"
rm -f "$T"/r.db*
ls-restore -o "$T/r.db" "file://$T/b" 2>"$T/restore.log"
ok 'wholly' pages_equal "$T/d/b.db" "$T/r.db"
like 'stop' "$(talk "stop $T/d/b.db")" '"ok":true'
ok 'it is stopped' wait_for 5 sh -c "ls-status | grep 'b.db.*stopped'"
sql "$T/d/b.db" "INSERT INTO t(v) VALUES ('meanwhile')"
exits 'what comes meanwhile is not called shipped' 1 \
    ls-sync -w 10s "$T/d/b.db"
like 'but why not' "$err" 'b.db is stopped'
like 'start' "$(talk "start $T/d/b.db")" '"ok":true'
ok 'it goes on' ls-sync -w 10s "$T/d/b.db"
rm -f "$T"/r.db*
ls-restore -o "$T/r.db" "file://$T/b" 2>"$T/restore.log"
is 'with what came meanwhile' \
    "$(sql "$T/r.db" "SELECT count(*) FROM t WHERE v = 'meanwhile'")" 1
like 'unregister' "$(talk "unregister $T/d/b.db")" '"ok":true'
ok 'it is forgotten' wait_for 5 sh -c "! ls-sync '$T/d/b.db'"
# forgotten while somebody waits, and called back at once
mv "$T/b" "$T/b.away"
echo >"$T/b"
like 'again' "$(talk "register $T/d/b.db file://$T/b")" '"ok":true'
sql "$T/d/b.db" "INSERT INTO t(v) VALUES ('waiting')"
ok 'with its replica down' wait_for 20 sh -c "ls-status | grep 'b.db.*failing'"
perl -MIO::Socket::UNIX -e 'my ($path, $db, $url) = @ARGV;
    sub dial { IO::Socket::UNIX->new(Peer => $path) or die "connect: $!" }
    my ($waits, $asks) = (dial, dial);
    print $waits "sync $db\n";
    for my $word ("list", "unregister $db", "register $db $url", "list") {
	print $asks "$word\n";
	while (<$asks>) { print "$word: $_"; last if /"done":true/ } }
    while (<$waits>) { print "sync: $_"; last if /"done":true/ }' \
    "$sock" "$T/d/b.db" "file://$T/b" >"$T/said"
like 'who waits is not told that it is there' "$(cat "$T/said")" \
    'sync: .*"ok":false,"kind":"notfound".*b.db is not replicated any more'
is 'what is forgotten is not listed' \
    "$(sed -n '/^register/,$p' "$T/said" | grep -c '"path":".*b.db"')" \
    "$(grep -c '^register.*"ok":true' "$T/said")"
rm "$T/b"
mv "$T/b.away" "$T/b"
back() { talk "register $T/d/b.db file://$T/b" | grep '"ok":true'; }
ok 'it is back as soon as it was let go' wait_for 10 back
ok 'and all of it is shipped' ls-sync -w 20s "$T/d/b.db"
like 'nonsense is refused' "$(talk nonsense)" '"ok":false,"kind":"usage"'
perl -e 'print "x" x 100000' | perl -MIO::Socket::UNIX -e '
    $SIG{PIPE} = "IGNORE"; my $s = IO::Socket::UNIX->new(Peer => shift);
    while (<STDIN>) { print $s $_ } my $x = <$s>' "$sock"
ok 'an endless line does not hurt' ls-sync "$db"
stop walship
is 'ends well' $status 0
nok 'and takes its socket along' test -e "$sock"

# A busy database whose next file is far off: its capture lingers, and comes
# back for who asks.
cat >"$T/slow.yml" <<E
dbs:
  - path: $db
    replica: { url: "file://$T/one", sync-interval: 60s }
E
rows() { sql "$db" 'SELECT count(*) FROM t'; }
more() { test "$(rows)" -gt $(($1 + 20)); }
start walship ls-walship -c "$T/slow.yml"
ok 'attached' ls-sync -w 20s "$db"
while sleep 0.02; do echo "INSERT INTO t(v) VALUES ('b');"; done \
    2>"$T/busy.log" > >(sqlite3 -cmd '.timeout 10000' "$db") &
writer=$!
for i in 1 2 3; do
	ok 'it is busy' wait_for 10 more "$(rows)"
	ok "who asks is not kept waiting, $i" ls-sync -w 10s "$db"
done
t=$SECONDS
stop walship
is 'the end comes' $status 0
ok 'at once' test $((SECONDS - t)) -lt 10
kill $writer
wait $writer 2>"$T/busy.log"
done_testing
