/**
 * The server of the lockdown rows: Fastify over TLS, a JSON answer, a row in a SQLite database for each request. With a policy
 * it locks itself before it says its port.
 */
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import fastify from "fastify";
import { lockWith } from "linden/lockdown";

const [pem = "", database = ":memory:", policy] = process.argv.slice(2);
const secret = readFileSync(pem);
const app = fastify({ https: { key: secret, cert: secret } });
const db = new DatabaseSync(database);
db.exec(
  "pragma journal_mode = wal; pragma synchronous = off; create table if not exists visits (at integer, name text)",
);
const insert = db.prepare("insert into visits values (?, ?)");
insert.run(0, "before the lock");

app.get<{ Params: { name: string } }>("/visit/:name", ({ params }) => {
  insert.run(Date.now(), params.name);
  return { name: params.name };
});
const address = await app.listen({ port: 0, host: "127.0.0.1" });
if (policy !== undefined) lockWith(policy);
console.log(new URL(address).port);
