# ls-s6. Everything built goes to $(BUILD); nothing is generated in the tree.
#
#   make                        programs, into build/bin
#   make check                  unit and structure tests: no network, no peer
#                               (scripts/test runs everything)
#   make install PREFIX=/usr DESTDIR=/tmp/x      and uninstall
#   make bench style fuzz dist clean
#   make CC=clang BUILD=build/clang
#   make SAN=1 BUILD=build/asan                  with ASan and UBSan

BUILD ?= build
PREFIX ?= /usr/local
CC ?= cc
AR ?= ar
VERSION = 0.1.0

BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

CFLAGS ?= -O2 -g
# Nothing here is unwound; debuggers take their own tables.
STD = -std=c99 -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables
WARN = -Wall -Wextra -Werror -Wpointer-arith -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla
DEFS = -D_GNU_SOURCE -DLS_VERSION='"$(VERSION)"' -Ilib
LINK = -Wl,--as-needed -Wl,--gc-sections -Wl,-z,noseparate-code
# Instrumented code confuses the warnings about flow and lengths; the two
# ordinary builds have them.
ifdef SAN
WARN += -Wno-error
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
endif
ifdef FUZZ
SANFLAGS = -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
endif
COMPILE = $(CC) $(DEFS) $(CPPFLAGS) $(STD) $(CFLAGS) $(SANFLAGS) $(WARN)
LD = $(CC) $(CFLAGS) $(SANFLAGS) $(LINK) $(LDFLAGS)

# Which libraries each program may link: a program that grows a dependency
# fails here first.
sk = -l:libskarnet.a
lz4 = -llz4
sql = -lsqlite3
http = -lcurl -lexpat -lbearssl -lcjson -lcrypto
LIBS_ls-walship = $(sql) $(http) $(lz4) $(sk) -lpthread
LIBS_ls-restore = $(sql) $(http) $(lz4) $(sk) -lpthread
LIBS_ls-snapshot = $(sql) $(http) $(lz4) $(sk) -lpthread
LIBS_ls-compact = $(http) $(lz4) $(sk) -lpthread
LIBS_ls-verify = $(sql) $(http) $(lz4) $(sk) -lpthread
LIBS_ls-prune = $(http) $(lz4) $(sk) -lpthread
LIBS_ls-list = $(http) $(lz4) $(sk) -lpthread
LIBS_ls-get = $(http) $(sk) -lpthread
LIBS_ls-put = $(http) $(lz4) $(sk) -lpthread
LIBS_ls-dump = $(lz4) $(sk)
LIBS_ls-conf = -lyaml $(sk)
LIBS_ls-tend = $(sk)
LIBS_ls-sync = $(sk)
LIBS_ls-status = $(sk)
LIBS_ls-statusd = -lmicrohttpd $(sk) -lpthread
LIBS_litestream = -lcjson $(sk)
# Those that have most of the library in them. Each is a program of its own in
# $(BUILD)/bin, linked with no more than it may; installed, they are links to
# one file that holds all of them.
HELD = ls-compact ls-get ls-list ls-prune ls-put ls-restore ls-snapshot ls-verify \
	ls-walship
LIBS_ls-s6 = $(sql) $(http) $(lz4) $(sk) -lpthread
# Tests link everything; the demo application and the load of the
# measurements take nothing of ours.
LIBS_ALL = -lmicrohttpd $(sql) $(http) -lyaml $(lz4) $(sk) -lpthread -lm
LIBS_counter = -lmicrohttpd $(sql) -lpthread
LIBS_load = $(sql) -lpthread

LIB_C := $(sort $(wildcard lib/*/*.c))
BIN_C := $(sort $(wildcard bin/*.c))
UNIT_C := $(sort $(wildcard tests/unit/*.c))
FUZZ_C := $(sort $(wildcard tests/fuzz/*.c))
BENCH_C := $(sort $(wildcard bench/*.c))
# Programs that tests run: tests/THEME/NAME.c becomes $(BUILD)/tests/NAME.
HELP_C := $(sort $(filter-out tests/unit/% tests/fuzz/%,$(wildcard tests/*/*.c)))

LIB_O := $(LIB_C:%.c=$(BUILD)/%.o)
PROGRAMS := $(BIN_C:bin/%.c=%)
UNITS := $(UNIT_C:tests/unit/%.c=$(BUILD)/unit/%)
HELPERS := $(addprefix $(BUILD)/tests/,$(notdir $(HELP_C:.c=)))
FUZZERS := $(FUZZ_C:tests/fuzz/%.c=$(BUILD)/%)
BENCHES := $(BENCH_C:bench/%.c=$(BUILD)/bench/%)

all: $(PROGRAMS:%=$(BUILD)/bin/%)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/libls.a: $(LIB_O)
	@rm -f $@
	$(AR) rcs $@ $(LIB_O)

$(BUILD)/bin/%: $(BUILD)/bin/%.o $(BUILD)/libls.a
	@mkdir -p $(@D)
	$(LD) -o $@ $< $(BUILD)/libls.a $(if $(SAN),$(LIBS_ALL),$(LIBS_$*))

HELD_O = $(HELD:%=$(BUILD)/held/%.o)
$(BUILD)/held/%.o: bin/%.c
	@mkdir -p $(@D)
	$(COMPILE) -Wno-missing-prototypes -Dmain=$(subst -,_,$*)_main \
		-MMD -MP -c -o $@ $<
$(BUILD)/bin/ls-s6.o: Makefile
$(BUILD)/bin/ls-s6.o: DEFS += -DPROGRAMS='$(foreach \
	p,$(HELD),P($(subst -,_,$p),"$p"))'
$(BUILD)/bin/ls-s6: $(BUILD)/bin/ls-s6.o $(HELD_O) $(BUILD)/libls.a
	$(LD) -o $@ $(BUILD)/bin/ls-s6.o $(HELD_O) $(BUILD)/libls.a \
		$(if $(SAN),$(LIBS_ALL),$(LIBS_ls-s6))

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libls.a
	@mkdir -p $(@D)
	$(LD) -o $@ $< $(BUILD)/libls.a -lcmocka $(LIBS_ALL)

$(FUZZERS): $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libls.a
	$(LD) -fsanitize=fuzzer -o $@ $< $(BUILD)/libls.a $(LIBS_ALL)

$(BUILD)/bench/%: $(BUILD)/bench/%.o
	@mkdir -p $(@D)
	$(LD) -o $@ $< $(LIBS_$*)

$(BUILD)/demo/counter: $(BUILD)/images/app/counter.o
	@mkdir -p $(@D)
	$(LD) -o $@ $< $(LIBS_counter)

# What programs of a theme have in common is in tests/THEME/common.
define helper
$(BUILD)/tests/$(notdir $(1:.c=)): $(BUILD)/$(1:.c=.o) $(BUILD)/libls.a \
		$(patsubst %.c,$(BUILD)/%.o,$(wildcard $(dir $(1))common/*.c))
	@mkdir -p $$(@D)
	$$(LD) -o $$@ $$(filter %.o,$$^) $(BUILD)/libls.a $$(LIBS_ALL)
endef
$(foreach c,$(HELP_C),$(eval $(call helper,$c)))

demo: $(BUILD)/demo/counter
unit: $(UNITS)
helpers: $(HELPERS)
objects: $(LIB_O) $(BIN_C:%.c=$(BUILD)/%.o)

# Captures broken on purpose, which the hostile test must tell: one that
# holds no read transaction, one that trusts the WAL file without its index.
broken:
	$(MAKE) BUILD=$(BUILD)/no-hop CPPFLAGS=-DCAPTURE_TEST_NO_HOP \
		$(BUILD)/no-hop/tests/hostile
	$(MAKE) BUILD=$(BUILD)/scan CPPFLAGS=-DCAPTURE_TEST_SCAN \
		$(BUILD)/scan/tests/hostile

# Only what needs no network and no peer.
check: all unit
	CMOCKA_MESSAGE_OUTPUT=TAP prove -e '' $(UNITS)
	BUILD=$(BUILD) prove tests/style

style: all
	BUILD=$(BUILD) tests/style/figures
	BUILD=$(BUILD) prove tests/style

# Fuzz targets, with objects of their own: build/fuzz/NAME CORPUS...
fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang CFLAGS='-O1 -g' FUZZ=1 fuzzers
fuzzers: $(FUZZERS)

bench: all demo $(BENCHES)
	BUILD=$(BUILD) bench/run

# One completion file per shell and program, out of the programs' own -h.
completions: all
	BUILD=$(BUILD) scripts/completions $(BUILD)/completions $(PROGRAMS)

install: install-bin completions
	install -d $(MANDIR)/man1 $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	install -m 644 $(wildcard man/*.1) $(MANDIR)/man1
	install -m 644 $(BUILD)/completions/bash/* $(BASHDIR)
	install -m 644 $(BUILD)/completions/zsh/* $(ZSHDIR)
	install -m 644 $(BUILD)/completions/fish/* $(FISHDIR)

# The programs alone, as the images have them.
install-bin: all
	install -d $(BINDIR)
	install -s $(patsubst %,$(BUILD)/bin/%,$(filter-out $(HELD),$(PROGRAMS))) \
		$(BINDIR)
	for p in $(HELD); do ln -sf ls-s6 $(BINDIR)/$$p || exit 1; done

# The service definitions and their bodies, with the places filled in that
# are s6-overlay's in an image and others elsewhere.
S6LIB ?= $(PREFIX)/lib/ls-s6
S6RC ?= /etc/s6-overlay/s6-rc.d
S6RUN ?= /run
EXECLINEB ?= /command/execlineb
SERVICES ?= ls-end ls-restore ls-walship ls-tend ls-statusd
FILL = sed -e 's|@LIB@|$(S6LIB)|g' -e 's|@RUN@|$(S6RUN)|g' \
	-e 's|@EXECLINEB@|$(EXECLINEB)|g'

install-s6:
	install -d $(DESTDIR)$(S6LIB)/env.d $(DESTDIR)$(S6RC)
	for f in scripts/s6/*; do \
		$(FILL) $$f >$(DESTDIR)$(S6LIB)/$${f##*/} && \
		chmod 755 $(DESTDIR)$(S6LIB)/$${f##*/} || exit 1; done
	for f in $$(cd s6-rc.d && find $(SERVICES) -type f); do \
		install -d $(DESTDIR)$(S6RC)/$${f%/*} && \
		$(FILL) s6-rc.d/$$f >$(DESTDIR)$(S6RC)/$$f || exit 1; done
	cd $(DESTDIR)$(S6RC) && find . -name run -o -name finish | \
		xargs chmod 755

# What the memos image has beyond the base: over install-s6.
MEMOS_S6 = images/memos/usr/local/lib/ls-s6
install-memos:
	$(MAKE) -s install-s6 SERVICES='$(SERVICES) memos memogram'
	install -d $(DESTDIR)$(PREFIX)/memos
	for f in $$(cd $(MEMOS_S6) && echo mem* env.d/*); do \
		$(FILL) $(MEMOS_S6)/$$f >$(DESTDIR)$(S6LIB)/$$f && \
		chmod 755 $(DESTDIR)$(S6LIB)/$$f || exit 1; done
	$(FILL) images/memos/usr/local/memos/entrypoint.sh \
		>$(DESTDIR)$(PREFIX)/memos/entrypoint.sh
	chmod 755 $(DESTDIR)$(PREFIX)/memos/entrypoint.sh

# The memos images, for both platforms, by buildx and docker-bake.hcl:
#   make images                   memos-ls-s6:stable and stable-memogram, also
#                                 under latest and the number of memos' release
#   make images VERSION=0.31.0    of that release of memos
#   make images VERSION=test      under that name only
#   make push-images REGISTRY=ghcr.io/me/ VERSION=...
# PLATFORMS=linux/amd64: of one, which the local docker then has.
MEMOS_RELEASE := $(shell sed -n 's/^ARG MEMOS_IMAGE_TAG=//p' Dockerfile.memos 2>/dev/null)
TAG = $(if $(findstring $(origin VERSION),command line),$(VERSION))
MEMOS_TAG = $(if $(filter-out stable latest test,$(TAG)),$(TAG),$(MEMOS_RELEASE))
PLATFORMS ?= linux/amd64,linux/arm64
comma = ,
BAKE = TAGS=$(if $(filter stable latest test,$(TAG)),$(TAG),stable$(comma)latest$(comma)$(MEMOS_TAG)) \
	MEMOS_IMAGE_TAG=$(MEMOS_TAG) PLATFORMS=$(PLATFORMS) \
	REGISTRY=$(REGISTRY) docker buildx bake -f docker-bake.hcl $(BAKEFLAGS)

images:
	$(BAKE) $(if $(findstring $(comma),$(PLATFORMS)),--set '*.output=type=image$(comma)push=false',--load)
push-images:
	$(BAKE) --push

uninstall:
	rm -f $(PROGRAMS:%=$(BINDIR)/%)
	rm -f $(PROGRAMS:%=$(MANDIR)/man1/%.1)
	rm -f $(PROGRAMS:%=$(BASHDIR)/%) $(PROGRAMS:%=$(ZSHDIR)/_%)
	rm -f $(PROGRAMS:%=$(FISHDIR)/%.fish)

dist:
	mkdir -p dist
	git archive --prefix=ls-s6-$(VERSION)/ HEAD | \
		gzip -9n >dist/ls-s6-$(VERSION).tar.gz

# The peers take minutes to build and stay; rm -rf build takes them too.
clean:
	rm -rf dist
	test ! -d $(BUILD) || find $(BUILD) -mindepth 1 -maxdepth 1 \
		! -name peers -exec rm -rf {} +

.PHONY: broken all demo unit helpers objects check style fuzz fuzzers bench \
	completions install install-bin install-s6 install-memos images \
	push-images uninstall dist clean
.SECONDARY:

-include $(LIB_O:.o=.d) $(HELD_O:.o=.d) $(BIN_C:%.c=$(BUILD)/%.d) $(UNIT_C:%.c=$(BUILD)/%.d) \
	$(HELP_C:%.c=$(BUILD)/%.d) $(FUZZ_C:%.c=$(BUILD)/%.d)
