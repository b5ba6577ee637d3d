/** Prints docs/syscalls.md from the table: node scripts/syscalls-page.ts > docs/syscalls.md */
import { callOf } from "../src/abi/calls.ts";
import { FAMILIES, SYSCALLS } from "../src/syscalls/table.ts";

const HEAD = `# System calls

What a program of the WALI interface (import module \`wali\`) finds behind each of Linux's calls on x86-64. This page is
printed from \`src/syscalls/table.ts\` by \`scripts/syscalls-page.ts\`.

- **full**: as the manual page says, for what can exist in a sandbox.
- **partial**: the note says what is missing.
- **faked**: an answer without an effect, which the note gives.
- **ENOSYS**: that is the answer; the note says why.

*Who answers* names the only parts a call can reach: the kernel in the cell, the host's clock (read without a system call),
its \`getrandom\`, or the file server for mounted host directories. No guest's call becomes the host's call of that name.
`;

export function syscallsPage(): string {
  const counts = ["full", "partial", "faked", "ENOSYS"].map(
    (level) => `${SYSCALLS.filter((row) => row.level === level).length} ${level}`,
  );
  const parts = [HEAD, `Of ${SYSCALLS.length} calls: ${counts.join(", ")}.`];
  for (const [family, rows] of FAMILIES) {
    parts.push(`\n## ${family}\n| number | call | support | who answers | note |\n|---|---|---|---|---|`);
    const sorted = rows.toSorted((a, b) => callOf(a.name).number - callOf(b.name).number);
    for (const { name, level, by, note } of sorted) {
      parts.push(`| ${callOf(name).number} | \`${name}\` | ${level} | ${by} | ${note} |`);
    }
  }
  return `${parts.join("\n")}\n`;
}

if (import.meta.main) process.stdout.write(syscallsPage());
