#ifndef LS_BASE_HEX_H
#define LS_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* 16 lower-case digits and a NUL. Returns 16. */
size_t hex64_fmt(char s[17], uint64_t);

/* Exactly 16 lower-case digits at s (more may follow). 0 or -1. */
int hex64_scan(const char *s, uint64_t *);

/* 2*n lower-case digits and a NUL. */
void hex_fmt(char *s, const unsigned char *, size_t n);

/* n bytes from 2*n digits, either case. 0 or -1. */
int hex_scan(unsigned char *, const char *s, size_t n);

#endif
