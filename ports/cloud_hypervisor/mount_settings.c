/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/application.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "mount_settings.h"

#define NAME "mount="

// The value of the next one, or NULL.
static const char *next(cmdline_walk_t *walk) {
    const char *word;
    do {
        word = cmdline_walk(walk, CMDLINE_SETTING);
    } while (word && strncmp(word, NAME, strlen(NAME)));
    return word ? word + strlen(NAME) : NULL;
}

// A serial may have a ':', a name has no '/'.
static void parse(const char *text, mount_setting_t *setting) {
    const char *slash = strrchr(text, '/');
    if (!slash || slash < text + 2 || slash[-1] != ':' || strchr(text, '/') != slash) {
        panic("the setting mount= wants a disk's serial and a place: data:/data");
    }
    *setting = (mount_setting_t) { text, slash - 1 - text, slash };
}

bool mount_setting(unsigned number, mount_setting_t *setting) {
    cmdline_walk_t walks[] = { cmdline_begin(system_words()), cmdline_begin(application_settings()) };
    for (size_t i = 0; i < 2; ++i) {
        const char *text;
        while ((text = next(&walks[i]))) {
            if (number-- == 0) {
                parse(text, setting);
                return true;
            }
        }
    }
    return false;
}

const char *mount_setting_of(const char *serial) {
    mount_setting_t setting;
    for (unsigned i = 0; mount_setting(i, &setting); ++i) {
        if (strlen(serial) == setting.serial_len && !memcmp(serial, setting.text, setting.serial_len)) {
            return setting.point;
        }
    }
    return NULL;
}

bool mount_setting_has_root(void) {
    mount_setting_t setting;
    for (unsigned i = 0; mount_setting(i, &setting); ++i) {
        if (!strcmp(setting.point, "/")) {
            return true;
        }
    }
    return false;
}
