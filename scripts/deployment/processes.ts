import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fields } from '#kit/config/environment';
import * as shared from '#kit/config/fields';
import { gatewayFields } from '../../gateway/settings';
import { registryFields } from '../../registry/settings';
import { PORTABLE_SERVICES } from '../../workers/archives/portable-services';
import { parseProcfile } from '../processes/procfile';
import { OWN_SECRETS } from './secrets';

const ROOT = join(import.meta.dir, '..', '..');

/** A process as it is deployed. */
export interface Deployed {
  readonly name: string;
  /** The folder of its bundle, the argument of `deploy/start.sh`. */
  readonly folder: string;
  readonly port: number;
  /** The environment variables that it reads, by name: it gets no others, and so no secrets of others. */
  readonly variables: readonly string[];
  /** The services that it calls over gRPC, by name. */
  readonly callees: readonly string[];
}

/** Variables that the image, the platform or the process itself sets. */
const NOT_SETTINGS = new Set([
  ...['NODE_ENV', 'PORT', 'HOST', 'ADVERTISED_HOST', 'GATEWAY_WORKER'],
  // Here each process gets the variables of that file.
  'IDENTITY_FILE',
]);

/** The processes of the Procfile, without the servers of the local stack. */
export function deployedProcesses(procfile: string): Deployed[] {
  return parseProcfile(procfile).flatMap(({ name, command }) => {
    const [, folder] = /\bbun (\S+)\/main\.ts\b/.exec(command) ?? [];
    const [, port] = /\bPORT=(\d+)/.exec(command) ?? [];
    if (folder === undefined || port === undefined || name === 'infra') return [];
    const source = readFileSync(join(ROOT, folder, 'main.ts'), 'utf8');
    const variables = variablesIn(source);
    const callees = calleesIn(source, variables).filter((callee) => callee !== name);
    return [{ name, folder, port: Number(port), variables, callees }];
  });
}

/** The variable of the deployment that a process gets one of its variables from, like `USERS_SERVICE_KEY`. */
export const sourceOf = (process: Pick<Deployed, 'name'>, variable: string): string =>
  OWN_SECRETS.includes(variable) ? `${prefixOf(process)}_${variable}` : variable;

/** What the variables of the deployment that are for one process begin with. */
export const prefixOf = ({ name }: Pick<Deployed, 'name'>): string => name.toUpperCase().replaceAll('-', '_');

/** The services named by the clients that a `main.ts` creates; and auth, whose keys and revocations verify tokens. */
function calleesIn(source: string, variables: readonly string[]): string[] {
  const named = [...source.matchAll(/grpcClient\('([a-z-]+)'|\bservice: '([a-z-]+)'/g)].map(
    ([, first, second]) => first ?? second ?? '',
  );
  const portable = source.includes('PORTABLE_SERVICES') ? PORTABLE_SERVICES : [];
  const auth = variables.includes('JWT_ISSUER') ? ['auth'] : [];
  return [...new Set([...named, ...portable, ...auth])].sort();
}

/** The service whose database the process owns, like `USERS`; undefined for processes without one. */
export const databaseOwner = ({ variables }: Deployed): string | undefined =>
  variables.find((name) => name.endsWith('_DATABASE_URL'))?.replace('_DATABASE_URL', '');

const GROUPS: Readonly<Record<string, unknown>> = { ...shared, gatewayFields, registryFields };

/**
 * The variables that a `main.ts` reads: the groups of fields that are spread into `readEnv`, and the fields of its own.
 *
 * @throws for a group that is not known here
 */
function variablesIn(source: string): string[] {
  const [, afterCall = ''] = source.split('readEnv(');
  const [read = ''] = afterCall.split(');');
  const groups = [...read.matchAll(/(?:\.\.\.|^)(\w+)(?:\(\d+\))?/g)].map(([, name = '']) => fieldsOf(name));
  const grouped = groups.flatMap((fields) =>
    Object.entries(fields).flatMap(([name, { completed }]) => [name, ...(completed?.by ?? [])]),
  );
  const own = [...read.matchAll(/^[ \t]*([A-Z][A-Z0-9_]*):/gm)].map(([, name = '']) => name);
  const variables = new Set([...grouped, ...own]);
  // What has a credential of its own must not know the token that those of all others can be derived from.
  if (variables.has('REGISTRY_CREDENTIAL')) variables.delete('REGISTRY_TOKEN');
  return [...variables].filter((name) => !NOT_SETTINGS.has(name)).sort();
}

function fieldsOf(group: string): Fields {
  const fields = GROUPS[group];
  const value: unknown = typeof fields === 'function' ? fields(0) : fields;
  if (typeof value !== 'object' || value === null) throw new Error(`${group} is no known group of variables`);
  return value as Fields;
}
