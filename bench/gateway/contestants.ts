import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceLease } from '#kit/registry/lease';
import { proxyConfiguration, upstreamConfiguration } from './peers/nginx';
import { ownProcesses, registerUpstream } from './stack';

/** A proxy in front of the upstream, pinned to one core. */
export interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

/** The running processes; `stopAll` stops exactly these. */
export interface Field {
  readonly contestants: readonly Contestant[];
  readonly upstreamUrl: string;
  readonly upstreamPid: number;
  stopAll(): Promise<void>;
}

const here = import.meta.dir;
/** The requested path: a route with a parameter, among many other routes. */
const PATH = '/greetings/42';

/** Starts the upstream and all proxies, and waits until each is ready. */
export async function startAll(folder: string, cores: { proxy: number; load: number }): Promise<Field> {
  const started: Bun.Subprocess[] = [];
  const quiet = openSync('/dev/null', 'w');
  const run = (core: number, command: string[], env: Record<string, string> = {}) => {
    const options = {
      stdout: quiet,
      stderr: 'inherit',
      env: { ...process.env, NODE_ENV: 'production', ...env },
    } as const;
    const child = Bun.spawn(['taskset', '-c', String(core), ...command], options);
    started.push(child);
    // taskset execs the command.
    return child.pid;
  };
  const nginx = (core: number, name: string, configuration: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    const path = join(folder, name, 'nginx.conf');
    writeFileSync(path, configuration);
    return run(core, ['nginx', '-e', 'stderr', '-p', join(folder, name), '-c', path]);
  };

  const [registryPort = 0, ours = 0, nginxPort = 0, fastify = 0, httpProxy = 0, ...upstreams] = freePorts(7);
  const upstreamUrl = `http://127.0.0.1:${upstreams[0]}`;
  const upstreamPid = nginx(
    cores.load,
    'upstream',
    upstreamConfiguration(join(folder, 'upstream'), upstreams),
  );
  const node = (script: string, port: number) =>
    run(cores.proxy, ['node', join(here, 'peers', script), String(port), upstreamUrl]);
  const local = (port: number) => `http://127.0.0.1:${port}${PATH}`;
  const own = ownProcesses({ registry: registryPort, gateway: ours });
  run(cores.load, own.registry.command, own.registry.env);
  const contestants: Contestant[] = [
    { name: 'rookery', url: local(ours), pid: run(cores.proxy, own.gateway.command, own.gateway.env) },
    {
      name: 'nginx',
      url: local(nginxPort),
      pid: nginx(cores.proxy, 'proxy', proxyConfiguration(join(folder, 'proxy'), nginxPort, upstreams)),
    },
    { name: '@fastify/http-proxy', url: local(fastify), pid: node('fastify-http-proxy.mjs', fastify) },
    { name: 'http-proxy', url: local(httpProxy), pid: node('http-proxy.mjs', httpProxy) },
  ];
  const leases: InstanceLease[] = [];
  const stopAll = async () => {
    await Promise.all(leases.map((lease) => lease.deregister()));
    for (const child of started) child.kill('SIGTERM');
    await Promise.all(started.map((child) => child.exited));
  };
  try {
    await waitUntilReady(`${own.registryUrl}/health`);
    leases.push(...(await registerUpstream(own.registryUrl, upstreams)));
    for (const url of [upstreamUrl, ...contestants.map((contestant) => contestant.url)])
      await waitUntilReady(url);
  } catch (failure) {
    await stopAll();
    throw failure;
  }
  return { contestants, upstreamUrl: upstreamUrl + PATH, upstreamPid, stopAll };
}

/** Opened at the same time, so that all ports differ. */
function freePorts(count: number): number[] {
  const socket = { data: () => undefined };
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: '127.0.0.1', port: 0, socket }),
  );
  for (const listener of listeners) listener.stop(true);
  return listeners.map((listener) => listener.port);
}

async function waitUntilReady(url: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const isReady = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    if (performance.now() > deadline) throw new Error(`${url} was not ready within 15 s`);
    await Bun.sleep(50);
  }
}
