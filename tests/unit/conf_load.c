#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/when.h"
#include "conf/conf.h"

static struct err err;
static char dir[64], yml[128];

static int
begin(void **state)
{
	char self[PATH_MAX] = "", bin[PATH_MAX + 16], *slash;
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	static const char text[] = "shutdown-timeout: 7s\ndbs:\n"
	    "- path: /d/a.db\n  replica: {url: 's3://b/a'}\n"
	    "- path: /d/b.db\n  replica: {path: $LS_T_PATH}\n"
	    "- path: /d/c.db\n";

	(void)state;
	strcpy(dir, "/tmp/ls-unit-load.XXXXXX");
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0
	    || !(slash = strrchr(self, '/')) || !mkdtemp(dir))
		return -1;
	*slash = 0;
	snprintf(bin, sizeof bin, "%s/../bin", self);
	setenv("PATH", bin, 1);
	snprintf(yml, sizeof yml, "%s/l.yml", dir);
	dup2(quiet, 2); /* what ls-conf warns of */
	close(quiet);
	return io_write_file(yml, text, sizeof text - 1, 0, &err);
}

static int
end(void **state)
{
	(void)state;
	unlink(yml);
	return rmdir(dir);
}

static int
clean(void **state)
{
	static const char *const vars[] = {
		"DB_PATH", "REPLICA_URL", "LOG_LEVEL", "LITESTREAM_CONFIG",
		"LS_ACCEPT_REPLACEMENT", "LITESTREAM_REPLICA_BUCKET",
		"LITESTREAM_REPLICA_PATH", "LITESTREAM_S3_ENDPOINT",
		"AWS_REGION", "AWS_ENDPOINT_URL", "LS_BUSY_TIMEOUT"
	};

	(void)state;
	for (size_t i = 0; i < sizeof vars / sizeof *vars; i++)
		unsetenv(vars[i]);
	setenv("LS_T_PATH", "/r/b", 1);
	err_clear(&err);
	return 0;
}

static void
refused(const struct conf_args *a, enum err_kind kind, const char *why)
{
	struct conf c;

	assert_int_equal(conf_load(&c, a, &err), -1);
	if (err.kind != kind || !strstr(err.msg, why))
		fail_msg("%s: %s", err_word(err.kind), err.msg);
	assert_null(c.dbs);
	conf_free(&c);
}

static void
a_file_through_ls_conf(void **state)
{
	struct conf_args a = { .file = yml };
	struct conf c;

	(void)state;
	if (conf_load(&c, &a, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.shutdown_timeout_ms, 7000);
	assert_string_equal(c.source, yml);
	assert_string_equal(c.dbs[1].replicas[0].store.path, "/r/b");
	conf_free(&c);
	a.no_expand_env = 1;
	assert_int_equal(conf_load(&c, &a, &err), 0);
	assert_non_null(strstr(c.dbs[1].replicas[0].store.path, "$LS_T_PATH"));
	conf_free(&c);
	setenv("LITESTREAM_CONFIG", yml, 1);
	a.file = 0;
	assert_int_equal(conf_load(&c, &a, &err), 0);
	assert_int_equal(c.n, 3);
	conf_free(&c);
	a.file = "/none/l.yml";
	refused(&a, ERR_CONF, "/none/l.yml");
	a.file = dir;
	refused(&a, ERR_CONF, "is a folder");
}

static void
one_database_of_a_file(void **state)
{
	struct conf_args a = { .file = yml, .db = "/d/x/../b.db",
		.need = CONF_NEED_DB | CONF_NEED_REPLICA };
	struct conf c;

	(void)state;
	assert_int_equal(conf_load(&c, &a, &err), 0);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.dbs[0].path, "/d/b.db");
	conf_free(&c);
	a.db = "/d/c.db";
	refused(&a, ERR_CONF, "/d/c.db has no replica");
	a.db = "/d/z.db";
	refused(&a, ERR_CONF, "does not list /d/z.db");
	a.need = CONF_NEED_DB;
	assert_int_equal(conf_load(&c, &a, &err), 0);
	assert_int_equal(c.n, 1);
	assert_string_equal(c.dbs[0].path, "/d/z.db");
	assert_int_equal(c.dbs[0].n, 0);
	conf_free(&c);
	a.db = 0;
	a.need = CONF_NEED_DB | CONF_NEED_REPLICA;
	refused(&a, ERR_CONF, "/d/c.db has no replica");
}

static void
arguments_need_no_file(void **state)
{
	static const char *const urls[] = { "file:///r/1", "s3://b/2" };
	struct conf_args a = { .db = "rel.db", .urls = urls, .n_urls = 2,
		.need = CONF_NEED_DB | CONF_NEED_REPLICA };
	char cwd[PATH_MAX], full[PATH_MAX + 8];
	struct conf c;

	(void)state;
	setenv("LITESTREAM_CONFIG", "/none", 1);
	setenv("REPLICA_URL", "s3://not/this", 1);
	setenv("LITESTREAM_S3_ENDPOINT", "127.0.0.1:1", 1);
	setenv("LS_BUSY_TIMEOUT", "9s", 1);
	assert_int_equal(conf_load(&c, &a, &err), 0);
	snprintf(full, sizeof full, "%s/rel.db", getcwd(cwd, sizeof cwd));
	assert_string_equal(c.dbs[0].path, full);
	assert_int_equal(c.dbs[0].busy_timeout_ms, 9000);
	assert_int_equal(c.dbs[0].n, 2);
	assert_string_equal(c.dbs[0].replicas[1].store.endpoint,
	    "http://127.0.0.1:1");
	assert_int_equal(c.dbs[0].replicas[1].store.force_path_style,
	    STORE_ON);
	assert_string_equal(c.source, "arguments");
	conf_free(&c);
	a.db = "s3://b/3";
	a.n_urls = 0;
	a.need = CONF_NEED_REPLICA;
	assert_int_equal(conf_load(&c, &a, &err), 0);
	assert_null(c.dbs[0].path);
	assert_int_equal(c.dbs[0].n, 1);
	assert_string_equal(c.dbs[0].replicas[0].store.path, "3");
	conf_free(&c);
	a.need = CONF_NEED_DB;
	refused(&a, ERR_USAGE, "path of a database");
	a.db = "gs://b/3";
	refused(&a, ERR_CONF, "not yet supported");
	a.db = "s3://b?sseCustomerKey=hunter2";
	refused(&a, ERR_CONF, "arguments: ");
	assert_null(strstr(err.msg, "hunter2"));
}

static void
the_environment_is_enough(void **state)
{
	struct conf_args a = { .need = CONF_NEED_DB | CONF_NEED_REPLICA };
	struct conf c;

	(void)state;
	if (!access("/etc/litestream.yml", F_OK))
		skip();
	refused(&a, ERR_USAGE, "no database given");
	setenv("DB_PATH", "/d/e.db", 1);
	refused(&a, ERR_CONF, "/d/e.db has no replica");
	setenv("REPLICA_URL", " file:///r/1\ts3://b/2 ", 1);
	setenv("LS_ACCEPT_REPLACEMENT", "1", 1);
	setenv("LOG_LEVEL", "Debug", 1);
	assert_int_equal(conf_load(&c, &a, &err), 0);
	assert_string_equal(c.dbs[0].path, "/d/e.db");
	assert_int_equal(c.dbs[0].n, 2);
	assert_int_equal(c.dbs[0].accept_replacement, 1);
	assert_int_equal(c.log_level, LOG_DEBUG);
	assert_string_equal(c.source, "environment");
	conf_free(&c);
	a.db = "/d/f.db";
	assert_int_equal(conf_load(&c, &a, &err), 0);
	assert_string_equal(c.dbs[0].path, "/d/f.db");
	conf_free(&c);
	setenv("LS_ACCEPT_REPLACEMENT", "perhaps", 1);
	refused(&a, ERR_CONF, "must be");
}

static void
without_ls_conf_it_says_so(void **state)
{
	struct conf_args a = { .file = yml };
	char *path = strdup(getenv("PATH"));

	(void)state;
	setenv("PATH", dir, 1);
	refused(&a, ERR_CONF, "ls-conf");
	setenv("PATH", path, 1);
	free(path);
}

/* A stand-in for ls-conf that gives no answer. */
static void
one_that_hangs_is_given_up(void **state)
{
	struct conf_args a = { .file = yml, .limit_ms = 200 };
	char *path = strdup(getenv("PATH")), name[PATH_MAX], both[2 * PATH_MAX];
	int64_t t0 = when_mono();
	int p[2];
	FILE *f;

	(void)state;
	snprintf(name, sizeof name, "%s/ls-conf", dir);
	f = fopen(name, "w");
	assert_non_null(f);
	fputs("#!/bin/sh\ntrap '' TERM\nexec /bin/sleep 20\n", f);
	fclose(f);
	assert_int_equal(chmod(name, 0755), 0);
	snprintf(both, sizeof both, "%s:%s", dir, path);
	setenv("PATH", both, 1);
	refused(&a, ERR_TEMP, "ls-conf gives no answer within 1 sec");
	a.limit_ms = 0;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	a.stop = &p[0];
	refused(&a, ERR_TEMP, "given up");
	assert_in_range(when_mono() - t0, 200, 10000);
	close(p[0]);
	close(p[1]);
	unlink(name);
	setenv("PATH", path, 1);
	free(path);
}

#define T(f) cmocka_unit_test_setup(f, clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_file_through_ls_conf),
		T(one_database_of_a_file),
		T(arguments_need_no_file),
		T(the_environment_is_enough),
		T(without_ls_conf_it_says_so),
		T(one_that_hangs_is_given_up),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
