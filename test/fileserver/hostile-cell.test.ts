/** A broken-out cell on the line: the server answers an errno or ends, and serves nothing it should not. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EBADF, EINVAL, ENFILE } from "../../src/abi/errno.ts";
import { emptyHostAttributes, OPEN_READ } from "../../src/fs/hostfs/host-directory.ts";
import { FILE_LINE_BYTES, HOST_HANDLES } from "../../src/limits.ts";
import { FILE_CALL, FILE_HEADER_BYTES, FrameWriter } from "../../src/wire/file-line.ts";
import { Served } from "./served.ts";

const bytes = (text: string) => text as ByteString;
const EX_PROTOCOL = 76;
let served: Served;

beforeEach(() => {
  served = new Served({ below: "inside" });
  writeFileSync(join(served.base, "outside.txt"), "SECRET");
  writeFileSync(join(served.path, "f"), "text");
});
afterEach(() => served.dispose());

function frame(call: number, root: number, fill: (out: FrameWriter) => void = () => {}): Uint8Array {
  const out = new FrameWriter(new Uint8Array(16_384));
  out.begin();
  fill(out);
  return out.buffer.subarray(0, out.endRequest(1, call, root, 0));
}

function send(data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    try {
      at += writeSync(served.socket, data, at, data.length - at);
    } catch (error) {
      // The server hung up in the midst of it, as it may.
      if ((error as NodeJS.ErrnoException).code === "EPIPE" || (error as NodeJS.ErrnoException).code === "ECONNRESET")
        return;
      throw error;
    }
  }
}

/** The next reply's status and fields. */
function receive(): { status: number; fields: Buffer } {
  const take = (length: number) => {
    const into = Buffer.alloc(length);
    for (let at = 0; at < length; ) {
      const got = readSync(served.socket, into, at, length - at, null);
      assert.ok(got > 0, "the server hung up");
      at += got;
    }
    return into;
  };
  const header = take(FILE_HEADER_BYTES);
  return { status: header.readInt32LE(8), fields: take(header.readUInt32LE(0)) };
}

async function endsWith(code: number): Promise<void> {
  assert.equal(await served.exit(), code);
  assert.equal(readFileSync(join(served.base, "outside.txt"), "latin1"), "SECRET");
  assert.deepEqual(readdirSync(served.path), ["f"]);
}

describe("garbage on the line", () => {
  it("ends the service: random bytes", async () => {
    let seed = 99;
    const garbage = Uint8Array.from({ length: 4096 }, () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed >>> 24;
    });
    send(garbage);
    await endsWith(EX_PROTOCOL);
  });

  it("ends the service: a frame longer than any may be, before its bytes are awaited", async () => {
    const header = new Uint8Array(FILE_HEADER_BYTES);
    new DataView(header.buffer).setUint32(0, FILE_LINE_BYTES + 1, true);
    send(header);
    const ended = new Promise((resolve) => served.child.once("exit", resolve));
    assert.equal(await ended, EX_PROTOCOL);
  });

  it("ends the service: calls and directories that are not there", async () => {
    send(frame(999, 0));
    await endsWith(EX_PROTOCOL);
    served.dispose();
    served = new Served({ below: "inside" });
    writeFileSync(join(served.base, "outside.txt"), "SECRET");
    writeFileSync(join(served.path, "f"), "text");
    send(frame(FILE_CALL.LOOKUP, 1, (out) => out.text(bytes("f"))));
    await endsWith(EX_PROTOCOL);
  });

  it("is nothing but the end when a frame is cut off, or nobody waits for the reply", async () => {
    send(frame(FILE_CALL.UNLINK, 0, (out) => out.text(bytes("f"))).subarray(0, -1));
    await endsWith(0);
    served.dispose();
    served = new Served({ below: "inside" });
    send(frame(FILE_CALL.LOOKUP, 0, (out) => out.text(bytes(""))));
    assert.equal(await served.exit(), 0);
  });
});

/** Every call, well-formed but for one thing. None may be carried out. */
const MALFORMED: readonly (readonly [string, number, (out: FrameWriter) => void])[] = [
  ["a path that climbs", FILE_CALL.UNLINK, (out) => out.text(bytes("../outside.txt"))],
  [
    "an absolute path",
    FILE_CALL.OPEN,
    (out) => {
      out.text(bytes("/etc/passwd"));
      out.u8(1);
    },
  ],
  ["a path with a NUL", FILE_CALL.UNLINK, (out) => out.text(bytes("f\0"))],
  [
    "a name that is too long",
    FILE_CALL.MKDIR,
    (out) => {
      out.text(bytes("n".repeat(256)));
      out.u16(0o755);
    },
  ],
  ["no path where one must be", FILE_CALL.RMDIR, (out) => out.text(bytes(""))],
  [
    "a text longer than its frame",
    FILE_CALL.UNLINK,
    (out) => {
      out.u16(4000);
      out.u8(102);
    },
  ],
  [
    "something left over",
    FILE_CALL.UNLINK,
    (out) => {
      out.text(bytes("f"));
      out.u8(0);
    },
  ],
  [
    "something left over after a handle",
    FILE_CALL.CLOSE,
    (out) => {
      out.u32(0);
      out.u8(0);
    },
  ],
  [
    "a link to nothing",
    FILE_CALL.SYMLINK,
    (out) => {
      out.text(bytes("l"));
      out.text(bytes(""));
    },
  ],
  [
    "a link with a NUL",
    FILE_CALL.SYMLINK,
    (out) => {
      out.text(bytes("l"));
      out.text(bytes("a\0b"));
    },
  ],
  [
    "a size over 2^53",
    FILE_CALL.CHANGE,
    (out) => {
      out.text(bytes("f"));
      out.u8(2);
      out.u32(0);
      out.u32(0x20_0000);
    },
  ],
  [
    "unknown changes",
    FILE_CALL.CHANGE,
    (out) => {
      out.text(bytes("f"));
      out.u8(0x80);
    },
  ],
  [
    "a second with too many nanoseconds",
    FILE_CALL.CHANGE,
    (out) => {
      out.text(bytes("f"));
      out.u8(8);
      out.time(1, 1e9);
    },
  ],
  [
    "a rename to nowhere",
    FILE_CALL.RENAME,
    (out) => {
      out.text(bytes("f"));
      out.text(bytes(".."));
      out.u8(0);
    },
  ],
  ["fields missing", FILE_CALL.READ, (out) => out.u32(1)],
];

describe("a malformed request", () => {
  for (const [what, call, fill] of MALFORMED) {
    it(`is not carried out, and ends the service: ${what}`, async () => {
      send(frame(call, 0, fill));
      await endsWith(EX_PROTOCOL);
    });
  }
});

describe("handles", () => {
  it("that were never given, or given back, mean nothing", () => {
    const opened = served.host.open(bytes("f"), OPEN_READ);
    assert.ok(typeof opened === "object");
    const out = emptyHostAttributes();
    assert.equal(served.host.attributes(opened.handle, out), 0);
    served.host.close(opened.handle);
    const again = served.host.open(bytes("f"), OPEN_READ);
    assert.ok(typeof again === "object");
    assert.notEqual(again.handle, opened.handle);
    const data = Buffer.from("x");
    for (const handle of [opened.handle, 0xffff_ffff, 1023, again.handle + 1, again.handle + 1024]) {
      assert.equal(served.host.attributes(handle, out), -EBADF, `${handle}`);
      assert.equal(served.host.list(handle, false), -EBADF);
      assert.equal(served.host.sync(handle, false), -EBADF);
      assert.equal(served.host.write(handle, 0, data, 0, 1, out), -EBADF);
      assert.equal(served.host.read(handle, 0, new Uint8Array(1), 0, 1), -EBADF);
      assert.equal(served.host.change(handle, { size: 0 }, out), -EBADF);
      served.host.close(handle);
    }
    assert.equal(served.host.attributes(again.handle, out), 0);
    // What was opened to be read is neither written nor listed.
    assert.equal(served.host.write(again.handle, 0, data, 0, 1, out), -EBADF);
    assert.equal(served.host.list(again.handle, false), -EBADF);
    assert.equal(served.host.allocate(again.handle, 0, 10, out), -EBADF);
    assert.equal(served.hostText("f"), "text");
  });

  it("are bounded, and all of them come back", () => {
    const handles: number[] = [];
    for (;;) {
      const opened = served.host.open(bytes("f"), OPEN_READ);
      if (typeof opened === "number") {
        assert.equal(opened, -ENFILE);
        break;
      }
      handles.push(opened.handle);
    }
    assert.equal(handles.length, HOST_HANDLES);
    assert.equal(served.host.create(bytes("g"), 0o600), -ENFILE);
    assert.deepEqual(readdirSync(served.path), ["f"]);
    for (const handle of handles) served.host.close(handle);
    assert.equal(typeof served.host.open(bytes("f"), OPEN_READ), "object");
  });
});

describe("calls that fail half way", () => {
  it("leave no descriptor open in the server", () => {
    const { host } = served;
    const out = emptyHostAttributes();
    const open = () => readdirSync(`/proc/${served.child.pid}/fd`).length;
    mkdirSync(join(served.path, "d"));
    symlinkSync("f", join(served.path, "l"));
    execFileSync("mkfifo", [join(served.path, "p")]);
    assert.equal(host.attributes(bytes("f"), out), 0);
    const before = open();
    for (let round = 0; round < 20; round++) {
      for (const name of ["f", "d", "l", "p", "none", "f/x", "l/x", "d/none/x", ".bashrc"]) {
        const path = bytes(name);
        for (const what of [1, 2, 3, 4]) {
          const opened = host.open(path, what);
          if (typeof opened === "object") host.close(opened.handle);
        }
        host.change(path, { mode: 0o644, mtime: { seconds: 1, nanoseconds: 1 } }, out);
        host.change(path, { size: 1 }, out);
        host.readlink(path);
        host.link(path, bytes("d"), out);
        host.rename(path, bytes("none/x"), 0);
        host.rename(path, bytes("d/x/y"), 0);
        host.mkdir(path, 0o755, out);
        host.symlink(bytes(`${name}/deeper`), path, out);
        const made = host.create(bytes("f"), 0o600);
        assert.ok(typeof made === "number");
      }
    }
    assert.equal(open(), before);
  });
});

describe("requests that ask for too much", () => {
  it("are answered EINVAL, and the service goes on", () => {
    const opened = served.host.open(bytes("f"), OPEN_READ);
    assert.ok(typeof opened === "object");
    send(
      frame(FILE_CALL.READ, 0, (out) => {
        out.u32(opened.handle);
        out.u53(0);
        out.u32(0xffff_ffff);
      }),
    );
    assert.equal(receive().status, -EINVAL);
    send(
      frame(FILE_CALL.OPEN, 0, (out) => {
        out.text(bytes("f"));
        out.u8(255);
      }),
    );
    assert.equal(receive().status, -EINVAL);
    send(
      frame(FILE_CALL.RENAME, 0, (out) => {
        out.text(bytes("f"));
        out.text(bytes("g"));
        out.u8(4);
      }),
    );
    assert.equal(receive().status, -EINVAL);
    send(frame(FILE_CALL.LOOKUP, 0, (out) => out.text(bytes("f"))));
    assert.equal(receive().status, 0);
  });

  it("wait when nobody reads the replies: a flood holds the cell up, and grows nothing", () => {
    const lookup = frame(FILE_CALL.LOOKUP, 0, (out) => out.text(bytes("f")));
    const many = Buffer.concat(Array.from({ length: 500 }, () => lookup));
    send(many);
    for (let n = 0; n < 500; n++) assert.equal(receive().status, 0);
  });
});
