#include "repl/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/when.h"

#define STEP (1u << 20)
#define LINE_MS 5000
#define BAR_MS 100
#define BAR_WIDTH 30

void
meter_begin(struct meter *m, const struct log *log, const char *what)
{
	memset(m, 0, sizeof *m);
	m->log = log;
	m->what = what;
	m->tty = log && isatty(log->fd);
	m->start = m->last = when_mono();
}

static unsigned
percent(const struct meter *m)
{
	uint64_t p = m->total ? m->done * 100 / m->total : 100;

	return p > 100 ? 100 : (unsigned)p;
}

static void
draw(struct meter *m)
{
	char bar[BAR_WIDTH + 1], line[160];
	unsigned p = percent(m), full = p * BAR_WIDTH / 100;
	int n;

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', full);
	bar[BAR_WIDTH] = 0;
	n = snprintf(line, sizeof line, "\r%s [%s] %3u%% %" PRIu64 " of %"
	    PRIu64 " MB", m->what, bar, p, m->done / 1000000,
	    m->total / 1000000);
	if (n > 0 && write(m->log->fd, line, (size_t)n) == n)
		m->shown = (unsigned)n;
}

static void
note(struct meter *m, int64_t now)
{
	char p[8], done[24], total[24], rate[24];
	int64_t ms = now - m->start;

	snprintf(p, sizeof p, "%u", percent(m));
	snprintf(done, sizeof done, "%" PRIu64, m->done);
	snprintf(total, sizeof total, "%" PRIu64, m->total);
	snprintf(rate, sizeof rate, "%" PRIu64,
	    m->done * 1000 / (uint64_t)(ms > 0 ? ms : 1));
	log_event(m->log, LOG_INFO, m->what, "percent", p, "bytes", done,
	    "total", total, "bytes_per_second", rate, NULL);
}

void
meter_tick(void *ctx, uint64_t done, uint64_t total)
{
	struct meter *m = ctx;
	int64_t now;

	m->total = total;
	if (!m->log || (done >= m->done && done - m->done < STEP))
		return;
	m->done = done;
	now = when_mono();
	if (now - m->last < (m->tty ? BAR_MS : LINE_MS))
		return;
	m->last = now;
	if (m->tty)
		draw(m);
	else
		note(m, now);
}

void
meter_end(struct meter *m)
{
	char line[162];

	if (!m->shown || m->shown + 2 > sizeof line)
		return;
	memset(line, ' ', sizeof line);
	line[0] = line[m->shown + 1] = '\r';
	if (write(m->log->fd, line, m->shown + 2) < 0)
		m->log = NULL; /* the terminal went away */
	m->shown = 0;
}
