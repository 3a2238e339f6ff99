/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "py/builtin.h"
#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/lexer.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/runtime/gchelper.h"

#include "tests/host/micropython/interpreter.h"

#define STACK_SIZE (1024 * 1024) // Of the usual 8 MiB.
#define MODULES_MAX (4)

extern void *__libc_stack_end; // So that the objects in every frame of this program are found.

static void *heap;
static struct {
    const char *file;
    const char *source;
} modules[MODULES_MAX];
static size_t n_modules;

void interpreter_start(size_t heap_size) {
    if (heap) {
        mp_deinit();
        free(heap);
    }
    mp_cstack_init_with_top(__libc_stack_end, STACK_SIZE);
    heap = calloc(1, heap_size);
    gc_init(heap, (char *)heap + heap_size);
    mp_init();
}

void interpreter_collect_always(bool always) {
    MP_STATE_MEM(gc_alloc_threshold) = always ? 1 : (size_t)-1;
}

static mp_obj_t run(const char *source, mp_parse_input_kind_t kind) {
    mp_lexer_t *lexer = mp_lexer_new_from_str_len(qstr_from_str("main.py"), source, strlen(source), 0);
    mp_parse_tree_t tree = mp_parse(lexer, kind);
    return mp_call_function_0(mp_compile(&tree, lexer->source_name, false));
}

void interpreter_exec(const char *source) {
    run(source, MP_PARSE_FILE_INPUT);
}

mp_obj_t interpreter_eval(const char *source) {
    return run(source, MP_PARSE_EVAL_INPUT);
}

mp_obj_t interpreter_try(void (*function)(void *context), void *context) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        function(context);
        nlr_pop();
        return MP_OBJ_NULL;
    }
    return MP_OBJ_FROM_PTR(nlr.ret_val);
}

// What MicroPython asks of a port ------------------------------------------------------------

void interpreter_add_module(const char *file, const char *source) {
    if (n_modules == MODULES_MAX) {
        abort();
    }
    modules[n_modules].file = file;
    modules[n_modules++].source = source;
}

static const char *source_of(const char *file) {
    for (size_t i = 0; i < n_modules; i++) {
        if (strcmp(modules[i].file, file) == 0) {
            return modules[i].source;
        }
    }
    return NULL;
}

mp_import_stat_t mp_import_stat(const char *path) {
    if (source_of(path)) {
        return MP_IMPORT_STAT_FILE;
    }
    size_t len = strlen(path);
    for (size_t i = 0; i < n_modules; i++) {
        if (strncmp(modules[i].file, path, len) == 0 && modules[i].file[len] == '/') {
            return MP_IMPORT_STAT_DIR;
        }
    }
    return MP_IMPORT_STAT_NO_EXIST;
}

mp_lexer_t *mp_lexer_new_from_file(qstr filename) {
    const char *source = source_of(qstr_str(filename));
    return mp_lexer_new_from_str_len(filename, source, strlen(source), 0);
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(value));
    abort();
}

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t len) {
    return fwrite(text, 1, len, stderr);
}

void mp_hal_stdout_tx_strn_cooked(const char *text, size_t len) {
    mp_hal_stdout_tx_strn(text, len);
}

void mp_hal_stdout_tx_str(const char *text) {
    mp_hal_stdout_tx_strn(text, strlen(text));
}
