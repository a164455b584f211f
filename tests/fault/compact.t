#!/bin/sh
# What a level costs that has one file to take: a read of it and the copy the
# store makes. Nothing is ever replaced, whatever the store knows of conditions.
. tests/lib.sh
. tests/fault/peer.sh
need sqlite3
plan 28
http_start
LS_STORE_TIMEOUT=3s
export LS_STORE_TIMEOUT
V=tests/vectors/ltx/litestream-0.5.18/0
f() { echo "000000000000000$1-000000000000000$1.ltx"; }
# fill PREFIX: level 0 to TXID 4, level 1 to TXID 3; sets URL and AWS, the
# same of a host of theirs.
fill() {
	URL="s3://b/$1?endpoint=$HTTP_ENDPOINT&region=us-east-1"
	AWS="s3://b/$1?endpoint=http://s3.us-east-1.amazonaws.com&region=us-east-1"
	rules
	for n in 1 2 3; do ls-put "$URL" <"$V/$(f $n)" || bail "put $n"; done
	ls-compact -q -l 1 "$URL" || bail "compact"
	ls-put "$URL" <"$V/$(f 4)" || bail "put 4"
	rules
}
aws() { http_proxy=$HTTP_ENDPOINT "$@"; }
costs() { # NAME GET HEAD PUT: the listing is one GET
	is "$1" "$(requests GET) GET, $(requests HEAD) HEAD, $(requests PUT) PUT" \
	    "$2 GET, $3 HEAD, $4 PUT"
}
level1() { ls-list -l 1 "$URL" | grep -c ^1; }
# theirs: something else is where the copy would go.
theirs() {
	ls-get "$URL" "1/$(f 4)" >"$T/got" && cmp "$T/got" "$V/$(f 3)"
}

fill bare
ok "without local files" ls-compact -q -l 1 "$URL"
costs "are read: what is listed and the file" 2 1 1
is "it is a copy" "$(grep -c 'x-amz-copy-source:' "$HTTP_LOG")" 1
rules
is "of the file" "$(ls-get "$URL" "1/$(f 4)" | cksum)" "$(cksum <"$V/$(f 4)")"

fill local
mkdir -p "$T/.a.db-litestream/ltx/0"
cp "$V"/* "$T/.a.db-litestream/ltx/0"
ok "with local files" ls-compact -q -l 1 "$T/a.db" "$URL"
costs "are read: what is listed and the file" 2 1 1

fill tend
ls-list "$URL" | grep '^[0-9]' >"$T/listing"
rules
ok "what ls-tend does" ls-compact -q -l 1 --listing "$T/listing" "$T/a.db" "$URL"
costs "is read: the file" 1 1 1

fill aws
ok "AWS, which knows conditions of copies" aws ls-compact -q -l 1 "$T/a.db" "$AWS"
costs "is not asked what is there" 2 0 1
rules
is "and has it" "$(level1)" 2

# --- something is there that the listing does not know
for where in url aws; do
	fill "there-$where"
	"$BUILD/tests/storectl" -e "$HTTP_ENDPOINT" -b b put \
	    "there-$where/0001/$(f 4)" "$V/$(f 3)" || bail "put theirs"
	rules "GET list-type * hide there-$where/0001/$(f 4)"
	case $where in
	url) exits "$where: it is no good" 102 ls-compact -q -l 1 "$URL" ;;
	aws) exits "$where: it is no good" 102 aws ls-compact -q -l 1 "$AWS" ;;
	esac
	like "$where: and is told" "$err" 'never replaced'
	ok "$where: and stays" theirs
done

# --- where AWS, or who has its name, refuses the condition itself
fill old
rules 'PUT 0001 1 status 501 NotImplemented'
ok "a condition that is refused" aws ls-compact -q -l 1 "$AWS"
costs "then what is there is asked" 2 1 2
rules
is "and it is made" "$(level1)" 2
fill old2
"$BUILD/tests/storectl" -e "$HTTP_ENDPOINT" -b b put "old2/0001/$(f 4)" \
    "$V/$(f 3)" || bail "put theirs"
rules 'PUT 0001 1 status 501 NotImplemented' \
    "GET list-type * hide old2/0001/$(f 4)"
exits "with something there" 102 aws ls-compact -q -l 1 "$AWS"
ok "which stays" theirs

# --- a page that is missing is not copied on
rules
make_db "$T/small.db" 100
make_db "$T/large.db" 3000
pages=$(($(wc -c <"$T/large.db") / 4096))
URL="s3://b/grown?endpoint=$HTTP_ENDPOINT&region=us-east-1"
mk() { "$BUILD/tests/ltxmake" db block "$@" | ls-put "$URL" || bail "put $1"; }
mk 1 1 "$T/small.db"
mk 2 2 "$T/small.db" 1 2
ls-compact -q -l 1 "$URL" || bail "compact 2"
mk 3 3 "$T/small.db" 2
rules
ok "a file that has not all pages" ls-compact -q -l 1 "$URL"
costs "besides: the header before it" 3 1 1
mk 4 4 "$T/large.db" 1 2 "$pages"
before=$(level1)
exits "a file without a page it grew by" 102 ls-compact -q --changes -l 1 "$URL"
like "is told" "$err" "page [0-9]+ is missing: the database grew"
like "as a gap" "$out" '^gap	.*0000000000000004'
is "and not copied" "$(level1)" "$before"
