import type { RouteClaim } from '#contracts/registry';
import { isScope, SCOPES, type Scope } from '#kit/auth/scopes';
import { routeClaims } from '#kit/http/route-claims';
import { serviceApps } from '../openapi/apps';

const HEAD = `# Scopes

Generated from the code by \`bun scripts/generate-docs.ts\`. What apps of others may do (OAuth 2.0), by the scope that their user
allows them: a route that looks at access tokens admits an app only with its scope, or one that contains it, and answers \`403\`
\`auth.insufficient-scope\` otherwise. \`read\` contains all scopes that begin with \`read:\`, \`write\` those with \`write:\`, and
\`follow\` those of follows, blocks and mutes. A route that names no scope admits no app: naming one is a decision, and changes
this page. Routes with a permission are for operators alone, and public ones for everybody.
`;

interface Route extends RouteClaim {
  readonly service: string;
}

/** The page `docs/scopes.md`. */
export async function scopesPage(): Promise<string> {
  const routes: Route[] = (await serviceApps()).flatMap(({ name, app }) =>
    routeClaims(app)
      .filter(({ auth }) => auth === 'user' || auth === 'optional')
      .map((claim) => ({ ...claim, service: name })),
  );
  const used = Object.keys(SCOPES)
    .filter(isScope)
    .filter((scope) => routes.some((route) => route.scope === scope));
  return [
    HEAD,
    ...used.map((scope) => section(scope, routes)),
    `## No scope\n\n${tableOf(routes.filter(({ scope }) => scope === undefined))}`,
  ].join('\n');
}

const section = (scope: Scope, routes: readonly Route[]): string =>
  `## \`${scope}\`\n\n${SCOPES[scope]}.\n\n${tableOf(routes.filter((route) => route.scope === scope))}`;

function tableOf(routes: readonly Route[]): string {
  const rows = routes.map(
    ({ service, method, path, auth }) =>
      `| ${service} | \`${method} ${path}\` | ${auth === 'user' ? 'required' : 'optional'} |\n`,
  );
  return `| Service | Route | User |\n| --- | --- | --- |\n${[...new Set(rows)].join('')}`;
}
