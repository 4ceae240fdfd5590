import { bar, legend, MARGIN, picture, shown, text, WIDTH, widthOf } from './svg';

export interface BarGroup {
  readonly name: string;
  /** By series; missing where there was no measurement. */
  readonly values: readonly (number | undefined)[];
  /** What is to be reached. */
  readonly goal?: number;
}

const BAR = 18;
const GAP = 4;
const GROUP_GAP = 18;
/** For the value behind the longest bar. */
const VALUE_SPACE = 90;

/** Horizontal bars in groups, one for each series, with a line at the goal. */
export function bars(
  head: { readonly title: string; readonly subtitle: string },
  series: readonly string[],
  groups: readonly BarGroup[],
): string {
  const labels = Math.max(...groups.map(({ name }) => widthOf(name))) + 16;
  const left = MARGIN + labels;
  const largest = Math.max(
    ...groups.flatMap(({ values, goal = 0 }) => [goal, ...values.map((value) => value ?? 0)]),
  );
  const scale = (WIDTH - MARGIN - VALUE_SPACE - left) / largest;
  const groupHeight = series.length * (BAR + GAP) - GAP;
  const colours = series.length === 1 ? ['s0'] : ['s1', 's0', 'c2', 'c1'];
  const names =
    series.length === 1
      ? undefined
      : legend(series.map((name, index) => ({ name, colour: colours[index] ?? 'c7' })));
  const top = names?.height ?? 0;
  const parts = names === undefined ? [] : [names.content];
  groups.forEach(({ name, values, goal }, index) => {
    const y = top + 8 + index * (groupHeight + GROUP_GAP);
    parts.push(text(left - 12, y + groupHeight / 2 + 4.5, name, '', 'end'));
    values.forEach((value, one) => {
      if (value === undefined) return;
      const barY = y + one * (BAR + GAP);
      parts.push(
        bar(left, barY, { width: value * scale, height: BAR }, colours[one] ?? 'c7'),
        text(valuePosition(value, goal), barY + 13.5, shown(value), 'value'),
      );
    });
    if (goal !== undefined) parts.push(...goalLine(left + goal * scale, y, goal));
  });
  const height = top + 8 + groups.length * (groupHeight + GROUP_GAP);
  parts.push(`<line class="axis" x1="${left}" y1="${top}" x2="${left}" y2="${height - GROUP_GAP + 8}"/>`);
  return picture(head, parts.join('\n'), height);

  /** Behind the bar, and not across the line of the goal. */
  function valuePosition(value: number, goal: number | undefined): number {
    const end = left + value * scale + 8;
    const line = goal === undefined ? Number.NEGATIVE_INFINITY : left + goal * scale;
    return line > end - 8 && line < end + widthOf(shown(value)) + 8 ? line + 8 : end;
  }

  function goalLine(x: number, y: number, goal: number): string[] {
    return [
      `<line class="goal" x1="${x}" y1="${y - 5}" x2="${x}" y2="${y + groupHeight + 5}"/>`,
      text(x + 6, y + groupHeight + 10, `goal ${shown(goal)}`, 'goal-text'),
    ];
  }
}
