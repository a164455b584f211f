# An S3 peer that misbehaves by rules: see httpd.c. Sourced after tests/lib.sh.

# http_start [PAGE]: sets HTTP_PORT and HTTP_ENDPOINT; the bucket is any.
http_start() {
	HTTP_PORT=$(free_port)
	HTTP_ENDPOINT=http://127.0.0.1:$HTTP_PORT
	HTTP_LOG=$T/http.log
	AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=secret
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	: >"$T/rules"
	: >"$HTTP_LOG"
	start httpd "$BUILD/tests/httpd" "$HTTP_PORT" "$HTTP_LOG" "$T/rules" "$@"
	wait_for 10 listening "$HTTP_PORT" || bail "httpd does not start"
}

# rules LINE...: from the next request on; the log starts anew.
rules() {
	printf '%s\n' "$@" >"$T/rules.new"
	mv "$T/rules.new" "$T/rules"
	: >"$HTTP_LOG"
}

# requests METHOD: how many since rules.
requests() { grep -c "^> $1 " "$HTTP_LOG"; }

# ctl ARG...: one store call on bucket b of the peer.
ctl() { "$BUILD/tests/storectl" -e "$HTTP_ENDPOINT" -b b -t 4000 "$@"; }
