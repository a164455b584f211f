#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What is accepted must come back the same from its own text. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = malloc(n + 1), text[WHEN_FMT];
	int64_t ms, again;

	memcpy(s, p, n);
	s[n] = 0;
	if (!when_scan(s, &ms) && ms >= INT64_C(-62167219200000)
	    && ms <= INT64_C(253402300799999)) {
		if (when_fmt(text, ms) != 24 || when_scan(text, &again)
		    || again != ms)
			abort();
	}
	if (!when_scan_http(s, &ms))
		when_fmt_compact(text, ms);
	if (!when_dur_scan(s, &ms)) {
		if (when_dur_fmt(text, ms) >= WHEN_FMT
		    || when_dur_scan(text, &again) || again != ms)
			abort();
	}
	free(s);
	return 0;
}
