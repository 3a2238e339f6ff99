# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Asks whether WebREPL is to start at the boot, and for its password: micropython-lib's.

Importing it asks. It writes boot.py and webrepl_cfg.py in the current directory.
"""


def main():
    try:
        with open("boot.py") as file:
            text = file.read()
    except OSError:
        text = ""
    ours = "import webrepl\nwebrepl.start()\n"
    is_on = ours in text
    print("WebREPL at the boot:", "on" if is_on else "off")
    answer = input("(E)nable or (D)isable it, or leave it? ").upper()
    if answer == "E":
        password = input("New password (empty: as it was): ")
        if password and (len(password) < 4 or password != input("Again: ")):
            print("Too short, or not the same.")
            return
        if password:
            with open("webrepl_cfg.py", "w") as file:
                file.write(f"PASS = {password!r}\n")
    if answer == ("D" if is_on else "E"):
        with open("boot.py", "w") as file:
            file.write(text.replace(ours, "") if is_on else ours + text)


main()
