# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""For gdb (`gdb -x`): py-bt and py-locals show the Python functions that run in the guest.

MicroPython keeps no list of them. Each run of mp_execute_bytecode() has an nlr_buf_t in the chain
of what catches exceptions, with the registers that it had then (py/nlrx64.c). In one of these, or
in its frame on the stack, lies a pointer to its mp_code_state_t, and that names the function. The
chain can be followed wherever the guest stands still: in an interrupt, behind machine code.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import gdb

_RIP, _RBP, _RSP, _RBX = range(4)
_REGISTERS = 8
_WORD = 8
_FRAME_MAX = 1024
"""No frame of mp_execute_bytecode() has as many bytes."""
_BYTECODE_MAX = 1 << 20
_CHAIN_MAX = 10_000


def _address(symbol: str) -> int:
    return int(gdb.parse_and_eval(f"&{symbol}"))


def _at(address: int, type_name: str) -> gdb.Value:
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer()).dereference()


def _words(address: int, count: int) -> tuple[int, ...]:
    data = gdb.selected_inferior().read_memory(address, count * _WORD)
    return struct.unpack(f"<{count}Q", bytes(data))


class Reader:
    """Takes numbers out of memory, from `at` on."""

    def __init__(self, at: int) -> None:
        self.at = at

    def byte(self) -> int:
        """One byte."""
        self.at += 1
        return bytes(gdb.selected_inferior().read_memory(self.at - 1, 1))[0]

    def bytes_until(self, end: int) -> bytes:
        """All up to an address."""
        size, start = end - self.at, self.at
        self.at = end
        return bytes(gdb.selected_inferior().read_memory(start, size)) if size > 0 else b""

    def number(self) -> int:
        """As mp_decode_uint(): seven bits a byte, the highest first."""
        number = 0
        while (byte := self.byte()) & 0x80:
            number = number << 7 | byte & 0x7F
        return number << 7 | byte


def qstr(number: int) -> str:
    """The text of an interned string."""
    pool = gdb.parse_and_eval("mp_state_ctx.vm.last_pool")
    while int(pool) and number < int(pool["total_prev_len"]):
        pool = pool["prev"]
    return str(pool["qstrs"][number - int(pool["total_prev_len"])].string(errors="replace"))


@dataclass
class Prelude:
    """What stands before a function's bytecode: py/bc.h."""

    n_state: int
    names: list[int]
    """Of the function and its arguments: where in the table of qstrs."""
    lines: bytes
    code: int

    @classmethod
    def read(cls, at: int) -> "Prelude":
        """Decode it, from `at` on: MP_BC_PRELUDE_SIG_DECODE and MP_BC_PRELUDE_SIZE_DECODE."""
        reader = Reader(at)
        byte = reader.byte()
        state, positional, keyword, n = byte >> 3 & 0xF, byte & 3, 0, 0
        while byte & 0x80:
            byte = reader.byte()
            state |= (byte & 0x30) << 2 * n
            positional |= (byte & 4) << n
            keyword |= (byte >> 3 & 1) << n
            n += 1
        info = cells = n = 0
        while True:
            byte = reader.byte()
            cells |= (byte & 1) << n
            info |= (byte >> 1 & 0x3F) << 6 * n
            n += 1
            if not byte & 0x80:
                break
        end = reader.at + info
        names = [reader.number() for _ in range(1 + positional + keyword)]
        return cls(state + 1, names, reader.bytes_until(end), end + cells)

    def line(self, offset: int) -> int:
        """The line of the source at an offset into the bytecode."""
        line, at = 1, 0
        while at < len(self.lines):
            c = self.lines[at]
            if c & 0x80:
                skip, step = c & 0xF, (c << 4 & 0x700) | self.lines[at + 1]
                at += 2
            else:
                skip, step = c & 0x1F, c >> 5
                at += 1
            if offset < skip:
                break
            offset -= skip
            line += step
        return line


@dataclass
class Frame:
    """A Python function that runs."""

    state: gdb.Value
    prelude: Prelude

    @classmethod
    def read(cls, address: int) -> "Frame | None":
        """The frame whose mp_code_state_t lies there; None if what lies there is something else."""
        if address % _WORD:
            return None
        try:
            state = _at(address, "mp_code_state_t")
            function = state["fun_bc"].dereference()
            kinds = [_address("mp_type_fun_bc"), _address("mp_type_gen_wrap")]
            if int(function["base"]["type"]) not in kinds:
                return None
            bytecode = int(function["bytecode"])
            if not bytecode <= int(state["ip"]) < bytecode + _BYTECODE_MAX:
                return None
            frame = cls(state, Prelude.read(bytecode))
        except gdb.MemoryError:
            return None
        return frame if int(state["n_state"]) == frame.prelude.n_state else None

    def _qstr(self, index: int) -> str:
        return qstr(int(self.state["fun_bc"]["context"]["constants"]["qstr_table"][index]))

    def name(self, index: int) -> str:
        """0: the function's, then those of its arguments."""
        return self._qstr(self.prelude.names[index])

    def __str__(self) -> str:
        line = self.prelude.line(int(self.state["ip"]) - self.prelude.code)
        return f'File "{self._qstr(0)}", line {line}, in {self.name(0)}'

    def locals(self) -> Iterator[tuple[str, int]]:
        """Names and values. The bytecode knows the names of arguments only; behind them come other
        variables, and what is being computed."""
        arguments = len(self.prelude.names) - 1
        first = int(self.state["sp"]) + _WORD
        last = int(self.state["state"].address) + (self.prelude.n_state - 1) * _WORD
        for index in range((last - first) // _WORD + 1):
            (value,) = _words(last - index * _WORD, 1)
            if value:
                yield self.name(index + 1) if index < arguments else f"(slot {index})", value


def _is_of_vm(rip: int) -> bool:
    block = gdb.block_for_pc(rip - 1)  # The call comes before the address to which it returns.
    while block is not None:
        if block.function is not None and block.function.name == "mp_execute_bytecode":
            return True
        block = block.superblock
    return False


def _frame_of(registers: tuple[int, ...]) -> Frame | None:
    rbp, rsp = registers[_RBP], registers[_RSP]
    size = max(0, min(rbp - rsp, _FRAME_MAX)) // _WORD
    words = _words(rbp - size * _WORD, size) if size else ()
    # Nearest to the frame pointer first: below lie what was spilt later, and left over.
    for word in (*registers[_RBX:], *reversed(words)):
        frame = Frame.read(word)
        if frame is not None:
            return frame
    return None


def frames() -> Iterator[Frame | None]:
    """What runs, the innermost first; None for a run of the VM whose function is not found."""
    at = int(gdb.parse_and_eval("mp_state_ctx.thread.nlr_top"))
    for _ in range(_CHAIN_MAX):
        if not at:
            return
        before, _exception, *registers = _words(at, 2 + _REGISTERS)
        if _is_of_vm(registers[_RIP]):
            yield _frame_of(tuple(registers))
        at = before


def describe(value: int) -> str:
    """An object, as far as a few words of memory tell: representation A of py/obj.h."""
    if value & 1:
        return str((value - (1 << 64) if value >> 63 else value) >> 1)
    if value & 7 == 2:
        return repr(qstr(value >> 3))
    if value & 7 == 6:
        return {0: "None", 1: "False", 3: "True"}.get(value >> 3, "?")
    try:
        kind = int(_at(value, "mp_obj_base_t")["type"])
        if kind == _address("mp_type_cell"):
            inner = _words(value, 2)[1]
            return describe(inner) if inner else "(not set)"
        if kind in (_address("mp_type_str"), _address("mp_type_bytes")):
            text = _at(value, "mp_obj_str_t")
            data = bytes(gdb.selected_inferior().read_memory(int(text["data"]), int(text["len"])))
            return repr(data if kind == _address("mp_type_bytes") else data.decode())
        if kind == _address("mp_type_float"):
            return repr(struct.unpack("<d", struct.pack("<Q", _words(value, 2)[1]))[0])
        return f"<{qstr(int(_at(kind, 'mp_obj_type_t')['name']))} at {value:#x}>"
    except (gdb.error, UnicodeDecodeError):
        return f"<{value:#x}>"


def _collect() -> list[Frame | None]:
    try:
        return list(frames())
    except gdb.MemoryError:
        raise gdb.GdbError("The interpreter has no memory yet: the guest boots.") from None


class PyBt(gdb.Command):  # type: ignore[misc]
    """py-bt: the Python functions that run, the innermost first. Machine code that the native
    emitter made has none; `bt` has those of C."""

    def __init__(self) -> None:
        super().__init__("py-bt", gdb.COMMAND_STACK)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """For gdb."""
        found = _collect()
        print("Traceback (most recent call first):" if found else "No Python function runs.")
        for place, frame in enumerate(found):
            print(f"#{place}  {frame or '(a function that is not found)'}")


class PyLocals(gdb.Command):  # type: ignore[misc]
    """py-locals [N]: the variables of function #N of py-bt, 0 unless given. Only the names of
    arguments are known."""

    def __init__(self) -> None:
        super().__init__("py-locals", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """For gdb."""
        found = _collect()
        number = argument.strip() or "0"
        frame = found[int(number)] if number.isdecimal() and int(number) < len(found) else None
        if frame is None:
            raise gdb.GdbError(f"py-bt shows no function #{number}.")
        print(frame)
        for name, value in frame.locals():
            print(f"  {name} = {describe(value)}")


PyBt()
PyLocals()
