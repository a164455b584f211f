/* storectl: one call of lib/store per command, for tests.
 *   storectl [-e ENDPOINT] [-b BUCKET] [-s HOST:PORT] [-p PATH] [-t MS]
 *       [-o NAME=VALUE] CMD
 *     put KEY FILE [MS]    putif KEY FILE [MS]     (FILE - : stdin as a stream)
 *     get KEY [OFF LEN]    head KEY                list PREFIX [AFTER]
 *     del KEY...           copy FROM TO [MS]       copyif FROM TO [MS]
 *     probe PREFIX         prefix LEVEL            many KEY...
 *     sweep PREFIX KEY FILE    (list, then put)
 * Without -b and -s (SFTP) the store is a folder. Errors: "kind: message" on stderr. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/url.h"
#include "store/store.h"

static int
on_entry(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	(void)ctx;
	(void)e;
	printf("%s\t%llu\t%lld\n", key, (unsigned long long)st->size,
	    (long long)st->litestream_ms);
	return 0;
}

static int
drain(struct store_get *g, struct err *e)
{
	char buf[10000];
	ssize_t n;

	while ((n = store_get_read(g, buf, sizeof buf, e)) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	store_get_close(g);
	return n < 0 ? -1 : 0;
}

static int
get(struct store *s, char **a, struct err *e)
{
	struct store_get *g;

	if (store_get(s, a[0], a[1] ? strtoull(a[1], 0, 10) : 0,
	    a[1] && a[2] ? strtoull(a[2], 0, 10) : 0, &g, e))
		return -1;
	return drain(g, e);
}

/* All open at once, then each read to its end. */
static int
many(struct store *s, char **a, struct err *e)
{
	struct store_get *g[64];
	int n = 0, r = 0;

	for (; a[n] && n < 64; n++)
		if ((r = store_get(s, a[n], 0, 0, g + n, e)))
			break;
	for (int i = 0; i < n; i++)
		if (r)
			store_get_close(g[i]);
		else
			r = drain(g[i], e);
	return r;
}

static int
put(struct store *s, char **a, int noreplace, struct err *e)
{
	struct store_put_opt o = { .noreplace = noreplace,
		.time_ms = a[2] ? atoll(a[2]) : -1 };
	struct store_src src = { .fd = -1 };
	struct stat st;
	int fd = 0, r;

	if (!strcmp(a[1], "-")) {
		src.in = io_in_fd(&fd);
		return store_put(s, a[0], &src, &o, e);
	}
	if ((src.fd = open(a[1], O_RDONLY | O_CLOEXEC)) < 0
	    || fstat(src.fd, &st))
		return err_sys(e, "open %s", a[1]);
	src.len = (uint64_t)st.st_size;
	r = store_put(s, a[0], &src, &o, e);
	close(src.fd);
	return r;
}

static int
del(struct store *s, char **a, struct err *e)
{
	enum err_kind kinds[4096];
	size_t n = 0;
	int r;

	while (a[n] && n < 4096)
		n++;
	r = store_del(s, (const char *const *)a, n, kinds, e);
	for (size_t i = 0; i < n; i++)
		if (kinds[i])
			printf("%s\t%s\n", a[i], err_word(kinds[i]));
	return r;
}

static int
run(struct store *s, char **a, struct err *e)
{
	const char *c = a[0];
	struct store_put_opt o = { .time_ms = -1 };
	struct store_stat st;
	char *prefix;
	int honoured;

	if (!strcmp(c, "put") || !strcmp(c, "putif"))
		return put(s, a + 1, c[3], e);
	if (!strcmp(c, "get"))
		return get(s, a + 1, e);
	if (!strcmp(c, "many"))
		return many(s, a + 1, e);
	if (!strcmp(c, "list"))
		return store_list(s, a[1], a[2], on_entry, 0, e);
	if (!strcmp(c, "sweep"))
		return store_list(s, a[1], 0, on_entry, 0, e) ? -1
		    : put(s, a + 2, 0, e);
	if (!strcmp(c, "del"))
		return del(s, a + 1, e);
	if (!strcmp(c, "copy") || !strcmp(c, "copyif")) {
		o.noreplace = c[4] != 0;
		o.time_ms = a[3] ? atoll(a[3]) : -1;
		return store_copy(s, a[1], a[2], &o, e);
	}
	if (!strcmp(c, "head")) {
		if (store_head(s, a[1], &st, e))
			return -1;
		return on_entry(0, a[1], &st, e);
	}
	if (!strcmp(c, "probe")) {
		if (store_probe_noreplace(s, a[1], &honoured, e))
			return -1;
		printf("%d %u\n", honoured, store_caps(s));
		return 0;
	}
	if (store_level_prefix(store_conf(s), (unsigned)atoi(a[1]), &prefix,
	    e))
		return -1;
	puts(prefix);
	free(prefix);
	return 0;
}

/* The last one counts. */
static void
again(char **at, const char *v)
{
	free(*at);
	*at = strdup(v);
}

static void
option(struct store_conf *c, const char *o)
{
	const char *v = strchr(o, '=') + 1;
	size_t n = (size_t)(v - o);

	if (!strncmp(o, "part=", n))
		c->part_size = strtoull(v, 0, 10);
	else if (!strncmp(o, "copy=", n))
		c->copy_max = strtoull(v, 0, 10);
	else if (!strncmp(o, "parts=", n))
		c->concurrency = (unsigned)atoi(v);
	else if (!strncmp(o, "region=", n))
		again(&c->region, v);
	else if (!strncmp(o, "sign=", n))
		c->sign_payload = atoi(v);
	else if (!strncmp(o, "skip=", n))
		c->skip_verify = atoi(v);
	else if (!strncmp(o, "path=", n))
		c->force_path_style = atoi(v);
	else if (!strncmp(o, "md5=", n))
		c->put_object_content_md5 = atoi(v);
	else if (!strncmp(o, "class=", n))
		again(&c->storage_class, v);
	else if (!strncmp(o, "user=", n))
		again(&c->user, v);
	else if (!strncmp(o, "password=", n))
		again(&c->password, v);
	else if (!strncmp(o, "key=", n))
		again(&c->key_path, v);
	else if (!strncmp(o, "pin=", n))
		again(&c->host_key, v);
	else if (!strncmp(o, "known=", n))
		again(&c->known_hosts, v);
	else if (!strncmp(o, "strict=", n))
		c->strict_host = atoi(v);
	else if (!strncmp(o, "plod=", n))
		c->plod = atoi(v);
	else if (!strncmp(o, "sse=", n))
		again(&c->sse_key, v);
	else
		exit(100);
}

int
main(int argc, char **argv)
{
	const char *id = getenv("AWS_ACCESS_KEY_ID");
	const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
	struct log log = { .fd = 2 };
	struct store_conf c;
	struct store *s;
	struct err e = { 0 };
	int o, r;

	store_conf_init(&c);
	while ((o = getopt(argc, argv, "+e:b:s:p:t:o:")) != -1) {
		if (o == 'e')
			again(&c.endpoint, optarg);
		else if (o == 'b')
			again(&c.bucket, optarg);
		else if (o == 's' && url_host(optarg, &c.host, &c.port, &e))
			return 100;
		else if (o == 's')
			c.type = STORE_SFTP;
		else if (o == 'p')
			again(&c.path, optarg);
		else if (o == 't')
			c.timeout_ms = atoll(optarg);
		else if (o == 'o')
			option(&c, optarg);
		else
			return 100;
	}
	argv += optind;
	if (argc - optind < 2)
		return 100;
	if (c.bucket)
		c.type = STORE_S3;
	if (c.type != STORE_S3 && !c.path)
		c.path = strdup("/");
	c.access_key = id ? strdup(id) : 0;
	c.secret_key = secret ? strdup(secret) : 0;
	c.log = &log;
	if (!(r = store_open(&s, &c, &e))) {
		r = run(s, argv, &e);
		store_close(s);
	}
	store_conf_free(&c);
	if (fflush(stdout))
		return 111;
	if (r)
		fprintf(stderr, "%s: %s\n", err_word(e.kind), e.msg);
	return r ? err_exit(e.kind) : 0;
}
