#!/bin/sh
# Connections that end at every request of every operation, before it or
# before its answer; servers that lose, refuse and pretend.
# run: plain
. tests/lib.sh
. tests/sftp/sshd.sh
need perl

SSHD_SERVE="$BUILD/tests/sftpmid $T/mode $SFTP_SERVER"
sshd_make
sshd_start
HOME=$T/home
export HOME
mkdir "$HOME"
ctl() {
	"$BUILD/tests/storectl" -s "$SSHD_ADDR:$SSHD_PORT" -o user="$SSHD_USER" \
	    -o key="$SD/client" -o known="$T/known" "$@"
}
D=$T/served
mkdir "$D"
head -c 70000 /dev/urandom >"$T/a"

# requests CMD...: how many a connection has.
requests() {
	echo count >"$T/mode"
	"$@" >"$T/out" 2>&1 || bail "without trouble: $(cat "$T/out")"
	wait_for 5 test -s "$T/mode.count"
	cat "$T/mode.count"
	rm "$T/mode" "$T/mode.count"
}
temps() { find "$D" -name '*.tmp' | wc -l; }

put() { rm -rf "$D/p"; ctl "$1" "$D/p/q/f" "$T/a" 1600000000000; }
twice() { echo old >"$D/f"; ctl put "$D/f" "$T/a" 1600000000000; }
get() { ctl get "$D/g" >"$T/got"; }
list() { ctl list "$D/l/" >"$T/got"; }
look() { ctl head "$D/g" >"$T/got"; }
del() { cp "$T/a" "$D/d"; ctl del "$D/d"; }
cp "$T/a" "$D/g"
mkdir "$D/l"
for i in 0 1 2 3 4 5 6 7 8 9; do echo $i >"$D/l/$i.ltx"; done
mkdir "$D/l/sub"

each() { # NAME HOW CHECK CMD...
	name=$1 hows=$2 check=$3; shift 3
	n=$(requests "$@")
	test "$n" -gt 2 || bail "$name: $n requests"
	for how in $hows; do
		i=1 bad='' met=0
		while test $i -le "$n"; do
			echo "$how $i" >"$T/mode"
			"$@" >"$T/out" 2>"$T/err" || bad="$bad $i"
			$check || bad="$bad $i (after it)"
			test -e "$T/mode" || met=$((met + 1))
			rm -f "$T/mode"
			i=$((i + 1))
		done
		is "$name: $how at each of $n requests" "$bad" ''
		# the last ones are not always sent
		ok "$name: $how was met" test "$met" -ge $((n - 2))
	done
}
# A lost answer to the rename leaves nothing; a killed server may leave a
# temporary file, which goes a day later.
whole() {
	cmp -s "$D/p/q/f" "$T/a" && test "$(date -r "$D/p/q/f" +%s)" = 1600000000
}
replaced() { cmp -s "$D/f" "$T/a"; }
same() { cmp -s "$T/got" "$T/a"; }
ten() { test "$(wc -l <"$T/got")" = 10; }
sized() { test "$(cut -f 2 "$T/got")" = 70000; }
gone() { test ! -e "$D/d"; }
each put 'die mute' whole put put
each 'create-if-absent' mute whole put putif
each replace 'die mute' replaced twice
each get die same get
each list 'die mute' ten list
each head 'die mute' sized look
each delete mute gone del
is 'no temporary file stays' "$(temps)" 0

# What is read once cannot be sent again: it is whole, or that is an error.
stream() { rm -f "$D/s"; ctl -o plod=1 put "$D/s" - <"$T/a"; }
n=$(requests stream)
for how in die mute; do
	i=1 bad='' well=0
	while test $i -le "$n"; do
		echo "$how $i" >"$T/mode"
		if stream >"$T/out" 2>"$T/err"; then
			well=$((well + 1))
			cmp -s "$D/s" "$T/a" || bad="$bad $i"
		elif test -e "$D/s"; then
			cmp -s "$D/s" "$T/a" || bad="$bad $i (refused)"
		fi
		rm -f "$T/mode"
		i=$((i + 1))
	done
	is "put what is read once: $how at each of $n requests" "$bad" ''
	ok 'and most get through' test "$well" -ge 3
done
rm -f "$D"/s*

# A server that renames over what is there: found, and looked first instead.
echo overwrite >"$T/mode"
is 'the probe finds who replaces' "$(ctl probe "$D/")" '0 0'
echo old >"$D/f"
ok 'and putting works' ctl put "$D/f" "$T/a"
ok 'replaced' cmp "$D/f" "$T/a"

# Listings without details, or without dots.
echo short >"$T/mode"
ok 'a listing of names alone' list
ok 'has ten' ten
is 'and sizes' "$(cut -f 2 "$T/got" | sort -u)" 2
echo nodots >"$T/mode"
mkdir "$D/void"
ok 'a listing without dots' list
ok 'has ten' ten
is 'an empty one' "$(ctl list "$D/void/" 2>&1)" ''
ok 'empty ones on one connection' sh -c "'$BUILD/tests/storectl' \
    -s $SSHD_ADDR:$SSHD_PORT -o user=$SSHD_USER -o key=$SD/client \
    -o known=$T/known probe $D/void/"

rm -f "$D/f"
echo lossy >"$T/mode"
exits 'what is not kept is not renamed' 111 ctl put "$D/f" "$T/a"
like 'is told' "$err" '^temp: .*kept 0 of 70000 bytes'
nok 'nothing is there' test -e "$D/f"
echo full >"$T/mode"
exits 'a full disk' 111 ctl put "$D/f" "$T/a"
like 'is told' "$err" '^full: .*disk is full: 0 bytes free, 70000 to be'
echo quota >"$T/mode"
exits 'writes that are refused' 111 ctl -t 3000 put "$D/f" "$T/a"
like 'are told' "$err" '^temp: '
nok 'nothing is there' test -e "$D/f"

for how in 'leave 3' 'leave 5' 'hang 3' 'hang 5'; do
	echo "$how" >"$T/mode"
	exits "a server that will $how is given up" 111 \
	    ctl -t 1500 get "$D/g"
	like 'is told' "$err" '^temp: .*(in time|nothing moved for 1500 ms)'
done
rm -f "$T/mode"

# What is given up is freed: libcurl leaves a connection as it is that does not
# end in a second.
if command -v valgrind >/dev/null; then
	freed() { # HOW CMD...
		echo "$1" >"$T/mode"; shift
		exits "$1 of a server that hangs ends" 111 valgrind -q \
		    --leak-check=full --error-exitcode=9 --errors-for-leak-kinds=definite \
		    "$BUILD/tests/storectl" -t 1500 -s "$SSHD_ADDR:$SSHD_PORT" \
		    -o user="$SSHD_USER" -o key="$SD/client" -o known="$T/known" "$@"
	}
	head -c 2000000 /dev/urandom >"$D/big"
	case $BUILD in *asan*) ;; *)
	freed 'hang 12' get "$D/big"
	freed 'hang 8' put "$D/n" "$D/big" ;;
	esac
else
	skip 'what is given up is freed' 'no valgrind'
fi
rm -f "$T/mode"

# An old temporary file is looked at after the put, and that may hang.
sweep() {
	mkdir -p "$D/s"
	touch -d '2 days ago' "$D/s/old.ltx.0badcafe.tmp"
	ctl sweep "$D/s/" "$D/s/w" "$T/a"
}
n=$(requests sweep)
nok 'the old temporary file is gone' test -e "$D/s/old.ltx.0badcafe.tmp"
echo "hang $n" >"$T/mode"
t0=$(date +%s)
ok 'a put is done though its server hangs afterwards' sweep
t=$(($(date +%s) - t0))
ok "and that is not waited for ($t s)" test $t -lt 8
nok 'it did hang' test -e "$T/mode"
sshd_stop

# Not even a server: what says no end of anything but its name.
cat >"$T/babble.pl" <<-'END'
	use IO::Socket::INET;
	$SIG{PIPE} = 'IGNORE';
	my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    LocalPort => $ARGV[0], Listen => 9, ReuseAddr => 1) or die;
	while (my $c = $l->accept) {
		1 while defined syswrite($c, "who is there?\r\n" x 400);
	}
END
start babble perl "$T/babble.pl" "$SSHD_PORT"
wait_for 10 sshd_up
t0=$(date +%s)
exits 'a host that babbles is given up' 111 timeout 20 \
    "$BUILD/tests/storectl" -t 1500 -s "$SSHD_ADDR:$SSHD_PORT" \
    -o user="$SSHD_USER" -o key="$SD/client" -o known="$T/known" head "$D/g"
like 'and that is told' "$err" '^temp: .*in time|nothing moved for 1500 ms'
t=$(($(date +%s) - t0))
ok "in time ($t s)" test $t -lt 6
done_testing
