#!/bin/sh
# The store against a real S3 server, which checks every signature.
. tests/lib.sh
need_peer versitygw
s3_start
ctl() { "$BUILD/tests/storectl" -e "$S3_ENDPOINT" -b mybkt "$@"; }
head -c 300000 /dev/urandom >"$T/a"
head -c 23000000 /dev/urandom >"$T/b"

ok "put" ctl put a/b/x "$T/a" 1700000000123
is "head" "$(ctl head a/b/x)" "a/b/x	300000	1700000000123"
ctl get a/b/x >"$T/got"
ok "get" cmp "$T/got" "$T/a"
ctl get a/b/x 1000 2000 >"$T/got"
tail -c +1001 "$T/a" | head -c 2000 >"$T/want"
ok "get a range" cmp "$T/got" "$T/want"
exits "get past the end" 102 ctl get a/b/x 300001
exits "nothing there" 1 ctl get a/b/nope
exits "nothing there, by head" 1 ctl head a/b/nope
exits "no such bucket" 1 "$BUILD/tests/storectl" -e "$S3_ENDPOINT" -b nobkt list a
like "is told" "$err" '^notfound: .*NoSuchBucket'
exits "a wrong secret" 102 env AWS_SECRET_ACCESS_KEY=x "$BUILD/tests/storectl" \
    -e "$S3_ENDPOINT" -b mybkt head a/b/x
exits "a wrong secret, with a body" 102 env AWS_SECRET_ACCESS_KEY=x \
    "$BUILD/tests/storectl" -e "$S3_ENDPOINT" -b mybkt put y "$T/a"
like "is told" "$err" '^denied: .*SignatureDoesNotMatch'
exits "create-if-absent" 111 ctl putif a/b/x "$T/a"
ok "create-if-absent, absent" ctl putif a/b/y "$T/a"
ok "empty" ctl put a/empty /dev/null
is "empty" "$(ctl head a/empty | cut -f 2)" 0
is "get empty" "$(ctl get a/empty | wc -c)" 0
is "the probe" "$(ctl probe a/)" "1 3"

# The server keeps objects as files, so it sees what names it must: these
# three are signed and sent as they are, and read back.
for k in /0000/q ./0000/q lead/db//0000/q; do
	ok "put $k" ctl put "$k" "$T/a"
	ctl get "$k" >"$T/got"
	ok "get $k" cmp "$T/got" "$T/a"
done
k='odd key+%2F&=~(1)!*'\''é'
ok "put an odd key" ctl put "$k" "$T/a"
is "list it" "$(ctl list odd | cut -f 1)" "$k"
ok "copy it" ctl copy "$k" "odd & copy"
ok "delete it, and its copy" ctl del "$k" "odd & copy"
is "gone" "$(ctl list odd)" ""

ok "parts from a file" ctl put big "$T/b" 1600000000000
ctl get big >"$T/got"
ok "come back" cmp "$T/got" "$T/b"
ok "parts from a pipe" sh -c "cat '$T/b' | '$BUILD/tests/storectl' \
    -e $S3_ENDPOINT -b mybkt -o parts=1 put bigs -"
ctl get bigs >"$T/got"
ok "come back" cmp "$T/got" "$T/b"
exits "parts: create-if-absent" 111 ctl putif bigs "$T/b"
ok "a short pipe" sh -c "cat '$T/a' | '$BUILD/tests/storectl' \
    -e $S3_ENDPOINT -b mybkt putif short -"
is "is one object" "$(ctl head short | cut -f 2)" 300000
ok "just a part" sh -c "head -c 5242880 '$T/b' | '$BUILD/tests/storectl' \
    -e $S3_ENDPOINT -b mybkt put part -"
is "of that size" "$(ctl head part | cut -f 2)" 5242880

ok "copy" ctl copy big c1
is "keeps the time" "$(ctl head c1)" "c1	23000000	1600000000000"
ok "copy with another time" ctl copy big c2 1600000001000
is "has it" "$(ctl head c2 | cut -f 3)" 1600000001000
exits "copy if absent" 111 ctl copyif big c2
ok "copy in parts" ctl -o copy=6000000 copy big c3
ctl get c3 >"$T/got"
ok "comes back" cmp "$T/got" "$T/b"
exits "copy of nothing" 1 ctl copy nope c4

ok "Content-MD5 and unsigned payload" ctl -o md5=1 -o sign=0 put a/md5 "$T/a"
ok "delete many" ctl del big bigs short part c1 c2 c3 none
is "gone" "$(ctl list "" | grep -c '^[bcsp]')" 0
is "ascending, from" "$(ctl list a/ a/b/x | cut -f 1 | tr '\n' ' ')" \
    "a/b/y a/empty a/md5 "

# --- of several writers one creates
printf 'z' >"$T/z"
race() { # STORECTL-ARGS... KEY-PREFIX
	k=$1; shift
	for n in 1 2 3 4 5 6 7 8; do
		for w in 1 2 3 4; do
			( "$@" putif "$k$n" "$T/z" 2>/dev/null && echo won ) &
		done
		wait $(jobs -p | grep -v "^$pid_versitygw\$") 2>/dev/null
	done >"$T/race"
	grep -c won "$T/race"
}
is "eight races, eight winners" "$(race race/ "$BUILD/tests/storectl" \
    -e "$S3_ENDPOINT" -b mybkt)" 8
is "the same with a folder" "$(race "$T/f/" "$BUILD/tests/storectl")" 8

# --- the bucket in the host's name
s3_stop
s3_start --virtual-domain localhost
vhost() { "$BUILD/tests/storectl" -e "http://localhost:$S3_PORT" -b mybkt \
    -o path=0 "$@"; }
ok "virtual host: put" vhost put v/x "$T/a"
is "virtual host: list" "$(vhost list v/ | cut -f 1)" v/x
vhost get v/x >"$T/got"
ok "virtual host: get" cmp "$T/got" "$T/a"
ok "virtual host: a leading slash" vhost put /v/y "$T/a"

# --- TLS
if command -v openssl >/dev/null; then
	s3_stop
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
	    -nodes -days 2 -subj /CN=localhost -addext \
	    'subjectAltName=IP:127.0.0.1' -keyout "$T/key" -out "$T/cert" \
	    2>/dev/null
	s3_start --cert "$T/cert" --key "$T/key"
	S3_ENDPOINT=https://127.0.0.1:$S3_PORT
	exits "an unknown certificate is refused" 102 ctl head a/b/x
	like "is told" "$err" '^conf: HEAD s3://mybkt/a/b/x: SSL certificate'
	ok "skip-verify" ctl -o skip=1 head a/b/x
	ok "AWS_CA_BUNDLE" env AWS_CA_BUNDLE="$T/cert" "$BUILD/tests/storectl" \
	    -e "$S3_ENDPOINT" -b mybkt head a/b/x
	ok "SSL_CERT_FILE" env SSL_CERT_FILE="$T/cert" "$BUILD/tests/storectl" \
	    -e "$S3_ENDPOINT" -b mybkt put tls "$T/b"
	SSL_CERT_FILE=$T/cert ctl many tls a/b/x tls >"$T/got"
	cat "$T/b" "$T/a" "$T/b" >"$T/want"
	ok "come back" cmp "$T/got" "$T/want"
	# a server that dies while it is written to is no SIGPIPE
	bad=
	for n in 1 2 3 4 5; do
		( SSL_CERT_FILE=$T/cert; export SSL_CERT_FILE
		"$BUILD/tests/storectl" -e "$S3_ENDPOINT" -b mybkt -t 1000 \
		    put pipe "$T/b" 2>/dev/null; echo $? >"$T/rc" ) &
		p=$!
		sleep 0.0$((n + 2))
		stop versitygw KILL
		wait $p
		case $(cat "$T/rc") in 0 | 111) ;; *) bad="$bad $(cat "$T/rc")" ;; esac
		s3_start --cert "$T/cert" --key "$T/key"
		S3_ENDPOINT=https://127.0.0.1:$S3_PORT
	done 2>/dev/null
	is "killed servers are temporary errors" "$bad" ""
	exits "a bundle that is not there" 102 env AWS_CA_BUNDLE="$T/none" \
	    "$BUILD/tests/storectl" -e "$S3_ENDPOINT" -b mybkt head a/b/x
else
	skip "TLS" "no openssl"
fi
done_testing
