import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './registry';

const START_MS = 15_000;

/** Starts an S3-compatible server process on a free port with an empty folder. */
export async function startObjectStore() {
  const folder = await mkdtemp(join(tmpdir(), 'rookery-s3-'));
  const port = freePort();
  const program = join(import.meta.dir, '..', '..', 'infra', 's3', 'server.ts');
  const child = Bun.spawn(
    [process.execPath, program, `--folder=${folder}`, '--host=127.0.0.1', `--port=${port}`],
    { stdout: 'ignore', stderr: 'pipe' },
  );
  const endpoint = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (
    !(await fetch(endpoint).then(
      () => true,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`the object store did not start: ${await new Response(child.stderr).text()}`);
    await Bun.sleep(50);
  }
  return {
    settings: { endpoint, region: 'us-east-1', accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    async stop() {
      child.kill();
      await child.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
