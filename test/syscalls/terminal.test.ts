/** ioctl(2) on terminals, as the C library makes it: struct termios and winsize in guest memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EBADF, EFAULT, EINVAL, ENOTTY, ENXIO, EPERM, ESRCH } from "../../src/abi/errno.ts";
import { O_RDWR } from "../../src/abi/fcntl.ts";
import * as ioctl from "../../src/abi/ioctl.ts";
import * as t from "../../src/abi/termios.ts";
import { OpenDescription } from "../../src/kernel/descriptors.ts";
import { Terminal } from "../../src/kernel/terminal.ts";
import { Guest } from "./guest.ts";

function onTerminal(): { readonly guest: Guest; readonly terminal: Terminal } {
  const guest = new Guest();
  const terminal = new Terminal(guest.kernel, guest.sink, { consumed() {} });
  const description = new OpenDescription(terminal.file, undefined, O_RDWR);
  for (const fd of [0, 1, 2]) guest.process.descriptors.place(fd, description);
  terminal.control(guest.process);
  return { guest, terminal };
}

function type(terminal: Terminal, text: string): void {
  terminal.feed(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
}

test("struct termios: 36 bytes, read as set, and what was set counts", () => {
  const { guest, terminal } = onTerminal();
  const at = guest.room(ioctl.TERMIOS_BYTES + 4);
  guest.memory.bytes.fill(0xee, at, at + 40);
  guest.must("ioctl", 0, ioctl.TCGETS, at);
  assert.equal(guest.u32(at + 36), 0xeeee_eeee);
  assert.deepEqual([guest.u32(at) & t.ICRNL, guest.u32(at + 4), guest.u32(at + 12)], [t.ICRNL, 5, 0o105073]);
  assert.equal(guest.memory.bytes[at + 17 + t.VINTR], 3);
  guest.memory.view.setUint32(at + 12, 0, true);
  guest.memory.bytes[at + 17 + t.VMIN] = 1;
  type(terminal, "typed ahead");
  guest.must("ioctl", 1, ioctl.TCSETS, at);
  const buffer = guest.room(16);
  assert.equal(guest.call("read", 0, buffer, 5), 5);
  guest.must("ioctl", 0, ioctl.TCSETSF, at);
  const count = guest.room(4);
  guest.must("ioctl", 0, ioctl.FIONREAD, count);
  assert.equal(guest.u32(count), 0);
  guest.must("ioctl", 2, ioctl.TCGETS, at);
  assert.equal(guest.u32(at + 12), 0);
  assert.equal(guest.call("ioctl", 0, ioctl.TCGETS, -4), -EFAULT);
  assert.equal(guest.call("ioctl", 0, ioctl.TCSETSW, -4), -EFAULT);
});

test("the window's size is told and set", () => {
  const { guest, terminal } = onTerminal();
  const at = guest.room(8);
  terminal.resize({ rows: 50, columns: 132 });
  guest.must("ioctl", 0, ioctl.TIOCGWINSZ, at);
  assert.deepEqual([guest.u32(at), guest.u32(at + 4)], [(132 << 16) | 50, 0]);
  guest.memory.view.setUint32(at, (90 << 16) | 30, true);
  guest.must("ioctl", 0, ioctl.TIOCSWINSZ, at);
  assert.deepEqual(terminal.window, { rows: 30, columns: 90 });
});

test("session and foreground group", () => {
  const { guest, terminal } = onTerminal();
  const at = guest.room(4);
  guest.must("ioctl", 0, ioctl.TIOCGSID, at);
  assert.equal(guest.u32(at), guest.process.session);
  guest.must("ioctl", 0, ioctl.TIOCGPGRP, at);
  assert.equal(guest.u32(at), guest.process.group);
  guest.must("ioctl", 0, ioctl.TIOCSPGRP, at);
  for (const [group, error] of [
    [4000, ESRCH],
    [-1, EINVAL],
  ] as const) {
    guest.memory.view.setInt32(at, group, true);
    assert.equal(guest.call("ioctl", 0, ioctl.TIOCSPGRP, at), -error);
  }
  assert.equal(terminal.foreground, guest.process.group);
  guest.must("ioctl", 0, ioctl.TIOCNOTTY, 0);
  assert.equal(guest.call("ioctl", 0, ioctl.TIOCGPGRP, at), -ENOTTY);
});

test("TIOCNOTTY of the leader is SIGHUP for the foreground, TIOCSCTTY takes the terminal back", () => {
  const { guest, terminal } = onTerminal();
  guest.process.dispositions[1] = 1;
  guest.must("ioctl", 0, ioctl.TIOCNOTTY, 0);
  assert.equal(guest.open("/dev/tty", O_RDWR), -ENXIO);
  guest.must("ioctl", 0, ioctl.TIOCSCTTY, 0);
  assert.equal(terminal.session, guest.process.session);
  const second = new Terminal(guest.kernel, guest.sink, { consumed() {} });
  const fd = guest.process.descriptors.install(new OpenDescription(second.file, undefined, O_RDWR), false);
  assert.equal(guest.call("ioctl", fd, ioctl.TIOCSCTTY, 0), -EPERM);
});

test("/dev/tty is the controlling terminal, whatever the descriptors are", () => {
  const { guest } = onTerminal();
  for (const fd of [0, 1, 2]) guest.must("close", fd);
  const fd = guest.open("/dev/tty", O_RDWR);
  assert.equal(guest.call("write", fd, guest.text("hi\n"), 3), 3);
  assert.equal(guest.sink.text, "hi\r\n");
  assert.equal(new Guest().open("/dev/tty", O_RDWR), -ENXIO);
});

test("flush and flow", () => {
  const { guest, terminal } = onTerminal();
  type(terminal, "line\n");
  guest.must("ioctl", 0, ioctl.TCFLSH, t.TCIFLUSH);
  assert.equal(terminal.input.held, 0);
  guest.must("ioctl", 0, ioctl.TCXONC, t.TCOOFF);
  assert.ok(terminal.output.stopped);
  guest.must("ioctl", 0, ioctl.TCXONC, t.TCOON);
  assert.ok(!terminal.output.stopped);
  assert.equal(guest.call("ioctl", 0, ioctl.TCFLSH, 7), -EINVAL);
  assert.equal(guest.call("ioctl", 0, ioctl.TCXONC, -1), -EINVAL);
});

test("what is no terminal says so; a stream that passes for one has a size and no session", () => {
  const plain = new Guest();
  const at = plain.room(64);
  for (const request of [ioctl.TCGETS, ioctl.TIOCGWINSZ, ioctl.TIOCGPGRP, ioctl.TCFLSH]) {
    assert.equal(plain.call("ioctl", 0, request, at), -ENOTTY);
    assert.equal(plain.call("ioctl", 77, request, at), -EBADF);
  }
  const passing = new Guest({ terminal: true });
  const there = passing.room(64);
  passing.must("ioctl", 0, ioctl.TCGETS, there);
  passing.must("ioctl", 0, ioctl.TIOCGWINSZ, there);
  assert.equal(passing.u32(there), (80 << 16) | 24);
  assert.equal(passing.call("ioctl", 0, ioctl.TIOCGPGRP, there), -ENOTTY);
});
