#include "front/front.h"

#include <stdlib.h>
#include <string.h>

/* As go-shellwords reads a line for the peer: backticks and "$(...)" keep what
 * is in them together, and are run by nobody. */
struct split {
	char *to;
	char **argv;
	size_t n;
	int open;   /* a word has begun */
	char quote; /* that is open: ' or ", 0 */
	char group; /* what ends one that is open: ` or ), 0 */
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

/* Begins or ends what is kept together: 0: c is of the word as any other. */
static int
quotes(struct split *s, char c)
{
	if (c == '`' && !s->quote && s->group != ')')
		s->group = s->group ? 0 : '`';
	/* one that nothing opened opens, too */
	if (c == ')' && !s->quote && s->group != '`')
		s->group = s->group ? 0 : ')';
	if ((c != '\'' && c != '"') || s->group == ')'
	    || (s->quote && s->quote != c))
		return 0;
	put(s, 0);
	s->quote = s->quote ? 0 : c;
	return 1;
}

/* "(" is an error but after "$", which may begin a command, and in quotes. */
static int
opens(struct split *s)
{
	if (s->quote || s->group == '`')
		return 1;
	if (s->group || !s->open || s->to == s->argv[s->n - 1]
	    || s->to[-1] != '$')
		return 0;
	s->group = ')';
	return 1;
}

/* Of "2>x" the number is no argument. */
static void
drop_number(struct split *s)
{
	char *word = s->open ? s->argv[s->n - 1] : "";

	if (s->to == word || *word < '0' || *word > '9')
		return;
	s->to = word;
	s->open = 0;
	s->n--;
}

/* 0, or -1: what was begun does not end. */
static int
split(struct split *s, const char *line)
{
	for (; *line; line++) {
		int kept = s->quote || s->group;

		if (*line == '\\' && s->quote != '\'') {
			if (!*++line)
				return -1;
			put(s, *line);
		} else if (!kept && strchr(" \t\r\n", *line)) {
			end(s);
		} else if (!kept && strchr(";&|<>", *line)) {
			if (*line == '>')
				drop_number(s);
			break;
		} else if (*line == '(' && !opens(s)) {
			return -1;
		} else if (!quotes(s, *line)) {
			put(s, *line);
		}
	}
	end(s);
	return s->quote || s->group ? -1 : 0;
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
