import { dirname, join } from 'node:path';
import { parseSync } from 'oxc-parser';

export interface Import {
  readonly from: string;
  /** A path from the root without its ending, or the name of a package. */
  readonly to: string;
  readonly isPackage: boolean;
}

/**
 * All imports of a source file, those of types and `import()` included, and what it re-exports.
 *
 * @param file its path from the root, from which relative specifiers are resolved
 */
export function importsOf(file: string, text: string): Import[] {
  const { module, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.map(({ moduleRequest }) => moduleRequest?.value),
    ),
    ...module.dynamicImports.map(({ moduleRequest }) =>
      literal(text.slice(moduleRequest.start, moduleRequest.end)),
    ),
    ...[...text.matchAll(/\bimport\('([^']+)'\)/g)].map(([, specifier]) => specifier),
  ];
  const found = new Set(specifiers.filter((specifier) => specifier !== undefined));
  return [...found].map((specifier) => ({ from: file, ...resolve(file, specifier) }));
}

const literal = (source: string): string | undefined => /^['"`]([^'"`$]+)['"`]$/.exec(source)?.[1];

function resolve(file: string, specifier: string): Pick<Import, 'to' | 'isPackage'> {
  if (specifier.startsWith('#')) return { to: specifier.slice(1), isPackage: false };
  if (specifier.startsWith('.')) return { to: join(dirname(file), specifier), isPackage: false };
  return { to: specifier, isPackage: true };
}
