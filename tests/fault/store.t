#!/bin/sh
# run: asan valgrind
# The store against a peer that fails in every way it can.
. tests/lib.sh
. tests/fault/peer.sh
http_start 3
head -c 300000 /dev/urandom >"$T/a"
head -c 11000000 /dev/urandom >"$T/big"
got() { ctl get "$@" >"$T/got" 2>"$T/got.err" || { cat "$T/got.err"; return 1; }
	cmp "$T/got" "$T/a"; }
ctl put k "$T/a" 1700000000123 || bail "put"
# A call under valgrind takes most of a second: fewer places to break off.
step=14983 late=3
case $BUILD in */valgrind) step=74987 late=8 ;; esac

# --- keys go out as they are
for k in /0000/x ./0000/x /lead/db//0000/x 'a b+c%2F~' ; do
	rules
	ok "put $k" ctl put "$k" "$T/a"
	is "list $k" "$(ctl list "${k%x}" | cut -f 1)" "$k"
	ok "get $k" got "$k"
	ok "delete $k" ctl del "$k"
done
rules
ctl put /0000/x "$T/a"
like "a leading slash is sent" "$(cat "$HTTP_LOG")" '^> PUT /b//0000/x '
ctl del /0000/x

# --- statuses
for s in 408 429 500 502 503 504; do
	rules "GET k 1-2 status $s" 'GET * * status 400'
	exits "$s twice, then another error" 102 ctl get k; out=
	rules "* k 1-2 status $s"
	ok "get after $s twice" got k
	ok "put after $s" ctl put k "$T/a" 1700000000123
done
rules '* * * status 503 SlowDown'
exits "503 for ever ends" 111 ctl head k
is "with eight tries or the deadline" \
    "$(test "$(requests HEAD)" -gt 3 && test "$(requests HEAD)" -le 8; echo $?)" 0
exits "and says so" 111 ctl get k
like "code, message and tries are told" "$err" '^temp: GET s3://b/k: after [0-9] tries: 503 SlowDown: as told'
rules '* * 1 status 503 SlowDown Retry-After:1'
t=$(date +%s%N)
ok "Retry-After is waited for" ctl head k
is "a second" $((($(date +%s%N) - t) / 1000000 >= 1000)) 1
for s in 9223372036854775 99999999999999999999; do
	rules "* * 1 status 503 SlowDown Retry-After:$s"
	exits "Retry-After $s is not waited for" 111 timeout 20 \
	    "$BUILD/tests/storectl" -e "$HTTP_ENDPOINT" -b b -t 4000 head k
done
rules '* * * status 403 AccessDenied'
exits "403 is final" 102 ctl get k
is "after one try" "$(requests GET)" 1
like "403 is told" "$err" '^denied: .*AccessDenied'
rules '* * * status 404 NoSuchBucket'
exits "no bucket" 1 ctl list x
like "no bucket is told" "$err" '^notfound: .*NoSuchBucket'
rules '* * * status 400 InvalidArgument'
exits "400 is configuration" 102 ctl put k2 "$T/a"
rules '* * 1 status 409 ConditionalRequestConflict'
ok "409 is tried again" ctl putif new1 "$T/a"

# --- an answer that is an error all the same
rules 'PUT * 1 okerror InternalError'
ok "put: 200 with an error is tried again" ctl put k3 "$T/a"
is "twice" "$(requests PUT)" 2
rules 'PUT * * okerror AccessDenied'
exits "copy: 200 with an error" 102 ctl copy k k4
for n in 0 30; do
	rules "PUT k4 1 okcut $n"
	ok "copy: 200 with $n bytes is tried again" ctl copy k k4
	is "twice" "$(requests PUT)" 2
	rules "PUT k4 * okcut $n"
	exits "copy: and is no success" 111 ctl -t 1000 copy k k4
done
like "is told" "$err" '^temp: PUT s3://b/k4: .*no CopyObjectResult'
rules 'POST delete * okerror AccessDenied'
exits "delete: 200 with an error" 102 ctl del k8 k9
rules '* list-type 1 okerror InternalError'
ok "list: 200 with an error is tried again" ctl list k

# --- connections
"$BUILD/tests/storectl" -e http://127.0.0.1:1 -b b -t 3000 head k 2>"$T/e"
is "refused: temporary" "$?" 111
like "refused: told" "$(cat "$T/e")" "^temp: HEAD s3://b/k: after [0-9]+ tries: Failed to connect to 127.0.0.1"
n=0
while test $n -lt 300000; do
	rules "GET k 1 resetout $n"
	got k || break
	n=$((n + step))
done
is "get: reset at every ${step}th byte" "$((n >= 300000))" 1
rules 'GET k 1 cut 100000' 'GET k 2 cut 100000'
ok "get: cut twice" got k
like "it goes on by range" "$(cat "$HTTP_LOG")" '^> range: bytes=200000-299999'
n=0
while test $n -lt 300000; do
	rules "PUT k 1 resetin $n"
	ctl put k "$T/a" && got k || break
	n=$((n + step))
done
is "put: reset at every ${step}th byte" "$((n >= 300000))" 1
rules 'GET k * hang'
t=$(date +%s)
exits "a hang ends" 111 "$BUILD/tests/storectl" -e "$HTTP_ENDPOINT" -b b -t 1000 get k
is "in time" $(($(date +%s) - t <= late)) 1
like "and is told" "$err" 'nothing moved for 1000 ms'
rules 'GET k 1 slow 50000 100'
ok "slow is not dead" got k
rules 'GET k * slow 60 300'
t=$(date +%s)
exits "a dribble ends" 111 "$BUILD/tests/storectl" -e "$HTTP_ENDPOINT" -b b -t 500 get k
is "in time" $(($(date +%s) - t <= late + 10)) 1
like "and is told" "$err" 'less than 1024 bytes a second moved for 5000 ms'
rules 'GET k * slow 1000 200'
ok "slow for long is not dead either" timeout -s KILL 60 "$BUILD/tests/storectl" -e "$HTTP_ENDPOINT" -b b -t 500 get k 0 30000
rules 'GET k * nolength'
exits "a body without an end" 102 ctl get k
rules 'GET k 1 resetout 150000' 'GET k 2 etag "other"'
exits "another object half way" 102 ctl get k
like "is told" "$err" '^data: GET s3://b/k: changed while it was read .*"other"'
rules 'GET k 1 resetout 150000' 'GET k 2 status 404 NoSuchKey'
exits "gone half way" 1 ctl get k
rules 'GET k 1 status 403 InvalidAccessKeyId'
exits "the middle of a read is refused" 102 ctl get k
rules '* * 1-3 resetout 0'
ok "many reads at once, some reset" ctl many k k3 k k3
is "all of it" "$(wc -c <"$T/.out" >/dev/null; ctl many k k3 k k3 | wc -c)" 1200000

# --- conditions
rules
exits "create-if-absent" 111 ctl putif k "$T/a"
like "is told" "$err" '^exists: '
rules 'PUT * 1 lost'
ok "a create whose answer was lost is ours" ctl putif lost1 "$T/a"
is "without replacing" "$(requests PUT)" 2
rules 'PUT * 1 lost'
ok "the same, empty" ctl putif lost2 /dev/null
rules 'PUT * 1 status 500' 'PUT * 2 status 412 PreconditionFailed'
exits "an other's object is not ours" 111 ctl putif k3 "$T/big"
for what in put:PUT:a parts:POST:big; do
	m=${what#*:} f=${what##*:} m=${m%:*}
	rules "$m uploads * none" "$m n501 1 status 501 NotImplemented"
	ok "501 to a condition: stored without (${what%%:*})" \
	    ctl putif n501.$f "$T/$f"
	rules "$m uploads * none" "$m n501 1 status 501 NotImplemented"
	exits "501 to a condition: still not replaced (${what%%:*})" 111 \
	    ctl putif n501.$f "$T/$f"
done
rules 'PUT * * unconditional'
is "the probe finds a store that ignores conditions" "$(ctl probe p/)" "0 1"
rules 'PUT * 2 status 501 NotImplemented'
is "the probe finds one without conditions" "$(ctl probe p/)" "0 1"
rules
is "the probe finds one that has them" "$(ctl probe p/)" "1 3"
is "the probe leaves nothing" "$(ctl list p/)" ""
rules 'DELETE * * status 403 AccessDenied'
is "the probe needs no right to delete" "$(ctl probe q/)" "1 3"
is "but leaves its object" "$(ctl list q/ | cut -f 1)" q/.ls-s6-probe

# --- parts
rules
ok "parts" ctl putif big "$T/big"
is "three" "$(requests PUT)" 3
ok "come back" sh -c "'$BUILD/tests/storectl' -e $HTTP_ENDPOINT -b b get big | cmp - '$T/big'"
rules 'PUT partNumber=2 1-2 resetin 100000' 'PUT partNumber=3 1 status 503' \
    'POST uploadId 1 status 500'
ok "parts with faults" sh -c "'$BUILD/tests/storectl' -e $HTTP_ENDPOINT -b b put big2 - <'$T/big'"
ok "come back" sh -c "'$BUILD/tests/storectl' -e $HTTP_ENDPOINT -b b get big2 | cmp - '$T/big'"
rules 'POST uploadId 1 lost'
ok "an end whose answer was lost is ours" ctl putif big3 "$T/big"
for n in 0 40; do
	rules "POST uploadId 1 okcut $n"
	ok "an end answered with $n bytes is looked into" ctl putif "cut$n" "$T/big"
	is "is not taken as it is" "$(requests POST)" 3
	rules 'POST uploadId * status 200'
	exits "an end that did nothing is none" 111 ctl -t 1000 put "no$n" "$T/big"
done
rules 'POST uploads 1 okcut 30'
ok "a begin answered in part is tried again" ctl put cut "$T/big"
rules 'PUT partNumber=2 * status 403 AccessDenied'
exits "a refused part" 102 ctl put big4 "$T/big"
like "is named" "$err" 'part 2: 403 AccessDenied'
is "and the upload aborted" "$(requests DELETE)" 1
rules 'PUT partNumber * etag "x"'
exits "a wrong ETag of a part" 102 ctl put big4 "$T/big"
like "is refused" "$err" InvalidPart
rules
is "nothing of it is left" "$(ctl list big4)" ""
exits "parts: exists" 111 ctl putif big "$T/big"
ok "copy in parts" ctl -o copy=6000000 copy big big5
ok "come back" sh -c "'$BUILD/tests/storectl' -e $HTTP_ENDPOINT -b b get big5 | cmp - '$T/big'"

# --- region, clock
rules '* * 1 status 301 PermanentRedirect x-amz-bucket-region:eu-west-3'
ok "the bucket's region is learnt" ctl head k
like "and signed" "$(cat "$HTTP_LOG")" '^> Authorization: .*/eu-west-3/s3/'
rules 'PUT * 1 status 403 RequestTimeTooSkewed Date:Fri,_20_Nov_2037_21:17:37_GMT'
ok "the server's clock is learnt" ctl put k "$T/a" 1700000000123
like "and signed" "$(cat "$HTTP_LOG")" '^> x-amz-date: 20371120T2117'

# --- listing, deleting
rules
for i in 1 2 3 4 5 6 7; do ctl put "l/$i" /dev/null; done
is "pages" "$(ctl list l/ | cut -f 1 | tr '\n' ' ')" "l/1 l/2 l/3 l/4 l/5 l/6 l/7 "
is "pages, from" "$(ctl list l/ l/5 | cut -f 1 | tr '\n' ' ')" "l/6 l/7 "
rules 'GET list-type 2 cut 200'
is "a page that broke is not given twice" \
    "$(ctl list l/ | cut -f 1 | tr '\n' ' ')" "l/1 l/2 l/3 l/4 l/5 l/6 l/7 "
rules 'GET list-type 1 cut 370' 'GET list-type 2 hide l/1'
is "a page tried again need not be the same" \
    "$(ctl list l/ | cut -f 1 | tr '\n' ' ')" "l/1 l/2 l/3 l/4 l/5 l/6 l/7 "
rules 'GET list-type * stray'
exits "only keys not asked for are not nothing" 102 ctl list l/
like "is told" "$err" '^data: .*not asked for'
rules 'GET list-type * swing'
exits "a listing in greater circles" 102 timeout 10 "$BUILD/tests/storectl" \
    -e "$HTTP_ENDPOINT" -b b list l/
rules 'GET list-type * circle'
exits "a listing in circles" 102 timeout 10 "$BUILD/tests/storectl" \
    -e "$HTTP_ENDPOINT" -b b list l/
rules 'POST delete * status 501 NotImplemented'
ok "delete one by one where there are no batches" ctl del l/1 l/2 l/none
is "they are gone" "$(ctl list l/ | wc -l)" 5
rules
ctl put l/undeletable "$T/a"
exits "a refused deletion" 102 ctl del l/3 l/undeletable l/4
is "is named" "$out" "l/undeletable	denied"
like "is told" "$err" '^denied: delete s3://b/l/undeletable: AccessDenied'
is "the others are gone" "$(ctl list l/ | cut -f 1 | tr '\n' ' ')" \
    "l/5 l/6 l/7 l/undeletable "
like "with Content-MD5" "$(cat "$HTTP_LOG")" '^> content-md5: '

# --- settings
rules
ctl -o class=STANDARD_IA -o md5=1 -o \
    sse=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= put s "$T/a"
like "storage class" "$(cat "$HTTP_LOG")" '^> x-amz-storage-class: STANDARD_IA'
like "SSE-C" "$(cat "$HTTP_LOG")" \
    '^> x-amz-server-side-encryption-customer-key-md5: KYvwGXoFFJ42a2u2GDWhwQ=='
if command -v openssl >/dev/null; then
	ok "Content-MD5" grep -Fqx "> content-md5: $(openssl md5 -binary \
	    "$T/a" | openssl base64)" "$HTTP_LOG"
else
	skip "Content-MD5" "no openssl to compare with"
fi
like "real payload hash" "$(cat "$HTTP_LOG")" \
    "^> x-amz-content-sha256: $(sha256sum <"$T/a" | cut -c 1-64)"
like "no Expect" "$(grep -ci '^> expect' "$HTTP_LOG")" '^0$'
rules
ctl -o sign=0 put s "$T/a"
like "unsigned payload" "$(cat "$HTTP_LOG")" \
    '^> x-amz-content-sha256: UNSIGNED-PAYLOAD'
done_testing
