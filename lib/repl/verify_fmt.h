#ifndef LS_REPL_VERIFY_FMT_H
#define LS_REPL_VERIFY_FMT_H

#include "base/sa.h"
#include "repl/verify_db.h"

/* Results for people and programs. All append and return 1, or 0 out of
 * memory. */

/* A line for each thing found, and one for the whole. */
int verify_fmt_text(stralloc *, const struct verify_result *);
/* All of it as one line of JSON. */
int verify_fmt_json(stralloc *, const struct verify_result *);
/* {"db","replica","ok","txid","time","bytes","error"}: a proof, which is one
 * only if the database was compared. */
int verify_fmt_proof(stralloc *, const struct verify_result *);

#endif
