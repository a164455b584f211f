#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/io.h"
#include "base/when.h"
#include "store/cred.h"

static struct err err;
static char dir[64];

/* ---- a server of credentials ---- */

static struct {
	int fd, port;
	pthread_t thread;
	char log[4096];         /* "METHOD path header|" of each request */
	const char *token, *role, *json; /* answers; NULL: 404 */
	int trouble;            /* so many 500 first */
} server;

static void
answer(int fd, const char *request)
{
	char out[2048], *auth;
	const char *body = 0;
	size_t n = strlen(server.log), k = strcspn(request, "\r");
	int status = 200;

	/* "GET /path HTTP/1.1", then what identifies the client */
	snprintf(server.log + n, sizeof server.log - n, "%.*s",
	    (int)(k - strlen(" HTTP/1.1")), request);
	n = strlen(server.log);
	if ((auth = strstr(request, "X-aws-ec2-metadata-token: "))
	    || (auth = strstr(request, "Authorization: ")))
		snprintf(server.log + n, sizeof server.log - n, " %.*s",
		    (int)strcspn(auth, "\r"), auth);
	strcat(server.log, "|");
	if (server.trouble) {
		server.trouble--;
		status = 500;
	} else if (strstr(request, " /latest/api/token "))
		body = server.token;
	else if (strstr(request, "/security-credentials/ "))
		body = server.role;
	else
		body = server.json;
	if (!body && status == 200)
		status = 404;
	body = body ? body : "";
	snprintf(out, sizeof out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s", status, strlen(body), body);
	if (write(fd, out, strlen(out)) < 0)
		server.trouble = 0;
}

static void *
serve(void *arg)
{
	(void)arg;
	for (;;) {
		char buf[8192];
		size_t n = 0;
		ssize_t r = 1;
		int fd = accept(server.fd, 0, 0);

		if (fd < 0)
			return 0;
		buf[0] = 0;
		while (!strstr(buf, "\r\n\r\n") && n < sizeof buf - 1
		    && (r = read(fd, buf + n, sizeof buf - 1 - n)) > 0) {
			n += (size_t)r;
			buf[n] = 0;
		}
		if (r > 0)
			answer(fd, buf);
		close(fd);
	}
}

static int
begin(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;

	(void)state;
	strcpy(dir, "/tmp/ls-unit-cred.XXXXXX");
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!mkdtemp(dir) || bind(server.fd, (struct sockaddr *)&a, len)
	    || listen(server.fd, 16)
	    || getsockname(server.fd, (struct sockaddr *)&a, &len))
		return -1;
	server.port = ntohs(a.sin_port);
	return pthread_create(&server.thread, 0, serve, 0);
}

static int
end(void **state)
{
	char cmd[100];

	(void)state;
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, 0);
	close(server.fd);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return system(cmd);
}

/* Nothing of the environment, and no service but what a test sets. */
static int
clean(void **state)
{
	static const char *const vars[] = {
		"LITESTREAM_ACCESS_KEY_ID", "LITESTREAM_SECRET_ACCESS_KEY",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE",
		"AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
	};

	(void)state;
	for (size_t i = 0; i < sizeof vars / sizeof *vars; i++)
		unsetenv(vars[i]);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	setenv("HOME", dir, 1);
	memset(server.log, 0, sizeof server.log);
	server.token = "tok";
	server.role = "my-role\n";
	server.json = "{\"Code\":\"Success\",\"AccessKeyId\":\"K\","
	    "\"SecretAccessKey\":\"S\",\"Token\":\"T\","
	    "\"Expiration\":\"2999-01-01T00:00:00Z\"}";
	server.trouble = 0;
	err_clear(&err);
	return 0;
}

static void
here(const char *var, const char *path)
{
	char url[128];

	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
	setenv(var, url, 1);
}

static const char *
file(const char *name, const char *text)
{
	static char path[2][128];
	static int i;

	i = !i;
	snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
	assert_int_equal(io_write_file(path[i], text, strlen(text), 0, &err),
	    0);
	return path[i];
}

struct ask {
	struct http *h;
	struct cred_chain *c;
	struct cred got;
	int r;
};

static struct ask
ask(const struct store_conf *conf)
{
	struct store_conf none;
	struct ask a;

	store_conf_init(&none);
	assert_int_equal(http_new(&a.h, &err), 0);
	assert_int_equal(cred_new(&a.c, conf ? conf : &none, &err), 0);
	a.r = cred_get(a.c, a.h, &a.got, &err);
	return a;
}

static void
done(struct ask *a)
{
	cred_free(a->c);
	http_free(a->h);
}

static void
gives(const struct store_conf *conf, const char *id, const char *secret,
    const char *token)
{
	struct ask a = ask(conf);

	if (a.r < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(a.got.access_key, id);
	assert_string_equal(a.got.secret_key, secret);
	if (token)
		assert_string_equal(a.got.session_token, token);
	else
		assert_null(a.got.session_token);
	done(&a);
}

static void
refuses(const struct store_conf *conf, enum err_kind kind, const char *why)
{
	struct ask a = ask(conf);

	assert_int_equal(a.r, -1);
	if (err.kind != kind || !strstr(err.msg, why))
		fail_msg("%s: %s", err_word(err.kind), err.msg);
	done(&a);
}

/* ---- tests ---- */

static void
the_first_source_wins(void **state)
{
	struct store_conf c;

	(void)state;
	store_conf_init(&c);
	refuses(&c, ERR_CONF, "no credentials");
	here("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/c");
	gives(&c, "K", "S", "T");
	setenv("AWS_SHARED_CREDENTIALS_FILE", file("cr", "[default]\n"
	    "aws_access_key_id=f1\naws_secret_access_key=f2\n"), 1);
	gives(&c, "f1", "f2", 0);
	setenv("AWS_ACCESS_KEY_ID", "a1", 1);
	refuses(&c, ERR_CONF, "half");
	setenv("AWS_SECRET_ACCESS_KEY", "a2", 1);
	gives(&c, "a1", "a2", 0);
	setenv("AWS_SESSION_TOKEN", "a3", 1);
	gives(&c, "a1", "a2", "a3");
	setenv("LITESTREAM_ACCESS_KEY_ID", "l1", 1);
	setenv("LITESTREAM_SECRET_ACCESS_KEY", "l2", 1);
	gives(&c, "l1", "l2", 0);
	c.profile = "default";
	gives(&c, "f1", "f2", 0);
	c.access_key = "c1";
	c.secret_key = "c2";
	gives(&c, "c1", "c2", 0);
}

static void
shared_files(void **state)
{
	struct store_conf c;

	(void)state;
	store_conf_init(&c);
	setenv("AWS_SHARED_CREDENTIALS_FILE", file("cr",
	    "# comment\n[other]\naws_access_key_id = o1\n"
	    "aws_secret_access_key = o2 \r\naws_session_token= o3\n"
	    "[ half ]\naws_access_key_id = h1\n; x\n"
	    "[role]\nrole_arn = arn:x\nsource_profile = other\n"), 1);
	setenv("AWS_CONFIG_FILE", file("co", "[default]\nregion = r\n"
	    "s3 =\n  aws_access_key_id = no\n"
	    "[profile p]\nAWS_ACCESS_KEY_ID=p1\n"
	    "aws_secret_access_key=p=2\n[profile half]\n"
	    "aws_secret_access_key=h2\n[profile sso]\nsso_session = s\n"), 1);
	refuses(&c, ERR_CONF, "no credentials");
	setenv("AWS_PROFILE", "other", 1);
	gives(&c, "o1", "o2", "o3");
	c.profile = "p";
	gives(&c, "p1", "p=2", 0);
	c.profile = "half";
	gives(&c, "h1", "h2", 0);
	c.profile = "role";
	refuses(&c, ERR_CONF, "role_arn, which is not supported");
	c.profile = "sso";
	refuses(&c, ERR_CONF, "sso_session, which is not supported");
	c.profile = "none";
	refuses(&c, ERR_CONF, "no profile none");
	setenv("AWS_SHARED_CREDENTIALS_FILE", dir, 1);
	refuses(&c, ERR_TEMP, dir);
	c.profile = 0;
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/x", 1);
	refuses(&c, ERR_CONF, "web identities are not supported");
}

static void
containers(void **state)
{
	char elsewhere[64];

	(void)state;
	here("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/c?x=1");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "abc", 1);
	gives(0, "K", "S", "T");
	assert_string_equal(server.log, "GET /c?x=1 Authorization: abc|");
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	    file("tok", "def\n"), 1);
	*server.log = 0;
	server.trouble = 1;
	gives(0, "K", "S", "T");
	assert_string_equal(server.log, "GET /c?x=1 Authorization: def|"
	    "GET /c?x=1 Authorization: def|");
	server.json = 0;
	refuses(0, ERR_DENIED, "HTTP status 404");
	server.json = "not json";
	refuses(0, ERR_TEMP, "no JSON");
	server.json = "{\"AccessKeyId\":\"K\"}";
	refuses(0, ERR_TEMP, "no keys");
	server.trouble = 3;
	refuses(0, ERR_TEMP, "HTTP status 500");
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/", 1);
	refuses(0, ERR_CONF, "must be https://");
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI",
	    "http://127.0.0.1.example.com/", 1);
	refuses(0, ERR_CONF, "must be https://");
	snprintf(elsewhere, sizeof elsewhere, "@127.0.0.1:%d/c", server.port);
	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", elsewhere, 1);
	*server.log = 0;
	refuses(0, ERR_CONF, "must begin with");
	assert_string_equal(server.log, "");
}

static void
instances(void **state)
{
	(void)state;
	unsetenv("AWS_EC2_METADATA_DISABLED");
	here("AWS_EC2_METADATA_SERVICE_ENDPOINT", "/");
	gives(0, "K", "S", "T");
	assert_string_equal(server.log, "PUT /latest/api/token|"
	    "GET /latest/meta-data/iam/security-credentials/ "
	    "X-aws-ec2-metadata-token: tok|"
	    "GET /latest/meta-data/iam/security-credentials/my-role "
	    "X-aws-ec2-metadata-token: tok|");
	server.role = 0;
	refuses(0, ERR_CONF, "no credentials");
	server.role = "r";
	server.json = "{\"Code\":\"Failed\"}";
	refuses(0, ERR_TEMP, "the answer is Failed");
	server.token = 0;
	refuses(0, ERR_CONF, "no credentials");
	setenv("AWS_EC2_METADATA_DISABLED", "TRUE", 1);
	*server.log = 0;
	refuses(0, ERR_CONF, "no credentials");
	assert_string_equal(server.log, "");
}

static void
they_are_kept_and_asked_for_anew(void **state)
{
	static char json[256];
	char when[WHEN_FMT];
	struct ask a;

	(void)state;
	here("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/c");
	a = ask(0);
	assert_int_equal(a.r, 0);
	*server.log = 0;
	assert_int_equal(cred_get(a.c, a.h, &a.got, &err), 0);
	assert_string_equal(server.log, "");
	/* the store says they have expired */
	server.json = "{\"AccessKeyId\":\"K2\",\"SecretAccessKey\":\"S2\"}";
	assert_int_equal(cred_expired(a.c), 1);
	assert_int_equal(cred_get(a.c, a.h, &a.got, &err), 0);
	assert_string_equal(a.got.access_key, "K2");
	assert_null(a.got.session_token);
	done(&a);
	/* failures are not asked for again at once */
	server.json = 0;
	a = ask(0);
	assert_int_equal(a.r, -1);
	*server.log = 0;
	assert_int_equal(cred_get(a.c, a.h, &a.got, &err), -1);
	assert_string_equal(server.log, "");
	done(&a);
	/* nothing changes what is fixed */
	setenv("AWS_ACCESS_KEY_ID", "a1", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "a2", 1);
	a = ask(0);
	assert_int_equal(cred_expired(a.c), 0);
	done(&a);
	/* what is about to expire is good enough if there is no better */
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	when_fmt(when, when_now() + 60000);
	snprintf(json, sizeof json, "{\"AccessKeyId\":\"K3\","
	    "\"SecretAccessKey\":\"S3\",\"Expiration\":\"%s\"}", when);
	server.json = json;
	gives(0, "K3", "S3", 0);
}

#define T(f) cmocka_unit_test_setup(f, clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_source_wins),
		T(shared_files),
		T(containers),
		T(instances),
		T(they_are_kept_and_asked_for_anew),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
