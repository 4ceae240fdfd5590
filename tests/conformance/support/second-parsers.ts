import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../support/eventually';
import { freePort } from '../../support/registry';

/** A third-party proxy between the gateway and the recorder: a second parser of the same bytes. */
export interface SecondParser {
  readonly port: number;
  stop(): Promise<void>;
}

/** Reports in `X-Understood` the path it parsed, decoded and without dot segments. */
export const startNginx = (recorderPort: number): Promise<SecondParser> =>
  start('nginx', (folder, port) => ({
    command: ['nginx', '-p', folder, '-c', join(folder, 'configuration'), '-e', 'stderr'],
    configuration: `
      daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
      events { worker_connections 256; }
      http {
        access_log off;
        client_body_temp_path ${folder}/1; proxy_temp_path ${folder}/2; fastcgi_temp_path ${folder}/3;
        uwsgi_temp_path ${folder}/4; scgi_temp_path ${folder}/5;
        # The most lenient configuration.
        underscores_in_headers on; ignore_invalid_headers off; large_client_header_buffers 4 32k;
        upstream recorder { server 127.0.0.1:${recorderPort}; keepalive 8; }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://recorder;
            proxy_http_version 1.1; proxy_request_buffering off;
            proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-Understood $uri;
          }
        }
      }`,
  }));

export const startHaproxy = (recorderPort: number): Promise<SecondParser> =>
  start('haproxy', (folder, port) => ({
    command: ['haproxy', '-db', '-f', join(folder, 'configuration')],
    configuration: `
global
  maxconn 256
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  http-request set-header X-Understood %[path,url_dec]
  default_backend recorder
backend recorder
  server recorder 127.0.0.1:${recorderPort}
`,
  }));

async function start(
  name: string,
  setUp: (folder: string, port: number) => { command: string[]; configuration: string },
): Promise<SecondParser> {
  const folder = await mkdtemp(join(tmpdir(), `rookery-${name}-`));
  const port = freePort();
  const { command, configuration } = setUp(folder, port);
  await mkdir(join(folder, 'logs'));
  await Bun.write(join(folder, 'configuration'), configuration);
  const [program = '', ...args] = command;
  const path = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
  const found = Bun.which(program, { PATH: path });
  if (found === null)
    throw new Error(`${name} is missing: run the tests through "make test", which installs it`);
  const child = Bun.spawn([found, ...args], { stdout: 'ignore', stderr: 'pipe' });
  await eventually(async () => {
    if (child.exitCode !== null)
      throw new Error(`${name} exited: ${await new Response(child.stderr).text()}`);
    return (await fetch(`http://127.0.0.1:${port}/started`, { signal: AbortSignal.timeout(1_000) })).ok;
  });
  return {
    port,
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
      await rm(folder, { recursive: true });
    },
  };
}
