import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { proxyConfiguration, upstreamConfiguration } from './peers/nginx';

/** A proxy in front of the upstream, running on a processor of its own. */
export interface Contestant {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

/** Processes by who started them; `stopAll` ends exactly these. */
export interface Stable {
  readonly contestants: readonly Contestant[];
  readonly upstreamUrl: string;
  readonly upstreamPid: number;
  stopAll(): Promise<void>;
}

const here = import.meta.dir;

/** Starts the upstream and all proxies, and waits until each answers. */
export async function startAll(folder: string, cores: { proxy: number; load: number }): Promise<Stable> {
  const started: Bun.Subprocess[] = [];
  const quiet = openSync('/dev/null', 'w');
  const run = (core: number, command: string[]) => {
    const options = {
      stdout: quiet,
      stderr: 'inherit',
      env: { ...process.env, NODE_ENV: 'production' },
    } as const;
    const child = Bun.spawn(['taskset', '-c', String(core), ...command], options);
    started.push(child);
    // taskset becomes the command it is given.
    return child.pid;
  };
  const nginx = (core: number, name: string, configuration: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    const path = join(folder, name, 'nginx.conf');
    writeFileSync(path, configuration);
    return run(core, ['nginx', '-e', 'stderr', '-p', join(folder, name), '-c', path]);
  };

  const [upstream = 0, ours = 0, nginxPort = 0, fastify = 0, httpProxy = 0] = freePorts(5);
  const upstreamUrl = `http://127.0.0.1:${upstream}`;
  const upstreamPid = nginx(
    cores.load,
    'upstream',
    upstreamConfiguration(join(folder, 'upstream'), upstream),
  );
  const node = (script: string, port: number) =>
    run(cores.proxy, ['node', join(here, 'peers', script), String(port), upstreamUrl]);
  const local = (port: number) => `http://127.0.0.1:${port}`;
  const contestants: Contestant[] = [
    {
      name: 'rookery',
      url: local(ours),
      pid: run(cores.proxy, [process.execPath, join(here, 'rookery.ts'), String(ours), String(upstream)]),
    },
    {
      name: 'nginx',
      url: local(nginxPort),
      pid: nginx(cores.proxy, 'proxy', proxyConfiguration(join(folder, 'proxy'), nginxPort, upstream)),
    },
    { name: '@fastify/http-proxy', url: local(fastify), pid: node('fastify-http-proxy.mjs', fastify) },
    { name: 'http-proxy', url: local(httpProxy), pid: node('http-proxy.mjs', httpProxy) },
  ];
  const stopAll = async () => {
    for (const child of started) child.kill('SIGTERM');
    await Promise.all(started.map((child) => child.exited));
  };
  try {
    for (const url of [upstreamUrl, ...contestants.map((contestant) => contestant.url)])
      await untilItAnswers(url);
  } catch (failure) {
    await stopAll();
    throw failure;
  }
  return { contestants, upstreamUrl, upstreamPid, stopAll };
}

/** Held open together, so that no two are the same. */
function freePorts(count: number): number[] {
  const socket = { data: () => undefined };
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: '127.0.0.1', port: 0, socket }),
  );
  for (const listener of listeners) listener.stop(true);
  return listeners.map((listener) => listener.port);
}

async function untilItAnswers(url: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const answered = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    if (performance.now() > deadline) throw new Error(`${url} did not answer within 15 s`);
    await Bun.sleep(50);
  }
}
