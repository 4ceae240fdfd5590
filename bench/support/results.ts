import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { readJson } from '../../infra/state';
import { drawingsOf } from './pictures/drawings';
import type { Results, Row, Run } from './result-types';

const ROOT = join(import.meta.dir, '..', '..');
const JSON_FILE = join(ROOT, 'bench', 'results.json');
const TABLE_FILE = join(ROOT, 'bench', 'RESULTS.md');
const PICTURES = join(ROOT, 'docs', 'performance');

/**
 * Shows rows, and with RECORD also writes them to bench/results.json and bench/RESULTS.md, where they replace the run of
 * the same benchmark and label, and draws docs/performance/*.svg anew.
 *
 * @param label value of RECORD: `1` is `after`; undefined writes nothing
 */
export function report(
  benchmark: { readonly name: string; readonly title: string },
  rows: readonly Row[],
  label: string | undefined,
): void {
  console.log(`\n${benchmark.title}\n${tablesOf(rows)}`);
  if (label === undefined || rows.length === 0) return;
  const results = readResults();
  const { name, title } = benchmark;
  const run: Run = {
    commit: commitOf(),
    date: new Date().toISOString().slice(0, 10),
    machine: machineOf(),
    rows,
  };
  const runs = { ...results[name]?.runs, [label === '1' ? 'after' : label]: run };
  const updated = { ...results, [name]: { title, runs } };
  writeFileSync(JSON_FILE, `${JSON.stringify(updated, null, 2)}\n`);
  writeFileSync(TABLE_FILE, markdownOf(updated));
  mkdirSync(PICTURES, { recursive: true });
  for (const [file, content] of drawingsOf(updated)) writeFileSync(join(PICTURES, file), content);
}

export const readResults = (): Results => readJson<Results>(JSON_FILE) ?? {};

export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** The whole file, from all results. */
export function markdownOf(results: Results): string {
  const sections = Object.entries(results)
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([name, { title, runs }]) =>
      [
        `## ${title}`,
        `\`make bench b=${name}\``,
        ...Object.entries(runs).map(([label, { commit, date, machine, rows }]) =>
          [`**${label}**: ${commit}, ${date}, ${machine}`, tablesOf(rows)].join('\n\n'),
        ),
      ].join('\n\n'),
    );
  return `${[
    '# Results of the benchmarks',
    'Written by the benchmarks (`RECORD=1 make bench b=…`); what the figures mean is in [docs/PERFORMANCE.md](../docs/PERFORMANCE.md).',
    ...sections,
  ].join('\n\n')}\n`;
}

/** The figures, and where they exist the CPU times by process. */
function tablesOf(rows: readonly Row[]): string {
  const byProcess = rows.flatMap(({ name, processors }) =>
    processors === undefined ? [] : [{ name, figures: processors }],
  );
  if (byProcess.length === 0) return tableOf(rows);
  return [tableOf(rows), 'CPU ms per request, by process:', tableOf(byProcess)].join('\n\n');
}

/** Markdown, with aligned columns. */
function tableOf(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const lines = [
    ['', ...columns],
    ...rows.map(({ name, figures }) => [name, ...columns.map((column) => textOf(figures[column]))]),
  ];
  const widths = ['', ...columns].map((_, index) =>
    Math.max(3, ...lines.map((line) => line[index]?.length ?? 0)),
  );
  const [head = '', ...body] = lines.map(
    (line) =>
      `| ${line.map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0))).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width, index) => (index === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [head, rule, ...body].join('\n');
}

const textOf = (figure: number | string | undefined): string =>
  typeof figure === 'number' ? figure.toLocaleString('en') : (figure ?? '');

const commitOf = (): string =>
  Bun.spawnSync(['git', 'describe', '--always', '--dirty'], { cwd: ROOT }).stdout.toString().trim() ||
  'unknown';

function machineOf(): string {
  const [first] = cpus();
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  return `${first?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, ${memoryGb} GB; Bun ${Bun.version}`;
}
