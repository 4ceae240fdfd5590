import { join } from 'node:path';
import type { ProblemClass } from '#kit/errors/problem';

const EVERY_SERVICE = 'every service';
const SOURCES = '{kit,registry,gateway,services}/**/*.{ts,tsx}';

interface ListedProblem {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly from: ReadonlySet<string>;
}

/**
 * The page of all errors, sorted by code.
 *
 * @throws when a module defines a problem without exporting it, which could not be listed
 */
export async function errorsPage(root: string): Promise<string> {
  const rows = (await collectProblems(root)).map(
    ({ code, status, title, from }) => `| \`${code}\` | ${status} | ${title} | ${[...from].join(', ')} |`,
  );
  return `# Errors

Generated from \`defineProblem\` in the sources by \`make docs\`; do not edit. Every error is an \`application/problem+json\` document (RFC 9457)
with \`type\`, \`title\`, \`status\`, \`instance\`, \`code\` and \`request_id\`, often \`detail\`, and \`errors\` for failed validation. Codes are stable;
titles and details may change.

| Code | Status | Title | Source |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

async function collectProblems(root: string): Promise<ListedProblem[]> {
  const listed = new Map<string, ListedProblem & { from: Set<string> }>();
  for (const file of [...new Bun.Glob(SOURCES).scanSync(root)].sort()) {
    if (file.endsWith('.test.ts')) continue;
    const named = await countDefinitions(join(root, file));
    if (named === 0) continue;
    const problems = await exportedProblems(join(root, file));
    if (problems.length < named) throw new Error(`${file} defines a problem without exporting it`);
    for (const { code, status, title } of problems) {
      const key = `${code} ${status} ${title}`;
      const row = listed.get(key) ?? { code, status, title, from: new Set<string>() };
      row.from.add(ownerOf(file));
      listed.set(key, row);
    }
  }
  return [...listed.values()].sort((one, other) => one.code.localeCompare(other.code));
}

const countDefinitions = async (path: string): Promise<number> =>
  [...(await Bun.file(path).text()).matchAll(/= defineProblem\(/g)].length;

async function exportedProblems(path: string): Promise<ProblemClass[]> {
  const exported: Record<string, unknown> = await import(path);
  return Object.values(exported).filter(isProblemClass);
}

const isProblemClass = (value: unknown): value is ProblemClass =>
  typeof value === 'function' &&
  'code' in value &&
  typeof value.code === 'string' &&
  'status' in value &&
  typeof value.status === 'number';

/** `services/likes/model.ts` belongs to likes, `kit/http/lists/pagination.ts` to every service. */
function ownerOf(file: string): string {
  const [folder = '', name = ''] = file.split('/');
  if (folder === 'kit') return EVERY_SERVICE;
  return folder === 'services' ? name : folder;
}
