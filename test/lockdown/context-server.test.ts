/** A real server under a lock: HTTPS, a SQLite database on disk, Workers' pool, and what an intruder would try. */
import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, says } from "./locked.ts";

const REQUESTS = 1000;

test("an HTTPS server with a database serves, and an exec, a secret and an outgoing connection are refused", async () => {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "linden-server-")));
  try {
    const said = await says(
      `
      const { DatabaseSync } = await import("node:sqlite");
      const https = await import("node:https");
      const { pbkdf2 } = await import("node:crypto");
      const { promisify } = await import("node:util");
      const scratch = process.env.SCRATCH + "";
      const port = Number(process.env.PORT);
      if (!fs.existsSync(scratch + "/key")) {
        fs.mkdirSync(scratch + "/data");
        execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
          "-keyout", scratch + "/key", "-out", scratch + "/cert", "-subj", "/CN=localhost", "-days", "1"], { stdio: "pipe" });
      }
      const io = SystemIO.everything().allowIoctl()
        .allowReadPath(scratch).allowListDir(scratch)
        .allowWriteFile(scratch + "/data").allowCreateInDir(scratch + "/data").allowRemoveFile(scratch + "/data");
      const report = new SafetyContext()
        .enable(io)
        .enable(Networking.nothing().allowStartTcpServers().yesReally().allowStartTcpClients()
          .allowBindPort(port).allowConnectPort(port))
        .enable("geteuid").enable("getuid").enable("fchown")
        .applyToAllThreads({ restart: true });

      const [key, cert] = ["key", "cert"].map((name) => fs.readFileSync(scratch + "/" + name));
      const db = new DatabaseSync(scratch + "/data/visits.db");
      db.exec("pragma synchronous = off; create table visits (at integer, name text)");
      const insert = db.prepare("insert into visits values (?, ?)");
      const count = db.prepare("select count(*) as n from visits");
      const server = https.createServer({ key, cert }, async (request, response) => {
        insert.run(Date.now(), request.url + "");
        await promisify(pbkdf2)("password", "salt", 10, 16, "sha256"); // in libuv's pool
        response.end(JSON.stringify(count.get()));
      });
      await once(server.listen(port, "127.0.0.1"), "listening");
      say(server.listening);
      const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: cert });
      const get = () => new Promise((resolve, reject) => {
        https.get({ agent, host: "127.0.0.1", port, servername: "localhost", path: "/x" }, (response) => {
          let text = "";
          response.on("data", (part) => { text += part; }).on("end", () => resolve(JSON.parse(text).n));
        }).on("error", reject);
      });
      const answers = await Promise.all(Array.from({ length: ${REQUESTS} }, get));
      say([answers.length, Math.max(...answers as number[])]);
      say([
        attempt(() => execFileSync("/bin/true")),
        attempt(() => fs.readFileSync("/etc/shadow")),
        await attemptAsync(() => fs.promises.readFile("/etc/passwd")),
        await attemptAsync(() => once(net.connect(9, "127.0.0.1"), "connect")),
        attempt(() => fs.writeFileSync(scratch + "/key", "x")),
        raw(2, 2),
      ]);
      say([report.landlock?.threads, report.steps.length]);
      agent.destroy();
      server.close();
      server.closeAllConnections();
      function raw(family: number, type: number) { return namedCall("socket", family, type, 0); }`,
      { env: { SCRATCH: scratch, PORT: String(await freePort()) } },
    );
    assert.deepEqual(said, [
      true,
      [REQUESTS, REQUESTS],
      ["EPERM", "EACCES", "EACCES", "EACCES", "EACCES", -1],
      ["all threads", 3],
    ]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
