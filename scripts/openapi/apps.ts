import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AnyElysia } from 'elysia';
import { pino } from 'pino';
import { createRuntime, type Runtime } from '#kit/core/runtime';
import { version } from '../../package.json';
import type { RegistryDeps } from '../../registry/deps';
import { registry } from '../../registry/index';

const SERVICES = join(import.meta.dir, '..', '..', 'services');

/** Settings that documents show, by their defaults. */
const SETTINGS = { maxBytes: 1024 ** 3 };

export interface DescribedApp {
  /** Of the service. */
  readonly name: string;
  readonly app: AnyElysia;
}

/**
 * The apps of all services by name, built on stand-ins for what they depend on: their routes can be read, and requests that
 * reach no handler answered, without a database, a broker or a port.
 *
 * @param known dependencies that are no stand-ins, of every app
 */
export async function serviceApps(known: object = {}): Promise<DescribedApp[]> {
  const names = (await readdir(SERVICES)).sort();
  return Promise.all(names.map(async (name) => ({ name, app: await serviceApp(name, known) })));
}

async function serviceApp(name: string, known: object): Promise<AnyElysia> {
  const exported: Record<string, unknown> = await import(join(SERVICES, name, 'index.ts'));
  const create = Object.values(exported).find((value) => typeof value === 'function');
  if (typeof create !== 'function') throw new Error(`services/${name}/index.ts exports no app`);
  return create(standIn({ runtime: idleRuntime(name), ...SETTINGS, ...known }), standIn());
}

/** The registry's app, likewise. */
export const registryApp = (): AnyElysia =>
  registry(idleRuntime('registry'), standIn<RegistryDeps>({ isOwnHost: () => true }));

/** A runtime that logs nothing. */
export const idleRuntime = (name: string): Runtime =>
  createRuntime({ name, version, log: pino({ level: 'silent' }) });

/**
 * Stands in for dependencies that are passed on and not used: every property of it is another one.
 *
 * @param known the properties that are used
 */
export const standIn = <Dependencies extends object>(known: Partial<Dependencies> = {}): Dependencies =>
  new Proxy(known, {
    get: (target, key) =>
      key in target ? Reflect.get(target, key) : typeof key === 'symbol' ? undefined : standIn(),
  }) as Dependencies;
