#include "store/sftp_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"

#define KEY_FILE_MAX 65536

/* "openssh-key-v1\0", then a string: how the rest is encrypted. */
static int
key_openssh_locked(const char *body)
{
	static const unsigned char magic[15] = "openssh-key-v1";
	unsigned char b[48];
	char text[65];
	size_t n = 0;

	for (; *body && *body != '-' && n < 64; body++)
		if (*body > ' ')
			text[n++] = *body;
	text[n] = 0;
	if (n != 64 || base64_scan(b, sizeof b, text, &n)
	    || memcmp(b, magic, sizeof magic))
		return 0;
	return b[18] != 4 || memcmp(b + 19, "none", 4);
}

static int
key_text(const char *path, const char *s, struct err *e)
{
	const char *begin = strstr(s, "-----BEGIN ");
	const char *kind = begin ? begin + 11 : "";
	const char *line = strchr(kind, '\n');

	if (!begin || !line || !strstr(kind, "PRIVATE KEY-----")
	    || strstr(kind, "PRIVATE KEY-----") > line)
		return err_set(e, ERR_CONF, "key-path: %s is no private key%s",
		    path, strncmp(s, "ssh-", 4) && strncmp(s, "ecdsa-", 6)
		    ? "" : " but a public one; the private one has no .pub");
	if (!strncmp(kind, "ENCRYPTED ", 10) || strstr(line, "ENCRYPTED")
	    || (!strncmp(kind, "OPENSSH ", 8) && key_openssh_locked(line)))
		return err_set(e, ERR_CONF, "key-path: %s has a passphrase, "
		    "and nobody to type it; use ssh-agent without key-path:, "
		    "or a key without one (ssh-keygen -p -f %s)", path, path);
	return 0;
}

int
sftp_key_check(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r;
	char *text = calloc(1, KEY_FILE_MAX + 1);
	struct io_in in = io_in_fd(&fd);
	ssize_t n = 1;
	size_t len = 0;

	if (!text) {
		if (fd >= 0)
			close(fd);
		return err_nomem(e);
	}
	while (fd >= 0 && n > 0 && len < KEY_FILE_MAX) {
		n = in.read(in.ctx, text + len, KEY_FILE_MAX - len, e);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0)
		err_sys(e, "key-path: open %s", path);
	else
		close(fd);
	if (fd < 0 || n < 0) {
		e->kind = ERR_CONF;
		r = -1;
	} else {
		r = key_text(path, text, e);
	}
	explicit_bzero(text, KEY_FILE_MAX);
	free(text);
	return r;
}
