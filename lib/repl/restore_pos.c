#include "repl/restore_pos.h"

#include <string.h>

int
restore_pos_make(struct standby_pos *pos, int fd, enum restore_leave how,
    const struct apply_done *done, uint8_t level, int has_orig,
    struct err *e)
{
	struct standby_at *at = &pos->at;

	memset(pos, 0, sizeof *pos);
	if (how == RESTORE_LEAVE_NONE)
		return 0;
	if (standby_look(fd, at, e) < 0)
		return -1;
	at->txid = done->txid;
	at->level = done->files ? level : 0xff;
	at->min = done->min;
	at->check = done->check;
	if (how == RESTORE_LEAVE_STANDBY && standby_mask(fd, at, e) < 0)
		return -1;
	at->has_orig = has_orig;
	return standby_sum(fd, at, &at->sum, e);
}

int
restore_pos_write(const char *path, const struct standby_pos *pos,
    const struct io_perm *perm, struct err *e)
{
	if (!pos->at.txid)
		return 0;
	return standby_pos_write(path, pos, perm, e) < 0 ? -1
	    : standby_txid_write(path, pos->at.txid, perm, e);
}
