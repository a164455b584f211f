#include "store/cred.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "base/io.h"
#include "base/url.h"
#include "base/when.h"

#define TRY_MS 1000       /* link-local services answer at once */
#define CONTAINER_MS 5000
#define TRIES 3
#define TOKEN_MAX 8192

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : 0;
}

static int
take(char **to, const cJSON *o, const char *name, struct err *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	if (!cJSON_IsString(v) || !v->valuestring[0]
	    || strpbrk(v->valuestring, "\r\n"))
		return 0;
	return (*to = strdup(v->valuestring)) ? 0 : err_nomem(err);
}

static void
wipe(cJSON *o)
{
	for (cJSON *i = o ? o->child : 0; i; i = i->next)
		if (cJSON_IsString(i))
			explicit_bzero(i->valuestring,
			    strlen(i->valuestring));
	cJSON_Delete(o);
}

int
cred_json_scan(const char *body, size_t n, struct cred_value *out,
    struct err *err)
{
	cJSON *o = cJSON_ParseWithLength(body, n);
	const cJSON *v;
	int r = 0;

	if (!cJSON_IsObject(o)) {
		wipe(o);
		return err_set(err, ERR_TEMP, "the answer is no JSON object");
	}
	out->expires_ms = -1;
	if (take(&out->access_key, o, "AccessKeyId", err)
	    || take(&out->secret_key, o, "SecretAccessKey", err)
	    || take(&out->session_token, o, "Token", err))
		r = -1;
	v = cJSON_GetObjectItemCaseSensitive(o, "Expiration");
	if (cJSON_IsString(v))
		when_scan(v->valuestring, &out->expires_ms);
	v = cJSON_GetObjectItemCaseSensitive(o, "Code");
	if (!r && cJSON_IsString(v) && strcmp(v->valuestring, "Success"))
		r = err_set(err, ERR_TEMP, "the answer is %.80s",
		    v->valuestring);
	if (!r && (!out->access_key || !out->secret_key))
		r = err_set(err, ERR_TEMP, "the answer holds no keys");
	wipe(o);
	if (r < 0)
		cred_value_free(out);
	return r;
}

/* One request with a few tries. 0 with *x to be ended, whatever the status
 * but for those of trouble; *reached tells of any answer at all. */
static int
request(struct http *h, const char *method, const char *url,
    const char *header, int64_t ms, struct http_xfer **x, int *reached,
    struct err *err)
{
	const char *headers[2] = { header, 0 };

	for (int i = 0; i < TRIES; i++) {
		struct http_req req = { .method = method, .url = url,
			.headers = headers, .direct = 1,
			.body = { .fd = -1, .mem = "" },
			.deadline = when_mono() + ms };
		int status;

		if (i)
			http_sleep(h, 100 << i);
		if (http_call(h, &req, x, err) < 0)
			continue;
		*reached = 1;
		status = http_status(*x);
		if (status < 500 && status != 429)
			return 0;
		err_set(err, ERR_TEMP, "HTTP status %d", status);
		http_end(*x);
		*x = 0;
	}
	return err_in(err, "%s %s", method, url);
}

/* ---- containers ---- */

/* Plain HTTP only to the machine itself and to the services' addresses. */
static int
container_ok(const char *url, struct err *err)
{
	static const char *const hosts[] = {
		"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
		"localhost", "127.0.0.1", "[::1]"
	};
	const char *host;

	if (!strncasecmp(url, "https://", 8))
		return 0;
	host = strncasecmp(url, "http://", 7) ? "" : url + 7;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		size_t n = strlen(hosts[i]);

		if (!strncasecmp(host, hosts[i], n)
		    && (!host[n] || strchr(":/?", host[n])))
			return 0;
	}
	return err_set(err, ERR_CONF, "AWS_CONTAINER_CREDENTIALS_FULL_URI: "
	    "must be https://, or of this machine or the container service");
}

/* "Authorization: TOKEN" of the environment, or "". */
static int
container_token(char *line, size_t size, struct err *err)
{
	const char *file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	static const char head[] = "Authorization: ";
	size_t k = sizeof head - 1;
	ssize_t n = 0;
	int fd;

	*line = 0;
	if (!file && !token)
		return 0;
	memcpy(line, head, k);
	if (file) {
		if ((fd = open(file, O_RDONLY | O_CLOEXEC)) < 0)
			return err_sys(err, "open %s", file);
		n = read(fd, line + k, size - k - 1);
		close(fd);
		if (n < 0)
			return err_sys(err, "read %s", file);
		line[k + (size_t)n] = 0;
		k += strcspn(line + k, "\r\n");
		line[k] = 0;
		return 0;
	}
	if (strlen(token) >= size - k || strpbrk(token, "\r\n"))
		return err_set(err, ERR_CONF,
		    "AWS_CONTAINER_AUTHORIZATION_TOKEN cannot be a token");
	strcpy(line + k, token);
	return 0;
}

int
cred_container(struct http *h, struct cred_value *out, struct err *err)
{
	const char *uri = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI"), *body;
	char url[2048], line[TOKEN_MAX];
	struct http_xfer *x = 0;
	int reached = 0, r;
	size_t n;

	if (!uri && !full)
		return 0;
	/* "@host/" would send the token somewhere else. */
	if (uri && *uri != '/')
		return err_set(err, ERR_CONF, "container credentials: AWS_"
		    "CONTAINER_CREDENTIALS_RELATIVE_URI must begin with \"/\"");
	if ((size_t)snprintf(url, sizeof url, "%s%s", uri
	    ? "http://169.254.170.2" : "", uri ? uri : full) >= sizeof url)
		return err_set(err, ERR_CONF, "container credentials: "
		    "address too long");
	if ((!uri && container_ok(url, err) < 0)
	    || container_token(line, sizeof line, err) < 0)
		return err_in(err, "container credentials");
	r = request(h, "GET", url, *line ? line : 0, CONTAINER_MS, &x,
	    &reached, err);
	explicit_bzero(line, sizeof line);
	if (!r && http_status(x) != 200)
		r = err_set(err, ERR_DENIED, "%s: HTTP status %d", url,
		    http_status(x));
	if (!r) {
		body = http_body(x, &n);
		r = cred_json_scan(body, n, out, err);
	}
	http_end(x);
	return r < 0 ? err_in(err, "container credentials") : 1;
}

/* ---- instances ---- */

struct instance {
	struct http *h;
	char base[512], line[TOKEN_MAX];
	int reached;
};

/* The text of an answer with status 200, copied: 0; 1 another status. */
static int
instance_get(struct instance *i, const char *method, const char *path,
    const char *line, char **text, struct err *err)
{
	struct http_xfer *x = 0;
	char url[1024];
	const char *body;
	size_t n;
	int r;

	snprintf(url, sizeof url, "%s/latest/%s", i->base, path);
	if (request(i->h, method, url, line, TRY_MS, &x, &i->reached, err)
	    < 0)
		return -1;
	r = http_status(x);
	if (r != 200) {
		err_set(err, ERR_DENIED, "%s: HTTP status %d", url, r);
		http_end(x);
		return 1;
	}
	body = http_body(x, &n);
	*text = strndup(body, n);
	http_end(x);
	return *text ? 0 : err_nomem(err);
}

/* 0 with *json; 1: the instance has no role. */
static int
instance_role(struct instance *i, char **json, struct err *err)
{
	static const char where[] = "meta-data/iam/security-credentials/";
	char path[512], *role = 0;
	int r = instance_get(i, "GET", where, i->line, &role, err);

	if (r)
		return r;
	role[strcspn(role, "\r\n")] = 0;
	if (!*role || strlen(role) > 128 || strpbrk(role, "/?#% ")) {
		free(role);
		return 1;
	}
	snprintf(path, sizeof path, "%s%s", where, role);
	free(role);
	return instance_get(i, "GET", path, i->line, json, err);
}

static int
instance_ask(struct instance *i, struct cred_value *out, struct err *err)
{
	static const char ttl[] =
	    "X-aws-ec2-metadata-token-ttl-seconds: 21600";
	char *token = 0, *json = 0;
	int r = instance_get(i, "PUT", "api/token", ttl, &token, err);

	if (r)
		return r;
	token[strcspn(token, "\r\n")] = 0;
	r = snprintf(i->line, sizeof i->line, "X-aws-ec2-metadata-token: %s",
	    token) >= (int)sizeof i->line;
	explicit_bzero(token, strlen(token));
	free(token);
	if (!r)
		r = instance_role(i, &json, err);
	if (!r)
		r = cred_json_scan(json, strlen(json), out, err);
	if (json)
		explicit_bzero(json, strlen(json));
	free(json);
	return r;
}

int
cred_instance(struct http *h, struct cred_value *out, struct err *err)
{
	const char *off = env("AWS_EC2_METADATA_DISABLED");
	const char *own = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	struct instance i = { .h = h };
	char *base;
	int r;

	if (off && url_bool(off) == 1)
		return 0;
	if (url_endpoint(own ? own : mode && !strcasecmp(mode, "ipv6")
	    ? "http://[fd00:ec2::254]" : "http://169.254.169.254", 1, &base,
	    err) < 0)
		return err_in(err, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	snprintf(i.base, sizeof i.base, "%s", base);
	free(base);
	r = instance_ask(&i, out, err);
	explicit_bzero(i.line, sizeof i.line);
	if (!r)
		return 1;
	/* Nobody there: not such a machine. No role: it has no credentials. */
	if (r > 0 || (!own && !i.reached))
		return 0;
	return err_in(err, "instance credentials");
}
