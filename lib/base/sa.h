#ifndef LS_BASE_SA_H
#define LS_BASE_SA_H

/* Growing byte strings and arrays, from skalibs. A zeroed stralloc is empty
 * and valid; stralloc_* return 1 or, out of memory, 0. */

#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#endif
