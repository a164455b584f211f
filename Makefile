# ls-s6. Everything built goes to $(BUILD); nothing is generated in the tree.
# make, make check, make install PREFIX=/usr, make BUILD=build/asan SAN=1

BUILD ?= build
PREFIX ?= /usr/local
CC ?= cc
VERSION = 0.1.0

CFLAGS ?= -O2 -g
WARN = -std=c99 -Wall -Wextra -Werror -Wpointer-arith -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla
CPPFLAGS += -D_GNU_SOURCE -DLS_VERSION='"$(VERSION)"' -Ilib
ifdef SAN
CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
LDFLAGS += -Wl,--as-needed -Wl,--gc-sections
CFLAGS += -ffunction-sections -fdata-sections

# Which libraries each program may link: a program that grows a dependency
# fails here first.
sk = -l:libskarnet.a
lz4 = -llz4
sql = -lsqlite3
http = -lcurl -lexpat -lbearssl -lcrypto
LIBS_ls-walship = $(sql) $(http) $(lz4) $(sk) -lpthread
LIBS_ls-restore = $(sql) $(http) $(lz4) $(sk) -lpthread
LIBS_ls-snapshot = $(sql) $(http) $(lz4) $(sk) -lpthread
LIBS_ls-prune = $(http) $(lz4) $(sk) -lpthread
LIBS_ls-list = $(http) $(lz4) $(sk) -lpthread
LIBS_ls-get = $(http) $(sk) -lpthread
LIBS_ls-put = $(http) $(lz4) $(sk) -lpthread
LIBS_ls-dump = $(lz4) $(sk)
LIBS_ls-conf = -lyaml $(sk)
LIBS_ls-sync = $(sk)
LIBS_ls-status = $(sk)
LIBS_ALL = $(sql) $(http) -lyaml $(lz4) $(sk) -lpthread -lm

LIB_C := $(sort $(wildcard lib/*/*.c))
BIN_C := $(sort $(wildcard bin/*.c))
UNIT_C := $(sort $(wildcard tests/unit/*.c))
LIB_O := $(LIB_C:%.c=$(BUILD)/%.o)
PROGRAMS := $(BIN_C:bin/%.c=%)
UNITS := $(UNIT_C:tests/unit/%.c=$(BUILD)/unit/%)

all: $(PROGRAMS:%=$(BUILD)/bin/%)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

$(BUILD)/libls.a: $(LIB_O)
	@rm -f $@
	ar rcs $@ $(LIB_O)

$(BUILD)/bin/%: $(BUILD)/bin/%.o $(BUILD)/libls.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libls.a $(LIBS_$*)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libls.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libls.a -lcmocka $(LIBS_ALL)

unit: $(UNITS)

# Only what needs no network and no peer.
check: all unit
	CMOCKA_MESSAGE_OUTPUT=TAP prove -e '' $(sort $(UNITS))

clean:
	rm -rf $(BUILD)

.PHONY: all unit check clean
.SECONDARY:

-include $(LIB_O:.o=.d) $(BIN_C:%.c=$(BUILD)/%.d) $(UNIT_C:%.c=$(BUILD)/%.d)
