#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/retry.h"
#include "base/when.h"
#include "repl/tend_in.h"

/* The databases: those of the start, and those that ls-walship takes on while
 * it runs (found in a folder, or registered at its socket). */

#define AT_ONCE 16      /* new ones in one look: each is read from the
                           configuration */
#define SOON_MS 1000    /* until the next look, for the rest */

int
tend_more_add(struct tend *t, const struct tend_conf_db *conf, struct err *e)
{
	struct tend_db *d, **p = array_room(t->db, t->n, &t->room, sizeof *p);

	if (!p)
		return err_nomem(e);
	t->db = p;
	if (!(d = calloc(1, sizeof *d)))
		return err_nomem(e);
	d->t = t;
	d->conf = conf;
	d->lock = -1;
	if (state_paths(&d->paths, conf->path, conf->meta, e) < 0) {
		free(d);
		return -1;
	}
	if (!(d->r = calloc(conf->n + 1, sizeof *d->r))) {
		state_paths_free(&d->paths);
		free(d);
		return err_nomem(e);
	}
	for (size_t k = 0; k < conf->n; k++) {
		d->r[k].db = d;
		d->r[k].conf = &conf->r[k];
		tend_rep_init(&d->r[k]);
	}
	t->db[t->n++] = d;
	t->dirty = 1;
	return 0;
}

static int
at_work(const struct tend_db *d)
{
	for (size_t k = 0; k < d->conf->n; k++)
		if (d->r[k].present || d->r[k].c.pid || d->r[k].proof.pid)
			return 1;
	return 0;
}

/* Whoever has it next may change what its replicas hold. */
void
tend_more_release(struct tend *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct tend_db *d = t->db[i];

		if (d->lock < 0 || at_work(d))
			continue;
		if (d->keep)
			tend_keep_write(d);
		close(d->lock);
		d->lock = -1;
		d->loaded = 0;
		for (size_t k = 0; k < d->conf->n; k++)
			d->r[k].listed = 0;
	}
}

void
tend_more_free(struct tend *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct tend_db *d = t->db[i];

		if (d->keep)
			tend_keep_write(d);
		for (size_t k = 0; k < d->conf->n; k++)
			tend_rep_free(&d->r[k]);
		state_paths_free(&d->paths);
		free(d->r);
		if (d->lock >= 0)
			close(d->lock);
		free(d);
	}
	free(t->db);
}

/* ---- new ones ---- */

static int
has(const struct tend_db *d, const char *url)
{
	for (size_t k = 0; k < d->conf->n; k++)
		if (!strcmp(d->conf->r[k].url, url))
			return 1;
	return 0;
}

/* Are all its replicas tended, or is it another set of them that is? */
static int
known(const struct tend *t, const struct status_db *s)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->db[i]->conf->path, s->path))
			continue;
		if (at_work(t->db[i]))
			return 1;
		for (size_t k = 0; k < s->n; k++)
			n += (size_t)has(t->db[i], s->r[k].url);
	}
	return n >= s->n;
}

static int
add(struct tend *t, const struct status_db *s, struct err *e)
{
	const char **urls = calloc(s->n, sizeof *urls);
	const struct tend_conf_db *conf;
	int r;

	if (!urls)
		return err_nomem(e);
	for (size_t k = 0; k < s->n; k++)
		urls[k] = s->r[k].url;
	r = t->conf->more(t->conf->ctx, s->path, urls, s->n, &conf, e);
	free(urls);
	if (r < 0 || tend_more_add(t, conf, e) < 0)
		return -1;
	log_event(t->conf->log, LOG_INFO, "one more", "db", s->path, NULL);
	return 0;
}

int
tend_more_look(struct tend *t, const struct status *st)
{
	int64_t mono = when_mono(), again = TEND_NEVER;
	unsigned n = 0, failed = 0;
	struct err e = { 0 };

	if (!t->conf->more)
		return 0;
	for (size_t i = 0; i < st->n; i++) {
		const struct status_db *s = &st->db[i];

		if (!s->n || known(t, s))
			continue;
		if (mono < t->more_mono) {
			again = t->more_mono;
			break;
		}
		if (n + failed == AT_ONCE) {
			again = mono + SOON_MS;
			break;
		}
		if (add(t, s, &e) == 0) {
			n++;
			continue;
		}
		failed++;
		log_err(t->conf->log, LOG_ERROR, &e, "not tended", "db", s->path,
		    NULL);
	}
	if (n)
		t->more_fails = 0;
	if (failed) {
		t->more_mono = again = mono + retry_delay(++t->more_fails,
		    TEND_BACKOFF_MS, TEND_BACKOFF_MAX_MS,
		    (uint32_t)rand_r(&t->random));
	}
	if (again < t->look_mono)
		t->look_mono = again;
	return n > 0;
}
