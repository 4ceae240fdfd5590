import { join } from 'node:path';
import type { MessageDefinition } from '#contracts/messages';

export interface Documented {
  readonly definition: MessageDefinition;
  /** Its doc comment. */
  readonly comment: string;
}

/** All events and jobs defined in `contracts/`, sorted by name and version. */
export async function findDefinitions(root: string): Promise<Documented[]> {
  const files = [...new Bun.Glob('contracts/{events,jobs}/*.ts').scanSync(root)]
    .filter((file) => !file.endsWith('.test.ts'))
    .sort();
  const found: Documented[] = [];
  for (const file of files) {
    const source = await Bun.file(join(root, file)).text();
    const exported: Record<string, unknown> = await import(join(root, file));
    for (const [name, value] of Object.entries(exported))
      if (isDefinition(value)) found.push({ definition: value, comment: commentAbove(source, name) });
  }
  const key = ({ definition }: Documented) => `${definition.name} ${definition.version}`;
  return found.sort((one, other) => key(one).localeCompare(key(other)));
}

const isDefinition = (value: unknown): value is MessageDefinition =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  (value.kind === 'event' || value.kind === 'job');

function commentAbove(source: string, name: string): string {
  const before = source.slice(0, Math.max(source.indexOf(`export const ${name} `), 0)).trimEnd();
  if (!before.endsWith('*/')) return '';
  return before
    .slice(before.lastIndexOf('/**') + 3, -2)
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s?/, '').trim())
    .join(' ')
    .trim();
}
