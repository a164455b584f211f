#ifndef LS_STORE_SFTP_LIST_H
#define LS_STORE_SFTP_LIST_H

#include <stddef.h>
#include <stdint.h>

/* One line of a folder's long listing, as SFTP servers make them for people:
 * rights, links, owner, group, bytes, month, day, time or year, name. Pure.
 * 1: a file or folder; 0: something else; -1: a line of another kind of
 * server. name points into the line. */
struct sftp_line {
	const char *name;
	size_t n;
	uint64_t size;
	int folder;
};
int sftp_list_line(struct sftp_line *, const char *, size_t n);

#endif
