# A guest on the project's kernel, made of the one file NAME.c: $(BUILD)/NAME.elf and NAME.debug.elf.
# Included by the Makefile beside it, which sets NAME, and CFLAGS for what it needs beyond these.

BUILD ?= $(abspath ../../../build/$(NAME))
Q ?= @

all: $(BUILD)/$(NAME).elf

include ../../../kernel/kernel.mk

$(BUILD)/$(NAME).o: $(NAME).c
	$(Q)mkdir -p $(BUILD)
	$(Q)$(CC) $(COMMON_CFLAGS) -Wall -Wextra -Werror $(CFLAGS) -I$(KERNEL_TOP) \
	    -DLINK_ADDRESS=$(LINK_ADDRESS) -MD -MP -c -o $@ $<

$(BUILD)/$(NAME).debug.elf: $(BUILD)/$(NAME).o $(KERNEL_LIB) $(KERNEL_LDSCRIPT)
	$(Q)$(LD) $(KERNEL_LDFLAGS) -o $@ $<

$(BUILD)/$(NAME).elf: $(BUILD)/$(NAME).debug.elf
	$(Q)$(STRIP) --strip-all -o $@ $<

-include $(BUILD)/$(NAME).d
