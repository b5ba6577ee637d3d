/** What a person sees of what a program wrote to a terminal. */
const ESCAPE = "\x1b";
const SEQUENCE = /^\[\??([\d;]*)([A-Za-z])/;

/**
 * What a person sees after a program wrote to a terminal: the rows, as text. It knows what editors of the size of vi use:
 * addressing, erasing, scrolling at the bottom; colours are skipped, anything else is an error rather than a wrong picture.
 */
export function drawnScreen(written: string, rows: number, columns: number): string[] {
  const cells = Array.from({ length: rows }, () => new Array<string>(columns).fill(" "));
  let row = 0;
  let column = 0;
  const erase = (line: number, from: number, to: number) => cells[line]?.fill(" ", from, to);
  const down = () => {
    if (row < rows - 1) row += 1;
    else {
      cells.shift();
      cells.push(new Array<string>(columns).fill(" "));
    }
  };
  const control = (final: string, values: readonly number[]) => {
    const [first = 0, second = 0] = values;
    if (final === "H") [row, column] = [Math.max(first, 1) - 1, Math.max(second, 1) - 1];
    else if (final === "A") row = Math.max(row - Math.max(first, 1), 0);
    else if (final === "D") column = Math.max(column - Math.max(first, 1), 0);
    else if (final === "C") column = Math.min(column + Math.max(first, 1), columns - 1);
    else if (final === "K") erase(row, first === 0 ? column : 0, first === 1 ? column + 1 : columns);
    else if (final === "J") {
      erase(row, first === 0 ? column : 0, columns);
      for (let line = first === 0 ? row + 1 : 0; line < rows; line += 1) erase(line, 0, columns);
    } else if (!"mhlnr".includes(final)) throw new Error(`CSI ${values.join(";")}${final}`);
  };
  for (let at = 0; at < written.length; at += 1) {
    const sign = written[at] ?? "";
    const sequence = sign === ESCAPE ? SEQUENCE.exec(written.slice(at + 1, at + 20)) : null;
    if (sequence !== null) {
      control(sequence[2] ?? "", (sequence[1] ?? "").split(";").map(Number));
      at += sequence[0].length;
    } else if (sign === "\r") column = 0;
    else if (sign === "\n") down();
    else if (sign === "\b") column = Math.max(column - 1, 0);
    else if (sign >= " ") {
      const line = cells[row];
      if (line !== undefined && column < columns) line[column] = sign;
      column += 1;
    } else if (sign !== "\x07") throw new Error(`a terminal does not draw ${JSON.stringify(sign)}`);
  }
  return cells.map((line) => line.join("").trimEnd());
}
