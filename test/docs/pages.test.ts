/** What pages say of the repository itself: the paths they name are there, and the table of rooms has every room. */
import assert from "node:assert/strict";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("../..", import.meta.url));
const read = (page: string) => readFileSync(join(home, page), "utf8");
// Decision records are never rewritten: they may name what has gone.
const pages = globSync(["*.md", "docs/*.md", "userland/*.md", "libc/*.md", "src/*/README.md"], { cwd: home })
  .filter((page) => page !== "CHANGELOG.md")
  .sort();

/** Rooms with more files have a README. */
const MANY = 8;

test("paths that pages name in the repository are there", () => {
  assert.ok(pages.includes("README.md") && pages.includes("docs/architecture.md"));
  const places = /^(src|test|docs|scripts|guests|bench|libc|userland|policies|examples)\//;
  const missing = pages.flatMap((page) =>
    [...read(page).matchAll(/`([\w./-]+)`/g)]
      .map(([, path = ""]) => path)
      .filter((path) =>
        places.test(path) && !path.includes("NAME")
          ? !existsSync(join(home, path))
          : isFile(path) && !found(page, path),
      )
      .map((path) => `${page}: ${path}`),
  );
  assert.deepEqual(missing, []);
});

/** A README of a room names that room's files from where it stands. */
const isFile = (path: string) => /^[a-z][\w-]*(\/[\w.-]+)*\.(ts|json)$/.test(path);

function found(page: string, path: string): boolean {
  if (!page.startsWith("src/")) return true;
  const directory = join(home, dirname(page));
  return existsSync(join(directory, path)) || globSync(`*/${path}`, { cwd: directory }).length > 0;
}

test("links of pages lead to files", () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !existsSync(join(home, dirname(page), link)))
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test("docs/architecture.md has every room once, and each larger one has a README", () => {
  const rows = [...read("docs/architecture.md").matchAll(/^\| `src\/([\w.]+)[^`]*` \|/gm)].map(([, room]) => room);
  const entries = readdirSync(join(home, "src"), { withFileTypes: true });
  assert.deepEqual(rows.sort(), entries.map(({ name }) => name).sort());
  const silent = entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .filter((room) => globSync(`src/${room}/**/*.ts`, { cwd: home }).length > MANY)
    .filter((room) => room !== "abi" && !existsSync(join(home, "src", room, "README.md")));
  assert.deepEqual(silent, []);
});
