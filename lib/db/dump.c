#include "db/dump.h"

#include <string.h>
#include <sys/stat.h>
#include "base/when.h"
#include "db/capture_impl.h"
#include "db/cut.h"
#include "db/hop.h"

#define WAIT_MS 5000

static int
begin(struct capture *c, struct holder *h, int *wal, struct err *err)
{
	unsigned char head[20];
	int64_t until = when_mono() + WAIT_MS;

	while (conn_begin(&h->conn, 0, err) < 0)
		if (err->kind != ERR_BUSY || when_mono() > until)
			return -1;
	if (conn_read_db(&h->conn, head, sizeof head, 0, 0, err) < 0)
		return -1;
	*wal = head[18] == 2;
	if (!*wal)
		return 0; /* the read lock keeps writers out */
	conn_end(&h->conn);
	return hop_settle(c, h, err);
}

int
dump_db(const char *path, uint64_t txid, uint64_t node,
    enum ltx_encoding encoding, uint64_t memory, struct io_out out,
    struct ltx_header *header, struct err *err)
{
	struct capture c;
	struct holder *h = c.h;
	struct ltx_header head;
	struct stat st;
	uint32_t sum[2];
	int wal, r;

	memset(&c, 0, sizeof c);
	memset(&head, 0, sizeof head);
	if (stat(path, &st) < 0)
		return err_sys(err, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_CONF, "%s is a folder", path);
	if (!st.st_size)
		return err_set(err, ERR_NOTFOUND, "%s has no pages yet", path);
	head.flags = LTX_FLAG_NOCHECKSUM;
	head.min_txid = 1;
	head.max_txid = txid;
	head.node = node;
	r = conn_open(&h->conn, path, err);
	if (!r)
		r = begin(&c, h, &wal, err);
	if (!r) {
		head.time_ms = when_now();
		r = cut_dump_to(&h->conn, &c.view, !wal || h->zero, &head,
		    encoding, memory ? memory : 1 << 20, "", out, sum, err);
	}
	if (!r && header)
		*header = head;
	conn_close(&h->conn);
	return r < 0 ? err_in(err, "%s", path) : 0;
}
