#ifndef LS_V03_PACK_H
#define LS_V03_PACK_H

#include "base/err.h"
#include "base/io.h"

/* The bytes of a source as one LZ4 frame, as Litestream 0.3 stores its
 * objects: 04 22 4d 18 64 70 b9, independent blocks, content checksum. The
 * header allows blocks of 4 MiB as its own does, those written are of 256 KiB
 * of content: that is what both ends need memory for. Pure. The same bytes
 * make the same frame. */

struct v03_pack; /* opaque, allocated: 0.5 MB, of which little is touched
                  * where the source is small */

int v03_pack_begin(struct v03_pack **, struct io_in raw, struct err *);

/* The frame. An error of the source comes through, and then nothing of the
 * end of the frame does. Valid as long as the struct. */
struct io_in v03_pack_in(struct v03_pack *);
void v03_pack_free(struct v03_pack *); /* NULL is fine */

#endif
