#ifndef LS_DB_DUMP_H
#define LS_DB_DUMP_H

#include <stdint.h>
#include "base/err.h"
#include "base/io.h"
#include "ltx/ltx.h"

/* A live database at one position, as one LTX file 1..txid with every page,
 * to out. Others go on writing meanwhile; checkpoints wait. memory:
 * bytes of the page map before it spills, 0: 1 MiB. h, if not NULL, gets the
 * header written. The database is not changed, not even its journal mode: one
 * that is not in WAL mode is read under a read lock. ERR_DATA: not a
 * database; ERR_NOTFOUND: no such file, or one without pages. */
int dump_db(const char *path, uint64_t txid, uint64_t node,
    enum ltx_encoding, uint64_t memory, struct io_out out,
    struct ltx_header *h, struct err *);

#endif
