# README.md with the table of the file t put in, between the markers of the
# measurements: after the tables that are there, each of which is a paragraph
# about the run, an empty line, and rows. What t has newly leaves those; a
# table that has no rows then goes with its paragraph.
BEGIN {
	while ((getline l < t) > 0) {
		new[++n] = l
		if (is_row(l) && name(l) != "") again[name(l)] = 1
	}
	close(t)
}
function is_row(l) { return l ~ /^\|/ && l !~ /^\| what / && l !~ /^\|-/ }
function name(l,   f) {
	split(l, f, "|")
	gsub(/^ +| +$/, "", f[2])
	return f[2]
}
function flush(   i) {
	if (rows) {
		for (i = 1; i <= m; i++) print part[i]
		print ""
	}
	m = rows = 0
}
/<!-- bench begin -->/ { print; inside = 1; next }
/<!-- bench end -->/ {
	flush()
	for (i = 1; i <= n; i++) print new[i]
	inside = 0
}
!inside { print; next }
/^[^|]/ && rows { flush() }
/^$/ && (rows || !m) { next }
is_row($0) {
	if (name($0) != "") of = name($0)
	if (of in again) next
	rows++
}
{ part[++m] = $0 }
