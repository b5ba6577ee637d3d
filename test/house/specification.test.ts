/** SPECIFICATION.md: every numbered promise names the tests that show it, and they are there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("../..", import.meta.url));
const lines = readFileSync(join(home, "SPECIFICATION.md"), "utf8").split("\n");

/** A promise is a list item: its number, one sentence, then its links. */
const promises = lines.flatMap((line) => {
  const [, number, text] = /^(\d+)\. (.+)$/.exec(line) ?? [];
  return number === undefined || text === undefined ? [] : [{ number: Number(number), text }];
});

/** Titles of a file's tests and groups; what a template fills in stands as "…". */
function titlesOf(file: string): Set<string> {
  const text = readFileSync(join(home, file), "utf8");
  const calls = text.matchAll(/\b(?:test|it|describe)\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)/g);
  return new Set(
    [...calls].map(([, literal = ""]) =>
      literal
        .slice(1, -1)
        .replaceAll(/\$\{[^}]*\}/g, "…")
        .replaceAll(/\\(.)/g, "$1"),
    ),
  );
}

function linksOf(text: string): readonly { readonly label: string; readonly target: string }[] {
  return [...text.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, label = "", target = ""]) => ({ label, target }));
}

test("promises are numbered from 1 without gaps", () => {
  assert.ok(promises.length >= 60, `${promises.length} promises`);
  assert.deepEqual(
    promises.map(({ number }) => number),
    promises.map((_, index) => index + 1),
  );
});

test("each promise is one sentence with a test", () => {
  const wrong = promises.filter(({ text }) => !/^[^[]+[.] \[.+\)$/.test(text));
  assert.deepEqual(
    wrong.map(({ number }) => number),
    [],
  );
});

test("each test named is where its link leads", () => {
  const wrong: string[] = [];
  for (const { number, text } of promises) {
    for (const { label, target } of linksOf(text)) {
      const [file = "", ...titles] = label.split(" › ");
      if (file !== target) wrong.push(`${number}: ${label} leads to ${target}`);
      else if (!existsSync(join(home, file))) wrong.push(`${number}: there is no ${file}`);
      else if (titles.length === 0) wrong.push(`${number}: ${file}: which test?`);
      else {
        const known = titlesOf(file);
        for (const title of titles) if (!known.has(title)) wrong.push(`${number}: ${file} has no test "${title}"`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
