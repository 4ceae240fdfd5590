/** One line of a Procfile: a process and the command that runs it. */
export interface ProcfileEntry {
  readonly name: string;
  readonly command: string;
}

/**
 * Parses a Procfile as foreman and overmind do: `name: command` lines; blank lines and `#` comments are ignored.
 *
 * @throws for an invalid line, and for a duplicate name
 */
export function parseProcfile(text: string): ProcfileEntry[] {
  const entries = new Map<string, ProcfileEntry>();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const [, name, command] = /^([A-Za-z0-9_-]+):\s*(\S.*)$/.exec(line.trimEnd()) ?? [];
    if (name === undefined || command === undefined)
      throw new Error(`Procfile line ${index + 1} is not "name: command"`);
    if (entries.has(name)) throw new Error(`Procfile line ${index + 1}: duplicate process name "${name}"`);
    entries.set(name, { name, command });
  });
  return [...entries.values()];
}

/** The services: entries whose command runs a `services/<name>/main.ts`. */
export function servicesOf(entries: readonly ProcfileEntry[]): string[] {
  return entries.flatMap(({ command }) => /\bservices\/([a-z0-9-]+)\/main\.ts\b/.exec(command)?.[1] ?? []);
}

/** The program that a command runs, and the variables that it sets: `env PORT=5100 bun services/users/main.ts`. */
export interface ProcfileProgram {
  readonly name: string;
  /** Its folder: `services/users`. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * The programs of Rookery's own Procfile, without the servers of the local stack.
 *
 * @throws when a command is something else than a `main.ts` with variables before it
 */
export function programsIn(entries: readonly ProcfileEntry[]): ProcfileProgram[] {
  return entries.filter(({ name }) => name !== 'infra').map(programOf);
}

const MAIN = '/main.ts';

function programOf({ name, command }: ProcfileEntry): ProcfileProgram {
  const [first, ...rest] = command.split(' ');
  const words = first === 'env' ? rest : [first, ...rest];
  const [program, main = ''] = words.slice(-2);
  const variables = words.slice(0, -2).map((word = '') => word.split('=', 2) as [string, string?]);
  if (program !== 'bun' || !main.endsWith(MAIN) || variables.some(([, value]) => value === undefined))
    throw new Error(`The command of ${name} is not a program: ${command}`);
  const environment = Object.fromEntries(variables.map(([variable, value = '']) => [variable, value]));
  return { name, folder: main.slice(0, -MAIN.length), environment };
}
