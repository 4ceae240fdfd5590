import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { proxyConfiguration, upstreamConfiguration } from './peers/nginx';
import { gatewayProcess, registerUpstream, registryProcess, UPSTREAM_PORTS } from './stack';
import { homeBody, type Work } from './works';

/** A proxy in front of the upstream. */
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

export interface Cores {
  readonly proxy: number;
  readonly load: number;
}

/**
 * Starts the upstream and all proxies, and waits until each is ready.
 *
 * @param options.before another checkout of this repository, whose gateway is measured as well
 */
export async function startAll(
  folder: string,
  cores: Cores,
  options: { works: readonly Work[]; before: string | undefined },
): Promise<Field> {
  const processes = createProcesses(folder);
  const { run, nginx } = processes;
  const home = join(folder, 'home.json');
  writeFileSync(home, homeBody());
  const [
    registryPort = 0,
    ours = 0,
    pair = 0,
    former = 0,
    nginxPort = 0,
    fastify = 0,
    httpProxy = 0,
    ...upstreams
  ] = freePorts(7 + UPSTREAM_PORTS);
  const upstreamUrl = `http://127.0.0.1:${upstreams[0]}`;
  const registryUrl = `http://127.0.0.1:${registryPort}`;
  const upstreamPid = nginx(
    cores.load,
    'upstream',
    upstreamConfiguration(join(folder, 'upstream'), upstreams, home),
  );
  const at = (name: string, port: number, pid: number): Contestant => ({
    name,
    url: `http://127.0.0.1:${port}`,
    pid,
  });
  const gateway = (port: number, core: string, workers: number, checkout?: string) => {
    const { command, env } = gatewayProcess({ checkout, port, registryUrl, workers });
    return run(core, command, env);
  };
  const node = (script: string, port: number) =>
    run(String(cores.proxy), ['node', join(here, 'peers', script), String(port), upstreamUrl]);
  const registry = registryProcess(registryPort);
  run(String(cores.load), registry.command, registry.env);
  const core = String(cores.proxy);
  const contestants = [
    at(OURS, ours, gateway(ours, core, 1)),
    at('rookery with 2 workers', pair, gateway(pair, `${cores.proxy},${cores.load}`, 2)),
    ...(options.before === undefined
      ? []
      : [at('rookery before', former, gateway(former, core, 1, options.before))]),
    at(
      'nginx',
      nginxPort,
      nginx(cores.proxy, 'proxy', proxyConfiguration(join(folder, 'proxy'), nginxPort, upstreams)),
    ),
    at('@fastify/http-proxy', fastify, node('fastify-http-proxy.mjs', fastify)),
    at('http-proxy', httpProxy, node('http-proxy.mjs', httpProxy)),
  ];
  let leave = async (): Promise<unknown> => undefined;
  const stopAll = async () => {
    await leave();
    await processes.stop();
  };
  try {
    await waitUntilReady(`${registryUrl}/health`);
    const upstream = await registerUpstream(registryUrl, upstreams);
    leave = upstream.leave;
    await Promise.race([upstream.registered, processes.anyExit]);
    for (const { path, headers } of options.works)
      for (const url of [upstreamUrl, ...contestants.map((contestant) => contestant.url)])
        await waitUntilReady(url + path, headers);
  } catch (failure) {
    await stopAll();
    throw failure;
  }
  return { contestants, upstreamUrl, upstreamPid, stopAll };
}

/** The contestant that the others are compared with. */
export const OURS = 'rookery';

/** Starts processes, each on its own cores. */
function createProcesses(folder: string) {
  const started: Bun.Subprocess[] = [];
  const quiet = openSync('/dev/null', 'w');
  const exit = Promise.withResolvers<never>();
  let isStopping = false;

  function run(cores: string, command: string[], env: Record<string, string> = {}): number {
    const child = Bun.spawn(['taskset', '-c', cores, ...command], {
      stdout: quiet,
      stderr: 'inherit',
      env: { ...process.env, NODE_ENV: 'production', ...env },
      onExit(_, code) {
        if (!isStopping) exit.reject(new Error(`${command.join(' ')} has ended with ${code}`));
      },
    });
    started.push(child);
    // taskset execs the command.
    return child.pid;
  }

  // Whoever waits at that time learns it.
  exit.promise.catch(() => undefined);
  return {
    run,
    nginx(core: number, name: string, configuration: string): number {
      mkdirSync(join(folder, name), { recursive: true });
      const path = join(folder, name, 'nginx.conf');
      writeFileSync(path, configuration);
      return run(String(core), ['nginx', '-e', 'stderr', '-p', join(folder, name), '-c', path]);
    },
    /** Rejects when a process has ended early. */
    anyExit: exit.promise,
    async stop() {
      isStopping = true;
      for (const child of started) child.kill('SIGTERM');
      await Promise.all(started.map((child) => child.exited));
    },
  };
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

async function waitUntilReady(url: string, lines: readonly string[] = []): Promise<void> {
  const headers = lines.map((line) => line.split(': ') as [string, string]);
  const deadline = performance.now() + 15_000;
  for (;;) {
    const isReady = await fetch(url, { headers }).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    if (performance.now() > deadline) throw new Error(`${url} was not ready within 15 s`);
    await Bun.sleep(50);
  }
}
