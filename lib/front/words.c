#include "front/front.h"

#include <stdlib.h>
#include <string.h>

struct split {
	char *to;
	char **argv;
	size_t n;
	int open;   /* a word has begun */
};

static void
put(struct split *s, char c)
{
	if (!s->open)
		s->argv[s->n++] = s->to;
	s->open = 1;
	if (c)
		*s->to++ = c;
}

static void
end(struct split *s)
{
	if (s->open)
		*s->to++ = 0;
	s->open = 0;
}

/* The quote that is open at the end, or 0. */
static char
split(struct split *s, const char *line)
{
	char quote = 0;

	for (; *line; line++) {
		if (*line == '\\' && quote != '\'' && line[1]) {
			put(s, *++line);
		} else if (quote) {
			if (*line == quote)
				quote = 0;
			else
				put(s, *line);
		} else if (*line == '\'' || *line == '"') {
			quote = *line;
			put(s, 0);
		} else if (strchr(" \t\r\n", *line)) {
			end(s);
		} else if (strchr(";&|<>", *line)) {
			break;
		} else {
			put(s, *line);
		}
	}
	end(s);
	return quote;
}

int
front_words(const char *line, char **block, char ***argv, struct err *e)
{
	size_t len = strlen(line);
	struct split s = { 0 };

	*block = malloc(len * 2 + 2);
	*argv = calloc(len + 2, sizeof **argv);
	if (!*block || !*argv) {
		free(*block);
		free(*argv);
		*block = NULL;
		*argv = NULL;
		return err_nomem(e);
	}
	s.to = *block;
	s.argv = *argv;
	if (split(&s, line) || !s.n) {
		free(*block);
		free(*argv);
		*block = NULL;
		*argv = NULL;
		return err_set(e, ERR_USAGE, "cannot parse exec command: "
		    "invalid command line string");
	}
	s.argv[s.n] = NULL;
	return 0;
}
