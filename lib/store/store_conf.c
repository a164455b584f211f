#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* Every string of a conf, so that copying and wiping miss none. */
static char **
store_conf_string(struct store_conf *c, unsigned i)
{
	char **const all[] = {
		&c->url, &c->path, &c->bucket, &c->endpoint, &c->region,
		&c->access_key, &c->secret_key, &c->session_token,
		&c->profile, &c->storage_class, &c->sse_key,
		&c->sse_kms_key_id, &c->host, &c->user, &c->password,
		&c->key_path, &c->host_key, &c->known_hosts, &c->pin,
		&c->age_identities, &c->age_recipients
	};

	return i < sizeof all / sizeof *all ? all[i] : 0;
}

void
store_conf_init(struct store_conf *c)
{
	memset(c, 0, sizeof *c);
	c->perm.uid = (uid_t)-1;
	c->perm.gid = (gid_t)-1;
	c->force_path_style = c->sign_payload = c->skip_verify = STORE_DEFAULT;
	c->require_content_md5 = c->put_object_content_md5 = STORE_DEFAULT;
}

int
store_conf_encrypts(const struct store_conf *c)
{
	return c->age_identities || c->age_recipients;
}

int
store_conf_copy(struct store_conf *to, const struct store_conf *from,
    struct err *e)
{
	char **p, **q;
	int short_of = 0;

	*to = *from;
	for (unsigned i = 0; (p = store_conf_string(to, i)); i++) {
		q = store_conf_string((struct store_conf *)from, i);
		*p = 0;
		if (*q && !short_of && !(*p = strdup(*q)))
			short_of = 1;
	}
	if (!short_of)
		return 0;
	store_conf_free(to);
	return err_nomem(e);
}

void
store_conf_free(struct store_conf *c)
{
	char **p;

	for (unsigned i = 0; (p = store_conf_string(c, i)); i++) {
		if (*p)
			explicit_bzero(*p, strlen(*p));
		free(*p);
		*p = 0;
	}
}
