#include "store/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t bounds[STORE_METER_BUCKETS] = {
	10000, 50000, 100000, 500000, 1000000, 5000000, 10000000, 30000000,
	60000000
};
static const char *const types[STORE_TYPES] = { "file", "s3", "sftp" };
static const char *const ops[STORE_OPS] = {
	"PUT", "GET", "LIST", "DELETE", "HEAD", "COPY"
};

uint64_t
store_meter_bound(unsigned i)
{
	return bounds[i];
}

const char *
store_type_word(enum store_type t)
{
	return types[t];
}

const char *
store_op_word(enum store_op op)
{
	return ops[op];
}

static void
add(uint64_t *to, uint64_t n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

static uint64_t
get(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

void
store_meter_add(struct store_meter *m, enum store_type type, enum store_op op,
    uint64_t bytes, uint64_t us, enum err_kind kind)
{
	struct store_calls *c;

	if (!m)
		return;
	c = &m->op[type][op];
	add(&c->n, 1);
	add(&c->bytes, bytes);
	add(&c->us, us);
	for (unsigned i = 0; i < STORE_METER_BUCKETS; i++)
		if (us <= bounds[i]) {
			add(&c->bucket[i], 1);
			break;
		}
	if (kind)
		add(&c->error[kind], 1);
}

static char *
put(char *p, char *end, const char *key, uint64_t v)
{
	return v ? p + snprintf(p, (size_t)(end - p), "\t%s=%" PRIu64, key, v)
	    : p;
}

void
store_meter_fmt(char out[STORE_METER_ROW], const struct store_meter *m,
    enum store_type type, enum store_op op)
{
	const struct store_calls *c = &m->op[type][op];
	char *p = out, *end = out + STORE_METER_ROW;
	const char *sep = "\terrors=";

	*p = 0;
	if (!get(&c->n))
		return;
	p += sprintf(p, "op=%s\ttype=%s", ops[op], types[type]);
	p = put(p, end, "n", get(&c->n));
	p = put(p, end, "bytes", get(&c->bytes));
	p = put(p, end, "us", get(&c->us));
	p += sprintf(p, "\tbuckets=");
	for (unsigned i = 0; i < STORE_METER_BUCKETS; i++)
		p += sprintf(p, "%s%" PRIu64, i ? "," : "", get(&c->bucket[i]));
	for (int k = 1; k <= ERR_TEMP && end - p > 64; k++) {
		uint64_t n = get(&c->error[k]);

		if (!n)
			continue;
		p += sprintf(p, "%s%s:%" PRIu64, sep,
		    err_word((enum err_kind)k), n);
		sep = ",";
	}
}

static int
word(const char *const *words, int n, const char *s)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(words[i], s))
			return i;
	return -1;
}

static int
scan_buckets(struct store_calls *c, char *v)
{
	for (unsigned i = 0; i < STORE_METER_BUCKETS; i++) {
		add(&c->bucket[i], strtoull(v, &v, 10));
		if (*v != (i + 1 < STORE_METER_BUCKETS ? ',' : 0))
			return -1;
		v++;
	}
	return 0;
}

static int
scan_errors(struct store_calls *c, char *v)
{
	for (char *next; v && *v; v = next) {
		char *n = strchr(v, ':');
		int k = 1;

		if ((next = strchr(v, ',')))
			*next++ = 0;
		if (!n)
			return -1;
		*n++ = 0;
		while (k <= ERR_TEMP && strcmp(err_word((enum err_kind)k), v))
			k++;
		if (k <= ERR_TEMP)
			add(&c->error[k], strtoull(n, NULL, 10));
	}
	return 0;
}

static int
scan_field(struct store_calls *c, const char *k, char *v)
{
	if (!strcmp(k, "n"))
		add(&c->n, strtoull(v, NULL, 10));
	else if (!strcmp(k, "bytes"))
		add(&c->bytes, strtoull(v, NULL, 10));
	else if (!strcmp(k, "us"))
		add(&c->us, strtoull(v, NULL, 10));
	else if (!strcmp(k, "buckets"))
		return scan_buckets(c, v);
	else if (!strcmp(k, "errors"))
		return scan_errors(c, v);
	return 0;
}

/* The value of the field at *row, which has to be key's; NULL: it is not. */
static char *
field(char **row, const char *key)
{
	size_t n = strlen(key);
	char *v = *row, *next;

	if (!v || strncmp(v, key, n) || v[n] != '=')
		return NULL;
	if ((next = strchr(v, '\t')))
		*next++ = 0;
	*row = next;
	return v + n + 1;
}

int
store_meter_scan(struct store_meter *m, char *row)
{
	char *op = field(&row, "op"), *type = op ? field(&row, "type") : NULL;
	int o = op ? word(ops, STORE_OPS, op) : -1;
	int t = type ? word(types, STORE_TYPES, type) : -1;

	if (o < 0 || t < 0)
		return -1;
	for (char *k = row, *v, *next; k; k = next) {
		if ((next = strchr(k, '\t')))
			*next++ = 0;
		if (!(v = strchr(k, '=')))
			return -1;
		*v++ = 0;
		if (scan_field(&m->op[t][o], k, v) < 0)
			return -1;
	}
	return 0;
}
