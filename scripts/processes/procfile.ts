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
