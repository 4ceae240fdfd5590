import { bar, legend, MARGIN, picture, shown, text, WIDTH, widthOf } from './svg';

export interface Stack {
  readonly name: string;
  readonly parts: Readonly<Record<string, number>>;
}

const BAR = 26;
const GAP = 16;
const VALUE_SPACE = 80;
/** As many as there are colours; the rest is one part. */
const NAMED = 7;
const REST = 'others';

/** Horizontal bars of parts, the largest parts with a colour of their own, with their sums. */
export function stacks(
  head: { readonly title: string; readonly subtitle: string },
  rows: readonly Stack[],
  unit: string,
): string {
  const named = largestParts(rows);
  const labels = Math.max(...rows.map(({ name }) => widthOf(name))) + 16;
  const left = MARGIN + labels;
  const scale = (WIDTH - MARGIN - VALUE_SPACE - left) / Math.max(...rows.map(({ parts }) => sumOf(parts)));
  const names = legend([...named, REST].map((name, index) => ({ name, colour: `c${index}` })));
  const content = [names.content];
  rows.forEach(({ name, parts }, index) => {
    const y = names.height + 10 + index * (BAR + GAP);
    content.push(text(left - 12, y + BAR / 2 + 4.5, name, 'ink', 'end'));
    let x = left;
    for (const [colour, value] of partsOf(parts, named)) {
      if (value === 0) continue;
      content.push(bar(x, y, { width: value * scale - 1, height: BAR }, `c${colour}`));
      x += value * scale;
    }
    content.push(text(x + 8, y + BAR / 2 + 4.5, `${shown(sumOf(parts))} ${unit}`, 'ink value'));
  });
  return picture(head, content.join('\n'), names.height + 10 + rows.length * (BAR + GAP));
}

function largestParts(rows: readonly Stack[]): string[] {
  const sums = new Map<string, number>();
  for (const { parts } of rows)
    for (const [name, value] of Object.entries(parts)) sums.set(name, (sums.get(name) ?? 0) + value);
  return [...sums]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, NAMED)
    .map(([name]) => name);
}

/** The number of the colour with the size, in the order of the legend. */
function partsOf(parts: Stack['parts'], named: readonly string[]): [colour: number, value: number][] {
  const own = named.map((name, index): [number, number] => [index, parts[name] ?? 0]);
  const rest = sumOf(parts) - own.reduce((sum, [, value]) => sum + value, 0);
  return [...own, [named.length, Math.max(0, rest)]];
}

const sumOf = (parts: Stack['parts']) => Object.values(parts).reduce((sum, value) => sum + value, 0);
