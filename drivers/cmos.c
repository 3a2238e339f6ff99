/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "drivers/cmos.h"

#define PORT_INDEX 0x70
#define PORT_DATA 0x71

/* Registers: MC146818A, table 4 and "Registers"; the century is ACPI's CENTURY convention. */
enum {
    SECONDS = 0x00,
    MINUTES = 0x02,
    HOURS = 0x04,
    DAY = 0x07,
    MONTH = 0x08,
    YEAR = 0x09,
    REGISTER_A = 0x0a,
    UPDATE_IN_PROGRESS = 0x80,
    REGISTER_B = 0x0b,
    BINARY = 0x04,
    CENTURY = 0x32,
};

/* An update takes 2.3 ms at most (MC146818A, "Update cycle"); a read takes 1 us or more. */
#define UPDATE_POLLS 10000

typedef struct _cmos_time_t {
    uint8_t second, minute, hour, day, month, year, century;
} cmos_time_t;

static uint8_t read(uint8_t index) {
    out8(PORT_INDEX, index);
    return in8(PORT_DATA);
}

static cmos_time_t read_registers(void) {
    for (unsigned i = 0; i < UPDATE_POLLS && read(REGISTER_A) & UPDATE_IN_PROGRESS; ++i) {
        cpu_relax();
    }
    return (cmos_time_t) {
        read(SECONDS), read(MINUTES), read(HOURS), read(DAY), read(MONTH), read(YEAR), read(CENTURY)
    };
}

static bool same(const cmos_time_t *a, const cmos_time_t *b) {
    return a->second == b->second && a->minute == b->minute && a->hour == b->hour
           && a->day == b->day && a->month == b->month && a->year == b->year && a->century == b->century;
}

/* Days from 1970-01-01 to the given date of the Gregorian calendar. */
static int64_t days_since_1970(int year, int month, int day) {
    // Years that begin in March have their leap day at the end.
    int y = month <= 2 ? year - 1 : year;
    int m = month <= 2 ? month + 9 : month - 3;
    int64_t day_of_year = (153 * m + 2) / 5 + day - 1;
    int64_t days = 365ll * y + y / 4 - y / 100 + y / 400 + day_of_year;
    return days - 719468; // 1970-01-01 by the same count.
}

static int decode(uint8_t value, bool binary) {
    return binary ? value : (value >> 4) * 10 + (value & 0x0f);
}

bool cmos_read_time(int64_t *seconds) {
    // Two equal readings, so that no update came between their registers.
    cmos_time_t now = read_registers(), again = read_registers();
    for (unsigned i = 0; i < 10 && !same(&now, &again); ++i) {
        now = again;
        again = read_registers();
    }
    // Bit 1, 24-hour mode, is not believed: Cloud Hypervisor leaves it 0 and counts to 23.
    bool binary = read(REGISTER_B) & BINARY;
    int second = decode(now.second, binary), minute = decode(now.minute, binary);
    int hour = decode(now.hour, binary);
    int day = decode(now.day, binary), month = decode(now.month, binary);
    int century = decode(now.century, binary);
    int year = decode(now.year, binary) + (century >= 19 && century <= 99 ? century : 20) * 100;
    if (!same(&now, &again) || second > 59 || minute > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12) {
        return false;
    }
    *seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}
