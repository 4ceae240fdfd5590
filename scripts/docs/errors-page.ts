import { join } from 'node:path';
import type { ProblemClass } from '#kit/errors/problem';

const EVERYWHERE = 'every service';
const SOURCES = '{kit,registry,gateway,services}/**/*.ts';

interface ListedProblem {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly from: ReadonlySet<string>;
}

/**
 * Describes every problem that is named anywhere, by its code.
 *
 * @throws when a module names a problem that it does not export, which could not be listed
 */
export async function errorsPage(root: string): Promise<string> {
  const rows = (await collectProblems(root)).map(
    ({ code, status, title, from }) => `| \`${code}\` | ${status} | ${title} | ${[...from].join(', ')} |`,
  );
  return `# Errors

Made from \`defineProblem\` in the sources by \`make docs\`; changes belong there. Every error is \`application/problem+json\` (RFC 9457) with
\`type\`, \`title\`, \`status\`, \`instance\`, \`code\`, \`request_id\`, often \`detail\`, and for validation \`errors\`. Codes are stable; titles and
details may change.

| code | status | title | from |
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
    if (problems.length < named) throw new Error(`${file} names a problem without exporting it`);
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

/** `services/likes/model.ts` is of likes, `kit/http/pagination.ts` of every service. */
function ownerOf(file: string): string {
  const [folder = '', name = ''] = file.split('/');
  if (folder === 'kit') return EVERYWHERE;
  return folder === 'services' ? name : folder;
}
