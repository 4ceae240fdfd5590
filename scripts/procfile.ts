/** One line of a Procfile: a process and the command that runs it. */
export interface ProcfileEntry {
  readonly name: string;
  readonly command: string;
}

/**
 * Reads a Procfile as foreman and overmind do: `name: command` lines, blank lines and `#` comments aside.
 *
 * @throws for a line that is neither, and for a name that appears twice
 */
export function parseProcfile(text: string): ProcfileEntry[] {
  const entries = new Map<string, ProcfileEntry>();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    const [, name, command] = /^([A-Za-z0-9_-]+):\s*(\S.*)$/.exec(line.trimEnd()) ?? [];
    if (name === undefined || command === undefined)
      throw new Error(`Procfile line ${index + 1} is not "name: command"`);
    if (entries.has(name)) throw new Error(`Procfile line ${index + 1}: there is a process ${name} already`);
    entries.set(name, { name, command });
  });
  return [...entries.values()];
}

/** The services a gateway should find: those whose command runs a `services/<name>/main.ts`. */
export function servicesOf(entries: readonly ProcfileEntry[]): string[] {
  return entries.flatMap(({ command }) => /\bservices\/([a-z0-9-]+)\/main\.ts\b/.exec(command)?.[1] ?? []);
}
