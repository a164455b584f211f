#include "conf/raw.h"

static int
put_all(const struct conf_found *f, stralloc *out)
{
	static const char head[] =
"# Variables are taken from the environment of the program that reads this.\n"
"# Credentials: LITESTREAM_ACCESS_KEY_ID and LITESTREAM_SECRET_ACCESS_KEY, or\n"
"# any other way of AWS tools; they need not be written here.\n";

	if (!stralloc_cats(out, head) || !stralloc_cats(out, f->n ? "dbs:\n"
	    : "# No SQLite database was found.\ndbs: []\n"))
		return 0;
	for (size_t i = 0; i < f->n; i++)
		if (!stralloc_cats(out, "  - path: ")
		    || !conf_quote(out, f->path[i], 1)
		    || !stralloc_cats(out, "\n    replica:\n"
		    "      type: s3\n"
		    "      bucket: $LITESTREAM_REPLICA_BUCKET\n"
		    "      endpoint: $LITESTREAM_REPLICA_ENDPOINT\n"
		    "      region: $LITESTREAM_REPLICA_REGION\n"
		    "      path: ")
		    || !conf_quote(out, f->path[i] + 1, 1)
		    || !stralloc_catb(out, "\n", 1))
			return 0;
	return 1;
}

int
conf_init_text(const char *const *paths, size_t n, stralloc *out,
    const struct conf_warn *warn, struct err *err)
{
	struct conf_found f = { 0, 0, 0 };
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = conf_find(&f, paths[i], 0, 1, warn, err);
	if (!r) {
		conf_found_sort(&f);
		if (!put_all(&f, out))
			r = err_nomem(err);
	}
	conf_found_free(&f);
	return r;
}
