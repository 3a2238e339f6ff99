/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/net/ip_setting.h"
#include "tests/host/net_world.h"
#include "tests/host/unit.h"

static ip_setting_t setting;

static void accept(const char *value) {
    CHECK(ip_setting_parse(value, &setting));
}

/* Behind a copy that ends where the heap does, nothing is read. */
static void refuse(const char *value) {
    char *copy = strdup(value);
    if (ip_setting_parse(copy, &setting)) {
        fprintf(stderr, "accepted: %s\n", value);
        abort();
    }
    free(copy);
}

static void check_text(const ip_addr_t *address, const char *text) {
    CHECK_TEXT(ipaddr_ntoa(address), text);
}

TEST(a_method_alone) {
    static const char *const on[] = { "dhcp", "on", "any" }, *const off[] = { "off", "none" };
    for (unsigned i = 0; i < 3; ++i) {
        accept(on[i]);
        CHECK(setting.dhcp && !setting.has_address && !setting.device[0]);
    }
    for (unsigned i = 0; i < 2; ++i) {
        accept(off[i]);
        CHECK(!setting.dhcp && !setting.has_address);
    }
}

TEST(a_method_of_a_device) {
    accept("eth12:dhcp");
    CHECK(setting.dhcp);
    CHECK_TEXT(setting.device, "eth12");
    accept("eth1:off");
    CHECK(!setting.dhcp);
}

TEST(all_fields_of_version_4) {
    accept("10.1.2.3:10.1.2.4:10.1.2.1:255.255.255.0:web-1:eth1:off:10.1.2.53:10.1.2.54");
    CHECK(setting.has_address && !setting.dhcp);
    check_text(&setting.address, "10.1.2.3");
    check_text(&setting.gateway, "10.1.2.1");
    CHECK_TEXT(ip4addr_ntoa(&setting.netmask), "255.255.255.0");
    CHECK_TEXT(setting.hostname, "web-1");
    CHECK_TEXT(setting.device, "eth1");
    check_text(&setting.dns[0], "10.1.2.53");
    check_text(&setting.dns[1], "10.1.2.54");
}

TEST(fields_may_be_empty) {
    accept("10.1.2.3:::8");
    CHECK(setting.has_address && !setting.dhcp);
    CHECK_TEXT(ip4addr_ntoa(&setting.netmask), "255.0.0.0");
    CHECK(ip_addr_isany(&setting.gateway) && ip_addr_isany(&setting.dns[0]));
    accept("10.1.2.3:::32:::dhcp");
    CHECK(setting.has_address && setting.dhcp);
    accept("::::web");
    CHECK(!setting.has_address && setting.dhcp);
    CHECK_TEXT(setting.hostname, "web");
    accept("::::web::off");
    CHECK(!setting.dhcp);
}

TEST(an_address_of_version_6_stands_in_brackets) {
    accept("[fd00::2]:::64::eth0:dhcp:[fd00::53]");
    CHECK(setting.has_address && setting.dhcp);
    check_text(&setting.address, "FD00::2");
    check_text(&setting.dns[0], "FD00::53");
}

TEST(what_makes_no_sense_is_refused) {
    static const char *const values[] = {
        "", ":", "no", "eth0:", "eth0:no", "a-name-that-is-too-long:dhcp",
        "10.1.2.3::", "10.1.2.3:::", "10.1.2.3:::0", "10.1.2.3:::33", "10.1.2.3:::255.0.255.0", "10.1.2.3:::24x",
        "10.1.2.3.4:::24", "x:::24", "10.1.2.3::x:24", "10.1.2.3:::24:::no", "10.1.2.3:::24:::off:x",
        "10.1.2.3:::24:::off:::", "10.1.2.3:::24:::off:1.1.1.1:2.2.2.2:", "10.1.2.3:::24::eth0eth0eth0eth0",
        "[fd00::2]:::63", "[fd00::2]::[fd00::1]:64", "[fd00::2:::64", "[fd00::2]x:::64", "10.1.2.3::[fd00::1]:24", "[", "[]",
        "::::sixty-four-characters-are-one-too-many-for-a-name-of-a-host-in-dns-1",
    };
    for (unsigned i = 0; i < sizeof(values) / sizeof(*values); ++i) {
        refuse(values[i]);
    }
    char longest[200];
    memset(longest, '1', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    refuse(longest);
}
