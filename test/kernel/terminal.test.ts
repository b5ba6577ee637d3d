import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, EIO } from "../../src/abi/errno.ts";
import { O_NONBLOCK } from "../../src/abi/fcntl.ts";
import { POLLHUP, POLLOUT } from "../../src/abi/poll.ts";
import { SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH } from "../../src/abi/signal.ts";
import * as t from "../../src/abi/termios.ts";
import { BLOCKED, RESTART } from "../../src/kernel/contracts.ts";
import { setForeground, takeTerminal } from "../../src/kernel/operations/terminals.ts";
import { DISPOSITION_IGNORE } from "../../src/kernel/process.ts";
import { restoreSnapshot } from "../../src/kernel/snapshot/restoration.ts";
import { takeSnapshot } from "../../src/kernel/snapshot/snapshot.ts";
import { Terminal } from "../../src/kernel/terminal.ts";
import { IMAGE, type RecordingProgram, recording, Sink, spawn, textAt } from "./simulated.ts";
import { child, onTerminal, reading, run, type, writing } from "./terminal-machine.ts";

/** Signals that wait because the process blocks them all: what it was sent. */
function listen(running: { readonly thread: { readonly mask: { setMask(low: number, high: number): void } } }): void {
  running.thread.mask.setMask(-1, -1);
}

test("newlines go out as CR and NL, and what does not fit is asked for again, once", () => {
  const one = onTerminal();
  assert.equal(writing(one, "a\nb\n"), 4);
  assert.equal(one.sink.text, "a\r\nb\r\n");
  one.terminal.settings.output = 0;
  assert.equal(writing(one, "a\n"), 2);
  assert.equal(one.sink.text, "a\r\nb\r\na\n");
});

test("a port that stops between CR and NL gets each byte once", () => {
  for (let room = 0; room < 8; room++) {
    const one = onTerminal(0, new Sink(room));
    const text = "a\n\nb\n";
    const outcome = writing(one, text);
    if (outcome === BLOCKED) {
      assert.equal(one.terminal.file.readiness() & POLLOUT, 0);
      for (let more = 0; more < 8; more++) {
        one.sink.room = 1;
        one.terminal.credited();
        run(one.made);
      }
      assert.deepEqual(one.program.resumed, [text.length]);
    }
    assert.equal(one.sink.text, "a\r\n\r\nb\r\n");
  }
});

test("long output arrives whole", () => {
  const one = onTerminal();
  const text = "0123456789\n".repeat(20_000);
  assert.equal(writing(one, text), text.length);
  assert.equal(one.sink.text, text.replaceAll("\n", "\r\n"));
});

test("echo waits for room and keeps its order before output", () => {
  const one = onTerminal(O_NONBLOCK, new Sink(2));
  type(one.terminal, "abcd");
  assert.equal(writing(one, "x"), -EAGAIN);
  one.sink.room = 100;
  one.terminal.credited();
  assert.equal(writing(one, "x"), 1);
  assert.equal(one.sink.text, "abcdx");
});

test("Ctrl-S holds output back, Ctrl-Q lets it go", () => {
  const one = onTerminal();
  type(one.terminal, "\x13");
  assert.equal(writing(one, "held"), BLOCKED);
  run(one.made);
  assert.equal(one.sink.text, "");
  type(one.terminal, "\x11");
  run(one.made);
  assert.equal(one.sink.text, "held");
  assert.deepEqual(one.program.resumed, [4]);
});

test("Ctrl-C, Ctrl-\\ and Ctrl-Z go to every process in the foreground and to no other", () => {
  const one = onTerminal();
  const [front, back] = [child(one, true), child(one, true)];
  const same = child(one, false);
  for (const each of [one, front, back, same]) listen(each);
  one.terminal.foreground = one.process.group;
  type(one.terminal, "typed\x03");
  assert.equal(one.sink.text, "typed^C");
  assert.equal(one.terminal.input.held, 0);
  assert.ok(one.process.signals.set.has(SIGINT) && same.process.signals.set.has(SIGINT));
  assert.ok(!front.process.signals.set.has(SIGINT) && !back.process.signals.set.has(SIGINT));
  one.terminal.foreground = front.process.group;
  type(one.terminal, "\x1c\x1a");
  assert.ok(front.process.signals.set.has(SIGQUIT) && front.process.signals.set.has(SIGTSTP));
  assert.ok(!back.process.signals.set.has(SIGQUIT) && !one.process.signals.set.has(SIGTSTP));
});

test("without ISIG they are bytes; NOFLSH keeps what was typed", () => {
  const one = onTerminal(O_NONBLOCK);
  listen(one);
  one.terminal.settings.local |= t.NOFLSH;
  type(one.terminal, "ab\x03\n");
  assert.equal(reading(one), "ab\n");
  one.terminal.settings.local &= ~t.ISIG;
  type(one.terminal, "\x03\n");
  assert.equal(reading(one), "\x03\n");
});

test("Ctrl-C ends a process that sleeps in read", () => {
  const one = onTerminal();
  assert.equal(reading(one), BLOCKED);
  type(one.terminal, "\x03");
  run(one.made);
  assert.deepEqual(one.made.exits, [{ pid: one.process.pid, status: { code: 0, signal: SIGINT } }]);
});

test("a new window size is told to the foreground, once", () => {
  const one = onTerminal();
  listen(one);
  assert.deepEqual(one.terminal.window, { rows: 24, columns: 80 });
  one.terminal.resize({ rows: 24, columns: 80 });
  assert.ok(!one.process.signals.set.has(SIGWINCH));
  one.terminal.resize({ rows: 50, columns: 132 });
  assert.ok(one.process.signals.set.has(SIGWINCH));
});

test("a background process that reads is stopped, and reads when it is in the foreground", () => {
  const one = onTerminal();
  const job = child(one, true);
  type(one.terminal, "line\n");
  assert.equal(reading(job), BLOCKED);
  assert.equal(job.process.stopped, SIGTTIN);
  run(one.made);
  assert.deepEqual(job.program.resumed, []);
  assert.equal(setForeground(one.thread, one.terminal, job.process.group), 0);
  one.made.kernel.signal(job.process, SIGCONT);
  run(one.made);
  assert.deepEqual(job.program.resumed, [RESTART]);
  assert.equal(reading(job), "line\n");
});

test("a reader that was moved to the background does not take what is typed for others", () => {
  const one = onTerminal();
  const job = child(one, true);
  one.terminal.foreground = job.process.group;
  assert.equal(reading(job), BLOCKED);
  type(one.terminal, "\x1a");
  assert.equal(job.process.stopped, SIGTSTP);
  one.terminal.foreground = one.process.group;
  one.made.kernel.signal(job.process, SIGCONT);
  type(one.terminal, "mine\n");
  run(one.made);
  assert.deepEqual(job.program.resumed, [RESTART]);
  assert.equal(reading(job), BLOCKED);
  assert.equal(job.process.stopped, SIGTTIN);
  assert.equal(reading(one), "mine\n");
});

test("a background reader that cannot be stopped gets EIO", () => {
  const one = onTerminal();
  const job = child(one, true);
  job.process.dispositions[SIGTTIN] = DISPOSITION_IGNORE;
  assert.equal(reading(job), -EIO);
  job.process.dispositions[SIGTTIN] = 0;
  listen(job);
  assert.equal(reading(job), -EIO);
  const orphan = child(one, true);
  orphan.process.parent = undefined;
  assert.equal(reading(orphan), -EIO);
});

test("background output is held back only with TOSTOP, changes always", () => {
  const one = onTerminal();
  const job = child(one, true);
  assert.equal(writing(job, "free"), 4);
  one.terminal.settings.local |= t.TOSTOP;
  assert.equal(writing(job, "held"), BLOCKED);
  assert.equal(job.process.stopped, SIGTTOU);
  assert.equal(one.sink.text, "free");
  const other = child(one, true);
  assert.equal(setForeground(other.thread, one.terminal, other.process.group), BLOCKED);
  assert.equal(one.terminal.foreground, one.process.group);
  const deaf = child(one, true);
  deaf.process.dispositions[SIGTTOU] = DISPOSITION_IGNORE;
  assert.equal(setForeground(deaf.thread, one.terminal, deaf.process.group), 0);
  assert.equal(one.terminal.foreground, deaf.process.group);
});

test("when the session's leader ends the foreground hears it and the terminal is dead", () => {
  const one = onTerminal();
  const job = child(one, true);
  one.terminal.foreground = job.process.group;
  const background = child(one, true);
  one.made.kernel.kill(one.process, 9);
  run(one.made);
  assert.deepEqual(
    one.made.exits.map(({ pid, status }) => [pid, status.signal]),
    [
      [one.process.pid, 9],
      [job.process.pid, SIGHUP],
    ],
  );
  assert.equal(reading(background), 0);
  assert.equal(writing(background, "x"), -EIO);
  assert.equal(one.made.kernel.terminals.size, 0);
});

test("a line that is cut is SIGHUP for the leader, the end for readers", () => {
  const one = onTerminal();
  listen(one);
  assert.equal(reading(one), BLOCKED);
  one.terminal.hangUp();
  run(one.made);
  assert.ok(one.process.signals.set.has(SIGHUP));
  assert.deepEqual(one.program.resumed, [0]);
  assert.equal(one.terminal.file.readiness() & POLLHUP, POLLHUP);
});

test("only a session's leader without a terminal can take one, and only a free one", () => {
  const one = onTerminal();
  const free = new Terminal(one.made.kernel, new Sink(), { consumed() {} });
  assert.equal(takeTerminal(one.thread, one.terminal), 0);
  assert.ok(takeTerminal(one.thread, free) < 0);
  const other = spawn(one.made);
  assert.ok(takeTerminal(other.thread, one.terminal) < 0);
  assert.equal(takeTerminal(other.thread, free), 0);
  assert.equal(free.session, other.process.session);
});

test("a terminal comes back from a snapshot as it was, a waiting reader with it", () => {
  const one = onTerminal();
  const { terminal, made } = one;
  terminal.settings.local &= ~t.ECHO;
  terminal.resize({ rows: 40, columns: 100 });
  type(terminal, "first\nsec");
  assert.equal(reading(one, 3), "fir");
  const job = child(one, true);
  terminal.foreground = job.process.group;
  terminal.flow(true);
  assert.equal(writing(job, "held"), BLOCKED);
  const snapshot = takeSnapshot(made.kernel);
  const sink = new Sink();
  const programs: RecordingProgram[] = [];
  const restored = restoreSnapshot(structuredClone(snapshot), {
    host: made.host,
    mounts: made.kernel.mounts,
    loader: recording(programs),
    inode: (mount) => mount.fs.root,
    stream: () => assert.fail("there is no plain stream"),
    terminal: (kernel) => new Terminal(kernel, sink, { consumed() {} }),
    image: () => IMAGE,
  });
  assert.deepEqual(takeSnapshot(restored).terminals, [
    { ...terminal.state(), ino: takeSnapshot(restored).terminals[0]?.ino },
  ]);
  const copy = restored.terminals.get(one.process.session);
  assert.ok(copy);
  copy.foreground = one.process.group;
  type(copy, "ond\n");
  type(copy, "\x11");
  made.host.run(restored);
  assert.equal(sink.text, "held");
  assert.deepEqual(programs[1]?.resumed, [4]);
  const process = restored.process(one.process.pid);
  const [thread] = process?.threads ?? [];
  const [program] = programs;
  assert.ok(process && thread && program);
  const again = { process, thread, program };
  assert.equal(reading(again), "st\n");
  assert.equal(reading(again), "second\n");
  assert.equal(textAt(again, 0, 7), "second\n");
  assert.equal(reading(again), BLOCKED);
  type(copy, "\x03");
  made.host.run(restored);
  assert.equal(process.status?.signal, SIGINT);
});
