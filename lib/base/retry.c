#include "base/retry.h"

int
retry_worth(enum err_kind kind)
{
	return kind == ERR_TEMP || kind == ERR_BUSY;
}

int64_t
retry_delay(unsigned n, int64_t base_ms, int64_t max_ms, uint32_t random)
{
	int64_t d = base_ms;

	while (n-- > 1 && d < max_ms)
		d = d > max_ms / 2 ? max_ms : d * 2;
	if (d > max_ms)
		d = max_ms;
	return d / 2 + (int64_t)((double)(d - d / 2) * random / UINT32_MAX);
}
