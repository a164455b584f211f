#ifndef LS_STORE_SFTP_KNOWN_H
#define LS_STORE_SFTP_KNOWN_H

#include <stddef.h>

/* Texts about SSH host keys. Pure. */

#define SFTP_KEY_MAX 8192  /* bytes of a public key */
#define SFTP_TYPE_MAX 64

/* Each key that a known_hosts file (sshd(8)) has for a host named so: its
 * name, or "[name]:port" where the port is not 22. Hashed names and patterns
 * count; authorities do not. */
typedef void sftp_known_fn(void *ctx, const char *type, const char *base64,
    int revoked);
void sftp_known_scan(const char *text, size_t n, const char *name,
    sftp_known_fn *, void *ctx);

/* The type a public key says it has, "" if it is none. */
void sftp_known_type(char type[SFTP_TYPE_MAX], const unsigned char *key,
    size_t n);

/* Is it "TYPE BASE64[ COMMENT]", with a key of that type? type and base64
 * (BASE64_LEN(SFTP_KEY_MAX)) get the two. 0 or -1. */
int sftp_known_line(const char *s, char type[SFTP_TYPE_MAX], char *base64);

#endif
