#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "front/front.h"
#include "front/old.h"

#define N(a) (sizeof (a) / sizeof *(a))

static void
text_is(stralloc *s, const char *want)
{
	assert_true(stralloc_0(s));
	assert_string_equal(s->s, want);
	stralloc_free(s);
}

/* What Go's flag package did with the same arguments. */
static void
flags_as_go_takes_them(void **state)
{
	static const struct {
		const char *cmd, *argv[5], *err;
		int r, n;
	} t[] = {
		{ "databases", { "-json", "x" }, NULL, 0, 1 },
		{ "databases", { "--json", "--config=a", "x" }, NULL, 0, 2 },
		{ "databases", { "-config", "a", "-", "-json" }, NULL, 0, 2 },
		{ "databases", { "x", "-json" }, NULL, 0, 0 },
		{ "databases", { "--", "-json" }, NULL, 0, 1 },
		{ "databases", { "-h" }, NULL, 1, 0 },
		{ "databases", { "--help" }, NULL, 1, 0 },
		{ "databases", { "-json=maybe" },
		    "invalid boolean value \"maybe\" for -json: parse error",
		    -1, 0 },
		{ "databases", { "-config" },
		    "flag needs an argument: -config", -1, 0 },
		{ "databases", { "-socket", "x" },
		    "flag provided but not defined: -socket", -1, 0 },
		{ "databases", { "---json" }, "bad flag syntax: ---json", -1, 0 },
		{ "databases", { "-=x" }, "bad flag syntax: -=x", -1, 0 },
		{ "ltx", { "-level", "10" }, "invalid value \"10\" for flag "
		    "-level: level must be between 0 and 9", -1, 0 },
		{ "ltx", { "-level", "x" }, "invalid value \"x\" for flag "
		    "-level: invalid level: must be 0-9 or \"all\"", -1, 0 },
		{ "ltx", { "-level", "all" }, NULL, 0, 2 },
		{ "restore", { "-txid", "1" }, "invalid value \"1\" for flag "
		    "-txid: invalid txid format", -1, 0 },
		{ "restore", { "-follow-interval", "x" }, "invalid value \"x\" "
		    "for flag -follow-interval: parse error", -1, 0 },
		{ "sync", { "-timeout", "x" }, "invalid value \"x\" for flag "
		    "-timeout: parse error", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		struct front_opts o = { 0 };
		struct err e = { 0 };
		int argc = 0, n = 0;

		while (t[i].argv[argc])
			argc++;
		assert_int_equal(front_flags(front_cmd_find(t[i].cmd), argc,
		    (char *const *)(uintptr_t)t[i].argv, &o, &n, &e), t[i].r);
		if (t[i].err)
			assert_string_equal(e.msg, t[i].err);
		else
			assert_int_equal(n, t[i].n);
	}
}

static void
values_arrive(void **state)
{
	static const char *const argv[] = { "-o", "out", "--replica=s3",
		"-json=false", "-if-db-not-exists", "-index=0a" };
	struct front_opts o = { .json = 1 };
	struct err e = { 0 };
	int n;

	(void)state;
	assert_int_equal(front_flags(front_cmd_find("restore"), 6,
	    (char *const *)(uintptr_t)argv, &o, &n, &e), 0);
	assert_string_equal(o.output, "out");
	assert_string_equal(o.replica, "s3");
	assert_string_equal(o.index, "0a");
	assert_int_equal(o.json, 0);
	assert_int_equal(o.if_db_missing, 1);
	assert_int_equal(o.if_replica, 0);
}

static void
words_as_the_peer_splits_them(void **state)
{
	static const struct {
		const char *line, *word[5];
	} t[] = {
		{ "true", { "true" } },
		{ "  a  b\tc ", { "a", "b", "c" } },
		{ "sh -c \"exit 7\"", { "sh", "-c", "exit 7" } },
		{ "sh -c 'echo \"x\" \\n'", { "sh", "-c", "echo \"x\" \\n" } },
		{ "a\\ b \"c\\\"d\"", { "a b", "c\"d" } },
		{ "a '' b", { "a", "", "b" } },
		{ "a; b", { "a" } },
		{ "a && b", { "a" } },
		{ "a'b'c", { "abc" } },
		{ "a \"b 'c\" '\"(d'", { "a", "b 'c", "\"(d" } },
		{ "a `b; 'c` (' d` e", { "a", "`b; c` ( d`", "e" } },
		{ "a $(b 'c | d) e", { "a", "$(b 'c | d)", "e" } },
		{ "a ) b ) c", { "a", ") b )", "c" } },
		{ "a \\( b\\)", { "a", "(", "b)" } },
		{ "a 2>b", { "a" } },
		{ "a 2x>b", { "a" } },
		{ "a x2>b", { "a", "x2" } },
		{ "a '2'>b", { "a" } },
		{ "a ''>b", { "a", "" } },
	};
	static const char *const bad[] = { "", "  ", "a 'b", "\"", "a (b)",
	    "a $ (b", "a $(b", "a $(b (c))", "a `b", "a )", "a\\" };
	struct err e = { 0 };
	char *block, **v;

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		size_t k = 0;

		assert_int_equal(front_words(t[i].line, &block, &v, &e), 0);
		for (; t[i].word[k]; k++)
			assert_string_equal(v[k], t[i].word[k]);
		assert_null(v[k]);
		free(block);
		free(v);
	}
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(front_words(bad[i], &block, &v, &e), -1);
}

static void
tables_are_go_s(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "a\tbb\tc\n1\t2\t3\n", "a  bb  c\n1  2   3\n" },
		{ "path\treplica\n/long/er\tfile\n",
		    "path      replica\n/long/er  file\n" },
		{ "\xc3\xa4\tx\nbb\ty\n", "\xc3\xa4   x\nbb  y\n" },
		{ "one\n", "one\n" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		stralloc s = STRALLOC_ZERO;

		assert_true(front_table(&s, t[i].in, strlen(t[i].in)));
		text_is(&s, t[i].out);
	}
}

static void
json_is_go_s(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "[]", "[]" }, { "{}", "{}" },
		{ "{\"a\":1,\"b\":[{\"c\":\"x,{y\"}]}", "{\n  \"a\": 1,\n"
		    "  \"b\": [\n    {\n      \"c\": \"x,{y\"\n    }\n  ]\n}" },
		{ "[\"a\\\"]\",2]", "[\n  \"a\\\"]\",\n  2\n]" },
	};
	stralloc s = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		assert_true(front_json_indent(&s, t[i].in, strlen(t[i].in)));
		text_is(&s, t[i].out);
	}
	assert_true(front_json_string(&s, "a\"\\\n<&>\001\xc3\xa4\xe4"));
	text_is(&s, "\"a\\\"\\\\\\n\\u003c\\u0026\\u003e\\u0001\xc3\xa4"
	    "\\ufffd\"");
}

static void
sizes_are_for_people(void **state)
{
	static const struct { uint64_t n; const char *s; } t[] = {
		{ 0, "0 B" }, { 9, "9 B" }, { 10, "10 B" }, { 999, "999 B" },
		{ 1000, "1.0 kB" }, { 4152, "4.2 kB" }, { 32992, "33 kB" },
		{ 4120000, "4.1 MB" }, { 82854982, "83 MB" },
		{ UINT64_C(5000000000), "5.0 GB" },
	};

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		stralloc s = STRALLOC_ZERO;

		assert_true(front_bytes(&s, t[i].n));
		text_is(&s, t[i].s);
	}
}

static void
rows_of_0_3(void **state)
{
	static const struct { const char *what, *in, *only, *out; } t[] = {
		{ "generations", "s3\tdeadbeef00000001\t2026-11-27T22:11:09.123Z\t"
		    "2026-11-27T22:11:10.000Z\t1\t2\t345", NULL,
		    "s3\tdeadbeef00000001\t2.9s\t2026-11-27T22:11:09Z\t"
		    "2026-11-27T22:11:10Z\n" },
		{ "snapshots", "s3\tdeadbeef00000001\t12\t345\t"
		    "2026-11-27T22:11:09.123Z", "deadbeef00000001",
		    "s3\tdeadbeef00000001\t12\t345\t2026-11-27T22:11:09Z\n" },
		{ "wal", "s3\tdeadbeef00000001\t12\t4152\t345\t"
		    "2026-11-27T22:11:09Z", NULL,
		    "s3\tdeadbeef00000001\t12\t4152\t345\t2026-11-27T22:11:09Z\n" },
		{ "wal", "s3\tdeadbeef00000001\t12\t4152\t345\tx", "other", "" },
		{ "wal", "not a row", NULL, "" },
	};
	static const struct { int64_t ms; const char *s; } lag[] = {
		{ 12, "12ms" }, { 999, "999ms" }, { 1250, "1.2s" },
		{ 9999, "9.9s" }, { 10500, "10s" }, { 75999, "1m15s" },
		{ -1000, "-1s" }, { 0, "0s" },
	};
	int64_t now;
	char buf[300];

	(void)state;
	assert_int_equal(when_scan("2026-11-27T22:11:12.950Z", &now), 0);
	for (size_t i = 0; i < N(t); i++) {
		stralloc s = STRALLOC_ZERO;

		strcpy(buf, t[i].in);
		assert_true(old_row(&s, t[i].what, buf, now, t[i].only));
		text_is(&s, t[i].out);
	}
	for (size_t i = 0; i < N(lag); i++) {
		old_lag(buf, lag[i].ms);
		assert_string_equal(buf, lag[i].s);
	}
}

static void
fatal_lines(void **state)
{
	static const struct { const char *line, *text; } t[] = {
		{ "ls-list: fatal: unable to list: file:///x: no such", "file:///x: "
		    "no such" },
		{ "ls-restore: usage: -t takes a time", "-t takes a time" },
		{ "ls-walship: fatal: out of memory", "out of memory" },
		{ "ls-conf: warning: x.yml:3: y", NULL },
		{ "level=info msg=x", NULL },
		{ "cat: fatal: unable to x: y", NULL },
	};
	char line[200];

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		strcpy(line, t[i].line);
		if (t[i].text)
			assert_string_equal(front_fatal(line), t[i].text);
		else
			assert_null(front_fatal(line));
	}
}

static void
queries(void **state)
{
	char v[40];

	(void)state;
	assert_int_equal(front_http_param("a=1&path=%2Fx+y&b", "path", v,
	    sizeof v), 1);
	assert_string_equal(v, "/x y");
	assert_int_equal(front_http_param("xpath=1", "path", v, sizeof v), 0);
	assert_int_equal(front_http_param("", "path", v, sizeof v), 0);
	assert_int_equal(front_http_param("path=%zz", "path", v, sizeof v), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_as_go_takes_them),
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(words_as_the_peer_splits_them),
		cmocka_unit_test(tables_are_go_s),
		cmocka_unit_test(json_is_go_s),
		cmocka_unit_test(sizes_are_for_people),
		cmocka_unit_test(rows_of_0_3),
		cmocka_unit_test(fatal_lines),
		cmocka_unit_test(queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
