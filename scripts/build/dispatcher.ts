/** A program of the executable. */
export interface Dispatched {
  /** Its entry point as it is named in the source tree. */
  readonly module: string;
  /** Shown by `--help`; undefined for the child processes of programs. */
  readonly name?: string;
  readonly purpose?: string;
  /** Runs it: entry points start when they are imported. */
  readonly load: () => Promise<unknown>;
}

/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64;

/**
 * Runs the program that the first argument names. It finds its arguments as it does under `bun <module>`: a program knows
 * nothing of the executable, and starts itself or a child as `process.execPath`, a module and arguments in both cases.
 *
 * @param root where the executable has its modules
 */
export async function dispatch(
  programs: readonly Dispatched[],
  { root, version }: { root: string; version: string },
): Promise<void> {
  const [first = ''] = process.argv.splice(1, 2).slice(1);
  if (first === '--version') return console.log(version);
  if (first === '' || first === '--help' || first === 'help') return console.log(helpOf(programs));
  const module = first.startsWith(root) ? first.slice(root.length) : undefined;
  const isMeant = (program: Dispatched) =>
    module === undefined
      ? program.name === first
      : withoutExtension(program.module) === withoutExtension(module);
  const program = programs.find(isMeant);
  if (program === undefined) {
    console.error(`There is no program of this name.\n\n${helpOf(programs)}`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  process.argv.splice(1, 0, `${root}${program.module}`);
  await program.load();
}

/** Bundles end in `.js`, sources in `.ts`. */
const withoutExtension = (path: string) => path.replace(/\.[jt]s$/, '');

function helpOf(programs: readonly Dispatched[]): string {
  const named = programs.flatMap(({ name, purpose }) => (name === undefined ? [] : [{ name, purpose }]));
  const width = Math.max(...named.map(({ name }) => name.length));
  const processes = named.filter(({ purpose }) => purpose === undefined);
  const commands = named.filter(({ purpose }) => purpose !== undefined);
  return [
    'Usage: rookery <program> [arguments]',
    '',
    'Processes, configured by environment variables:',
    ...processes.map(({ name }) => `  ${name}`),
    '',
    'Commands:',
    ...commands.map(({ name, purpose }) => `  ${name.padEnd(width)}  ${purpose}`),
  ].join('\n');
}
