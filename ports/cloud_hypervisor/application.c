/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/builtin.h"
#include "py/compile.h"
#include "py/frozenmod.h"
#include "py/mphal.h"
#include "py/objstr.h"
#include "py/persistentcode.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "shared/readline/readline.h"

#include "application.h"
#include "kernel/application.h"
#include "kernel/devices.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "session.h"
#include "stdio_port.h"

#define FILES "/rom/"
#define MAIN "main"
#define PATH_SIZE (16)

// As a shell says of a program that SIGINT ended.
#define STATUS_INTERRUPTED 130
#define STATUS_UNCAUGHT 1
#define STATUS_OUT_OF_RANGE 255

static bool running; // From what tell() says of the begin to what it says of the end.

static bool has_files(void) {
    size_t size;
    return application_romfs(&size) != NULL;
}

// For the tool that started the machine, which has named the mark: it tells what the program writes
// from what is said about its end.
static void tell(const char *event) {
    const char *mark = system_setting("exit-mark");
    if (mark && running) {
        // In one piece, since another thread may write too. A command line fits on the stack.
        char line[strlen(mark) + sizeof("\x01" "x000\r\n")];
        strcat(strcat(strcat(strcpy(line, "\x01"), mark), event), "\r\n");
        mp_hal_stdout_tx_str(line);
    }
}

static void tell_status(int status) {
    char event[] = { 'x', '0' + status / 100, '0' + status / 10 % 10, '0' + status % 10, '\0' };
    tell(event);
}

static mp_module_context_t *main_context(void) {
    mp_module_context_t *context = m_new_obj(mp_module_context_t);
    context->module.base.type = &mp_type_module;
    context->module.globals = mp_globals_get();
    return context;
}

// Compiled code as a function. *name: what its source was called, the first of its strings.
static mp_obj_t make_function(const mp_module_context_t *context, mp_proto_fun_t code, qstr *name) {
    *name = context->constants.qstr_table[0];
    return mp_make_function_from_proto_fun(code, context, MP_OBJ_NULL);
}

static const char *join(char path[PATH_SIZE], const char *folder, const char *stem, const char *suffix) {
    return strcat(strcat(strcpy(path, folder), stem), suffix);
}

static mp_obj_t load_frozen(const char *stem, qstr *name) {
    char path[PATH_SIZE];
    int type;
    void *frozen;
    if (mp_find_frozen_module(join(path, "", stem, ".py"), &type, &frozen) != MP_IMPORT_STAT_FILE) {
        return MP_OBJ_NULL;
    }
    mp_module_context_t *context = main_context();
    context->constants = ((mp_frozen_module_t *)frozen)->constants;
    return make_function(context, ((mp_frozen_module_t *)frozen)->proto_fun, name);
}

static bool is_file(const char *stem, const char *suffix) {
    char path[PATH_SIZE];
    return mp_import_stat(join(path, FILES, stem, suffix)) == MP_IMPORT_STAT_FILE;
}

static mp_obj_t load_file(const char *stem, qstr *name) {
    char path[PATH_SIZE];
    if (is_file(stem, ".py")) {
        *name = qstr_from_str(join(path, "", stem, ".py"));
        mp_lexer_t *lexer = mp_lexer_new_from_file(*name);
        mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
        return mp_compile(&tree, *name, false);
    }
    if (is_file(stem, ".mpy")) {
        mp_compiled_module_t module = { .context = main_context() };
        mp_raw_code_load_file(qstr_from_str(join(path, "", stem, ".mpy")), &module);
        return make_function(module.context, module.rc, name);
    }
    return MP_OBJ_NULL;
}

// Both modules come from one place: files that --initramfs brought go before what is frozen.
static bool has_main_file(void) {
    return has_files() && (is_file(MAIN, ".py") || is_file(MAIN, ".mpy"));
}

// The module `stem` as a function, the name of its source in *name; MP_OBJ_NULL where there is none.
static mp_obj_t load(const char *stem, qstr *name) {
    return has_main_file() ? load_file(stem, name) : load_frozen(stem, name);
}

// What a program that ends by SystemExit(value) gives; a text is printed.
static int exit_status(mp_obj_t value) {
    if (value == mp_const_none) {
        return 0;
    }
    volatile mp_int_t status = STATUS_OUT_OF_RANGE;
    if (mp_obj_is_int(value) || mp_obj_is_bool(value)) {
        nlr_buf_t nlr;
        if (nlr_push(&nlr) == 0) {
            status = mp_obj_get_int(value);
            nlr_pop();
        }
        return status & 0xff;
    }
    tell("e");
    mp_obj_print(value, PRINT_STR);
    mp_print_str(&mp_plat_print, "\n");
    return STATUS_UNCAUGHT;
}

// Says why a program ended by an exception. Saying it may raise another.
static int status_of(mp_obj_t exception) {
    volatile int status = STATUS_UNCAUGHT;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        if (mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_SystemExit))) {
            status = exit_status(mp_obj_exception_get_value(exception));
        } else {
            if (mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_KeyboardInterrupt))) {
                status = STATUS_INTERRUPTED;
            }
            tell("e");
            mp_obj_print_exception(&mp_plat_print, exception);
        }
        nlr_pop();
    } else {
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    return status;
}

// Runs the module `stem` as __main__ if there is one. Returns its exit status; *raised says whether it
// ended by an exception, SystemExit included.
static int run_module(const char *stem, bool *raised) {
    nlr_buf_t nlr;
    *raised = false;
    if (nlr_push(&nlr) == 0) {
        qstr name;
        mp_obj_t function = load(stem, &name);
        if (function != MP_OBJ_NULL) {
            mp_store_global(MP_QSTR___file__, MP_OBJ_NEW_QSTR(name));
            mp_obj_list_store(mp_sys_argv, MP_OBJ_NEW_SMALL_INT(0), MP_OBJ_NEW_QSTR(name));
            mp_call_function_0(function);
            mp_handle_pending(true);
        }
        nlr_pop();
        return 0;
    }
    mp_handle_pending(false);
    *raised = true;
    return status_of(MP_OBJ_FROM_PTR(nlr.ret_val));
}

// A package's modules may be frozen, and its other files lie in /rom: the first that has its folder is
// where its modules are looked for.
static void put_frozen_first(void) {
    mp_obj_list_store(mp_sys_path, MP_OBJ_NEW_SMALL_INT(0), MP_OBJ_NEW_QSTR(MP_QSTR__dot_frozen));
    mp_obj_list_store(mp_sys_path, MP_OBJ_NEW_SMALL_INT(1), MP_OBJ_NEW_QSTR(MP_QSTR__dot_frozen_slash_lib));
    mp_obj_list_append(mp_sys_path, MP_OBJ_NEW_QSTR(MP_QSTR_));
}

// sys.argv: the program's name, then the arguments of the command line.
static void fill_argv(void) {
    mp_obj_list_append(mp_sys_argv, MP_OBJ_NEW_QSTR(qstr_from_str(MAIN ".py")));
    cmdline_walk_t walk = cmdline_begin(system_words());
    const char *word;
    while ((word = cmdline_walk(&walk, CMDLINE_ARGUMENT))) {
        mp_obj_list_append(mp_sys_argv, mp_obj_new_str(word, strlen(word)));
    }
}

// What follows the program's end; checked before it begins.
static const char *on_exit_setting(void) {
    const char *on_exit = system_setting("on-exit");
    if (!on_exit) {
        return "poweroff";
    }
    if (strcmp(on_exit, "poweroff") && strcmp(on_exit, "reset") && strcmp(on_exit, "prompt")) {
        panic("the setting on-exit= is poweroff, reset or prompt");
    }
    return on_exit;
}

bool application_exists(void) {
    int type;
    void *frozen;
    return has_main_file() || mp_find_frozen_module(MAIN ".py", &type, &frozen) == MP_IMPORT_STAT_FILE;
}

void application_prepare(void) {
    if (application_problem() || !application_exists()) {
        return;
    }
    if (has_files()) {
        mp_vfs_chdir(MP_OBJ_NEW_QSTR(MP_QSTR__slash_rom));
    }
    if (!has_main_file()) {
        put_frozen_first();
    }
    fill_argv();
    stdio_set_mode(stdio_mode_setting()); // Of each interpreter.
}

static void allow_interrupt(bool allow) {
    mp_hal_set_interrupt_char(allow && stdio_has_interrupt() ? CHAR_CTRL_C : -1);
}

static int run_modules(void) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        application_prepare();
        nlr_pop();
    } else {
        return status_of(MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    bool raised;
    int status = run_module("boot", &raised);
    return raised ? status : run_module(MAIN, &raised);
}

// After the program's end. What is raised is printed, and changes no exit status.
static void run_last(mp_obj_t function) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        allow_interrupt(true);
        mp_call_function_0(function);
        mp_handle_pending(true);
        nlr_pop();
    } else {
        tell("e");
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}

void application_wait_for_threads(void) {
    mp_map_elem_t *threading =
        mp_map_lookup(&MP_STATE_VM(mp_loaded_modules_dict).map, MP_OBJ_NEW_QSTR(MP_QSTR_threading), MP_MAP_LOOKUP);
    if (threading) {
        mp_obj_t method[2];
        mp_load_method_maybe(threading->value, MP_QSTR__shutdown, method);
        if (method[0] != MP_OBJ_NULL) { // Else it is a module of the application's own.
            run_last(method[0]);
        }
    }
}

int application_run(void) {
    on_exit_setting();
    stdio_set_mode(stdio_mode_setting());
    allow_interrupt(true); // Before the tool is told that it may send one.
    running = true;
    #if MICROPY_PY_DEVICES
    devices_watch();
    #endif
    tell("b");
    int status = run_modules();
    application_wait_for_threads();
    application_run_exit_function();
    return status;
}

void application_run_exit_function(void) {
    mp_obj_t function = MP_STATE_VM(sys_exitfunc);
    MP_STATE_VM(sys_exitfunc) = mp_const_none;
    if (mp_obj_is_callable(function)) {
        run_last(function);
    }
    allow_interrupt(false);
    mp_handle_pending(false);
}

void application_end(int status) {
    const char *on_exit = system_is_stopping() ? "poweroff" : on_exit_setting();
    if (strcmp(on_exit, "prompt")) {
        session_before_stop(); // Before it is told: a tool may wait no longer.
    }
    tell_status(status);
    running = false;
    stdio_set_mode(STDIO_TERMINAL);
    if (!strcmp(on_exit, "poweroff")) {
        system_power_off();
    }
    if (!strcmp(on_exit, "reset")) {
        system_reset();
    }
}
