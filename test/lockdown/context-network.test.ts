/** TCP, UDP and Unix sockets, servers and clients: what runs goes on, what was not allowed cannot start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { says } from "./locked.ts";

const ECHO = `
const echo = net.createServer((socket) => socket.on("error", () => {}).pipe(socket));
await once(echo.listen(0, "127.0.0.1"), "listening");
const port = (echo.address() as net.AddressInfo).port;
const listen = (where: net.ListenOptions) => attemptAsync(async () => {
  const server = net.createServer();
  await once(server.listen(where), "listening");
  server.close();
});
const bindUdp = () => attemptAsync(async () => {
  const socket = dgram.createSocket("udp4");
  try { socket.bind(0, "127.0.0.1"); await once(socket, "listening"); } finally { socket.close(); }
});
const connect = () => attemptAsync(async () => {
  const socket = net.connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.end("hi");
  const [data] = await once(socket, "data");
  return String(data);
});
const raw = (family: number, type: number) => {
  const answer = namedCall("socket", family, type, 0);
  if (answer >= 0) fs.closeSync(answer);
  return answer >= 0 ? "made" : answer;
};
`;

test("TCP: a running server and its clients go on; no socket, bind or connect is new", async () => {
  const said = await says(`${ECHO}
    const client = net.connect(port, "127.0.0.1");
    await once(client, "connect");
    new SafetyContext().enable(stdio()).enable(Networking.nothing().allowRunningTcpServers()).applyToAllThreads();
    client.write("hello");
    say(String((await once(client, "data"))[0]));
    say([await listen({ port: 0, host: "127.0.0.1" }), await connect(), await bindUdp(), raw(2, 1)]);
    client.destroy();
    echo.close();`);
  assert.deepEqual(said, ["hello", ["EPERM", "EPERM", "EPERM", -1]]);
});

test("TCP: running clients accept nobody", async () => {
  const said = await says(
    `${ECHO}
    const client = net.connect(port, "127.0.0.1");
    await once(client, "connect");
    await once(echo, "connection").catch(() => {});
    new SafetyContext().enable(stdio()).enable(Networking.nothing().allowRunningTcpClients()).applyToAllThreads();
    client.write("hello");
    say(String((await once(client, "data"))[0]));
    say([namedCall("accept4", 3, null, null, 0), namedCall("listen", 3, 1), namedCall("bind", 3, null, 0)]);
    client.destroy();
    echo.close();`.replace('await once(echo, "connection").catch(() => {});', ""),
  );
  assert.deepEqual(said, ["hello", [-1, -1, -1]]);
});

test("TCP: new clients connect and send; no server starts, no UDP, no Unix, no raw socket", async () => {
  const said = await says(`${ECHO}
    new SafetyContext()
      .enable(stdio())
      .enable(Networking.nothing().allowStartTcpClients().allowRunningTcpServers())
      .applyToAllThreads();
    say([await connect(), await listen({ port: 0, host: "127.0.0.1" }), await bindUdp(), raw(1, 1), raw(2, 3), raw(17, 3)]);
    echo.close();`);
  assert.deepEqual(said, [["hi", "EPERM", "EPERM", -1, -1, -1]]);
});

test("TCP: new servers start, on both families, twice; no UDP and no Unix server does", async () => {
  const said = await says(`${ECHO}
    echo.close();
    new SafetyContext()
      .enable(stdio())
      .enable(Networking.nothing().allowStartTcpServers().yesReally())
      .applyToAllThreads();
    for (const host of ["127.0.0.1", "127.0.0.1", "::1"]) say(await listen({ port: 0, host }));
    say([await bindUdp(), await listen({ path: "\\0linden-context" }), raw(2, 2), raw(1, 1), await connect()]);`);
  assert.deepEqual(said.slice(0, 2), ["done", "done"]);
  assert.ok(said[2] === "done" || said[2] === "EADDRNOTAVAIL" || said[2] === "EAFNOSUPPORT", String(said[2]));
  assert.deepEqual(said[3], ["EPERM", "EPERM", -1, -1, "EPERM"]);
});

test("UDP: bound sockets go on; no new one is bound", async () => {
  const said = await says(`${ECHO}
    echo.close();
    const [a, b] = [dgram.createSocket("udp4"), dgram.createSocket("udp4")];
    for (const socket of [a, b]) { socket.bind(0, "127.0.0.1"); await once(socket, "listening"); }
    new SafetyContext().enable(stdio()).enable(Networking.nothing().allowRunningUdpSockets()).applyToAllThreads();
    const arrived = once(b, "message");
    a.send("message", b.address().port, "127.0.0.1");
    say(String((await arrived)[0]));
    say([await bindUdp(), raw(2, 2), await listen({ port: 0, host: "127.0.0.1" })]);
    a.close();
    b.close();`);
  assert.deepEqual(said, ["message", ["EPERM", -1, "EPERM"]]);
});

test("UDP: new sockets are bound; no TCP server starts", async () => {
  const said = await says(`${ECHO}
    echo.close();
    new SafetyContext()
      .enable(stdio())
      .enable(Networking.nothing().allowStartUdpServers().yesReally())
      .applyToAllThreads();
    say([await bindUdp(), await bindUdp(), await listen({ port: 0, host: "127.0.0.1" }), raw(2, 1)]);
    say([raw(10, 2), await listen({ port: 0, host: "::1" }), raw(10, 1)]);`);
  assert.deepEqual(said[0], ["done", "done", "EPERM", -1]);
  const [udp6, ...tcp6] = said[1] as unknown[];
  assert.ok(udp6 === "made" || udp6 === -97, String(udp6)); // EAFNOSUPPORT: a machine without IPv6
  assert.deepEqual(tcp6, ["EPERM", -1]);
});

test("Unix: new servers start and serve a client that was there; no TCP, no UDP", async () => {
  const said = await says(`${ECHO}
    echo.close();
    const place = fs.mkdtempSync(TEMPORARY) + "/socket";
    new SafetyContext()
      .enable(stdio())
      .enable(Networking.nothing().allowStartUnixServers().yesReally().allowConnect().yesReally())
      .applyToAllThreads();
    const path = "\\0linden-context-" + process.pid;
    const server = net.createServer((socket) => socket.on("error", () => {}).pipe(socket));
    await once(server.listen({ path }), "listening");
    const client = net.connect({ path });
    client.write("over unix");
    say(String((await once(client, "data"))[0]));
    say([await bindUdp(), await listen({ port: 0, host: "127.0.0.1" }), raw(2, 1), raw(2, 2), raw(16, 3), await listen({ path: place })]);
    client.destroy();
    server.close();`);
  assert.deepEqual(said, ["over unix", ["EPERM", "EPERM", -1, -1, -1, "done"]]);
});

test("Unix: running servers and clients go on, and nothing new starts", async () => {
  for (const grant of ["allowRunningUnixServers", "allowRunningUnixClients"]) {
    const said = await says(`${ECHO}
      echo.close();
      const path = "\\0linden-context-" + process.pid;
      const server = net.createServer((socket) => socket.on("error", () => {}).pipe(socket));
      await once(server.listen({ path }), "listening");
      const client = net.connect({ path });
      client.write("before");
      await once(client, "data");
      new SafetyContext().enable(stdio()).enable(Networking.nothing().${grant}()).applyToAllThreads();
      client.write("after");
      say(String((await once(client, "data"))[0]));
      say([await listen({ path: path + "2" }), raw(1, 1)]);
      client.destroy();
      server.close();`);
    assert.deepEqual(said, ["after", ["EPERM", -1]], grant);
  }
});

test("TLS, in memory of the process alone, over sockets that may be made", async () => {
  const said = await says(`
    const tls = await import("node:tls");
    const https = await import("node:https");
    const key = execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout"], { encoding: "utf8" });
    const file = fs.mkdtempSync(TEMPORARY) + "/key";
    fs.writeFileSync(file, key);
    const cert = execFileSync("openssl", ["req", "-x509", "-key", file, "-subj", "/CN=localhost", "-days", "1"], { encoding: "utf8" });
    const server = https.createServer({ key, cert }, (_, response) => response.end("secret"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as net.AddressInfo;
    new SafetyContext()
      .enable(stdio())
      .enable(Networking.nothing().allowRunningTcpServers().allowStartTcpClients())
      .applyToAllThreads();
    const body = await new Promise((resolve, reject) => {
      https.get({ port, host: "127.0.0.1", ca: cert, servername: "localhost", agent: false }, (response) => {
        let text = "";
        response.on("data", (part) => { text += part; }).on("end", () => resolve(text));
      }).on("error", reject);
    });
    say([body, typeof tls.connect, attempt(() => fs.readFileSync("/etc/passwd")), attempt(() => execFileSync("/bin/true"))]);
    server.close();`);
  assert.deepEqual(said, [["secret", "function", "EPERM", "EPERM"]]);
});
