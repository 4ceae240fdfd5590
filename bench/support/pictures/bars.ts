import { bar, legend, MARGIN, picture, rule, shown, text, WIDTH, widthOf } from './svg';

export interface BarGroup {
  readonly name: string;
  /** By series; missing where there was no measurement. */
  readonly values: readonly (number | undefined)[];
  /** What is to be reached. */
  readonly goal?: number;
}

const BAR = 18;
const GAP = 4;
/** Room for the goal of the next group. */
const GROUP_GAP = 24;
const GOAL_ABOVE = 15;
const TOP = 16;
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
    const y = top + TOP + index * (groupHeight + GROUP_GAP);
    parts.push(text(left - 12, y + groupHeight / 2 + 4.5, name, 'ink', 'end'));
    values.forEach((value, one) => {
      if (value === undefined) return;
      const barY = y + one * (BAR + GAP);
      parts.push(
        bar(left, barY, { width: value * scale, height: BAR }, colours[one] ?? 'c7'),
        valueText(value, { y: barY + 13.5, goal, inside: one === values.length - 1 ? 'inside' : 'ink' }),
      );
    });
    if (goal !== undefined) parts.push(...goalLine(left + goal * scale, y, goal));
  });
  const height = top + TOP + groups.length * (groupHeight + GROUP_GAP);
  parts.push(rule(left - 1, top, { width: 1, height: height - GROUP_GAP + 8 - top }, 'axis'));
  return picture(head, parts.join('\n'), height);

  /** Behind the bar; where that would cross the line of the goal, in the bar, or behind the line. */
  function valueText(value: number, at: { y: number; goal: number | undefined; inside: string }): string {
    const end = left + value * scale;
    const width = widthOf(shown(value)) + 12;
    const line = at.goal === undefined ? Number.NEGATIVE_INFINITY : left + at.goal * scale;
    if (line < end || line > end + width) return text(end + 8, at.y, shown(value), 'ink value');
    if (value * scale > width) return text(end - 6, at.y, shown(value), `${at.inside} value`, 'end');
    return text(line + 8, at.y, shown(value), 'ink value');
  }

  function goalLine(x: number, y: number, goal: number): string[] {
    return [
      rule(x - 1, y - GOAL_ABOVE, { width: 2, height: groupHeight + GOAL_ABOVE + 3 }, 'goal'),
      text(x + 6, y - 5, `goal ${shown(goal)}`, 'goal small'),
    ];
  }
}
