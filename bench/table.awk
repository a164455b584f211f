# Rows "CASE METRIC TOOL VALUE" (tabs), repeated for repeated runs, to a
# Markdown table of medians with the ratio of ours to each peer.
BEGIN { FS = "\t" }
{
	row = $1 "\t" $2
	if (!($1 in cases)) { cases[$1] = 1; order[++m] = $1 }
	if (!(row in seen)) { seen[row] = 1; rows[++n] = row }
	k = row "\t" $3
	v[k, ++c[k]] = $4
}
function median(k,   i, j, t, m, s) {
	m = c[k]
	if (!m) return ""
	for (i = 1; i <= m; i++) s[i] = v[k, i]
	for (i = 2; i <= m; i++)
		for (j = i; j > 1 && s[j] + 0 < s[j - 1] + 0; j--) {
			t = s[j]; s[j] = s[j - 1]; s[j - 1] = t
		}
	return s[int((m + 1) / 2)]
}
function ratio(a, b) {
	if (a == "" || b == "" || a == "-" || b == "-" || b + 0 == 0) return ""
	return sprintf("%.2f", a / b)
}
END {
	print "| what | | ls-s6 | 0.5.18 | 0.3.13 | to 0.5 | to 0.3 | baseline |"
	print "|---|---|--:|--:|--:|--:|--:|--:|"
	for (o = 1; o <= m; o++)
	for (i = 1; i <= n; i++) {
		split(rows[i], f, "\t")
		if (f[1] != order[o]) continue
		x = median(rows[i] "\tls"); a = median(rows[i] "\t0.5")
		b = median(rows[i] "\t0.3"); z = median(rows[i] "\tbase")
		printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n",
		    f[1] == last ? "" : f[1], f[2], x, a, b,
		    ratio(x, a), ratio(x, b), z
		last = f[1]
	}
}
