/** What all pictures share: the width, the colours in light and dark, and the text at the top. */
export const WIDTH = 760;
export const MARGIN = 24;
const HEAD = 76;

/** Colours of classes, in light and dark: text has a contrast of at least 4.5 on both. */
const FILLS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  ink: ['#1f2328', '#f0f6fc'],
  quiet: ['#59636e', '#9198a1'],
  /** In a bar of the newest series. */
  inside: ['#ffffff', '#0d1117'],
  goal: ['#bc4c00', '#f0883e'],
  axis: ['#d1d9e0', '#3d444d'],
  // Of series: the newest stands out.
  s0: ['#0969da', '#4493f8'],
  s1: ['#afb8c1', '#656c76'],
  // Of parts; the last is for the rest.
  c0: ['#0969da', '#4493f8'],
  c1: ['#1a7f37', '#3fb950'],
  c2: ['#bf8700', '#d29922'],
  c3: ['#cf222e', '#f85149'],
  c4: ['#8250df', '#ab7df8'],
  c5: ['#1b7c83', '#39c5cf'],
  c6: ['#bf3989', '#db61a2'],
  c7: ['#afb8c1', '#656c76'],
};

/** Classes instead of variables: not every renderer knows variables. */
const fills = (mode: 0 | 1) =>
  Object.entries(FILLS)
    .map(([name, colours]) => `.${name} { fill: ${colours[mode]}; }`)
    .join(' ');

const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; }
  .title { font-size: 17px; font-weight: 600; }
  .value { font-weight: 600; }
  .small { font-size: 12px; }
  ${fills(0)}
  @media (prefers-color-scheme: dark) { ${fills(1)} }`;

/**
 * A picture with a title, a line that says what is shown, and content below.
 *
 * @param content with its origin below the head
 * @param height of the content
 */
export function picture(
  head: { readonly title: string; readonly subtitle: string },
  content: string,
  height: number,
): string {
  const total = HEAD + height + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" width="${WIDTH}" height="${total}" role="img" aria-label="${escaped(head.title)}">`,
    `<style>${STYLE}\n</style>`,
    text(MARGIN, 32, head.title, 'ink title'),
    text(MARGIN, 54, head.subtitle, 'quiet'),
    `<g transform="translate(0 ${HEAD})">`,
    content,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

export const text = (x: number, y: number, content: string, style = 'ink', anchor = 'start'): string =>
  `<text x="${round(x)}" y="${round(y)}" class="${style}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${escaped(content)}</text>`;

export const bar = (x: number, y: number, size: { width: number; height: number }, colour: string): string =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(1, size.width))}" height="${size.height}" rx="2" class="${colour}"/>`;

/** A vertical line. */
export const rule = (x: number, y: number, size: { width: number; height: number }, colour: string): string =>
  `<rect x="${round(x)}" y="${round(y)}" width="${size.width}" height="${round(size.height)}" class="${colour}"/>`;

/** Squares with names, from left to right, in as many lines as they need. @returns their content and height */
export function legend(entries: readonly { name: string; colour: string }[]): {
  content: string;
  height: number;
} {
  const LINE = 22;
  const parts: string[] = [];
  let x = MARGIN;
  let y = 0;
  for (const { name, colour } of entries) {
    const width = 22 + widthOf(name) + 18;
    if (x + width > WIDTH - MARGIN && x > MARGIN) {
      x = MARGIN;
      y += LINE;
    }
    parts.push(bar(x, y, { width: 12, height: 12 }, colour), text(x + 18, y + 11, name, 'quiet'));
    x += width;
  }
  return { content: parts.join('\n'), height: y + LINE };
}

/** About: fonts differ. */
export const widthOf = (content: string): number => content.length * 7;

export const round = (value: number): number => Math.round(value * 10) / 10;

export const shown = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value < 1 ? 3 : value < 100 ? 1 : 0 });

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
