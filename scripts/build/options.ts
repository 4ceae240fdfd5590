import type { BunPlugin } from 'bun';

/** Identifiers are preserved: stack traces need them, and they use little memory. */
export const MINIFY = { whitespace: true, syntax: true, identifiers: false };

/**
 * Unused parts of packages, for Scalar's page and the modules of Redis Stack, with their validators and commands: 8 MB
 * per process (measured).
 */
const EXCLUDED = /^@(scalar\/themes|redis\/(bloom|json|search|time-series))$/;

/** `elysiajsTheme` is the only export that is imported by name. */
export const excludeUnused: BunPlugin = {
  name: 'exclude-unused',
  setup(build) {
    build.onResolve({ filter: EXCLUDED }, ({ path }) => ({ path, namespace: 'excluded' }));
    build.onLoad({ filter: EXCLUDED, namespace: 'excluded' }, () => ({
      contents: "export const elysiajsTheme = '';\nexport default {};\n",
      loader: 'js',
    }));
  },
};
