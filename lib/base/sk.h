#ifndef LS_BASE_SK_H
#define LS_BASE_SK_H

/* The only header that includes skalibs: what is here compiles on 2.13 and
 * on 2.15 alike. Pure modules include base/sa.h instead. */

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/iopause.h>
#include <skalibs/selfpipe.h>
#include <skalibs/sig.h>
#include <skalibs/strerr.h>
#include <skalibs/tai.h>
#include <skalibs/types.h>
#include "base/sa.h"

#endif
