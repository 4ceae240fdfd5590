/** What all pictures share: the width, the colours in light and dark, and the text at the top. */
export const WIDTH = 760;
export const MARGIN = 24;
const HEAD = 76;

/** Readable on white and on black (contrast of text at least 4.5), and told apart without colours by their labels. */
const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: var(--ink); }
  .title { font-size: 17px; font-weight: 600; }
  .quiet { fill: var(--quiet); }
  .value { font-weight: 600; font-variant-numeric: tabular-nums; }
  .goal { stroke: var(--goal); stroke-width: 2; }
  .goal-text { fill: var(--goal); font-size: 12px; }
  .axis { stroke: var(--line); }
  svg {
    --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --goal: #bc4c00;
    --s0: #0969da; --s1: #afb8c1;
    --c0: #0969da; --c1: #1a7f37; --c2: #bf8700; --c3: #cf222e; --c4: #8250df; --c5: #1b7c83; --c6: #bf3989; --c7: #8c959f;
  }
  @media (prefers-color-scheme: dark) {
    svg {
      --ink: #f0f6fc; --quiet: #9198a1; --line: #3d444d; --goal: #f0883e;
      --s0: #4493f8; --s1: #656c76;
      --c0: #4493f8; --c1: #3fb950; --c2: #d29922; --c3: #f85149; --c4: #ab7df8; --c5: #39c5cf; --c6: #db61a2; --c7: #656c76;
    }
  }`;

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
    text(MARGIN, 32, head.title, 'title'),
    text(MARGIN, 54, head.subtitle, 'quiet'),
    `<g transform="translate(0 ${HEAD})">`,
    content,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

export const text = (x: number, y: number, content: string, style = '', anchor = 'start'): string =>
  `<text x="${round(x)}" y="${round(y)}"${style && ` class="${style}"`}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${escaped(content)}</text>`;

export const bar = (x: number, y: number, size: { width: number; height: number }, colour: string): string =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(1, size.width))}" height="${size.height}" rx="2" fill="var(--${colour})"/>`;

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
