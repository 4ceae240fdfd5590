import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { httpUrl } from '#kit/core/address';
import { probeTcp } from '../probes';
import { defineFamily } from './family';
import type { Network } from './network';

const PORT = 19000;
const PROGRAM = join(import.meta.dir, '..', 's3', 'server.ts');
/** The only account that the server has. */
const ACCESS_KEY = 'S3RVER';

/** A store of files that the processes of all machines share. One node: what replicates files is for real ones to do. */
export const s3 = (network: Network) =>
  defineFamily('s3', network, {
    replacedBy: ['S3_ENDPOINT'],
    async plan({ folder, nodes, choosePort }) {
      const port = await choosePort(PORT);
      const [node] = nodes;
      if (node === undefined) throw new Error('The cluster has no node');
      // Where a process looks for unfinished uploads of earlier versions, which no system on a cluster had.
      const local = join(folder, 'local');
      mkdirSync(local, { recursive: true });
      return {
        plans: [
          {
            commands: [
              {
                program: process.execPath,
                args: [PROGRAM, `--folder=${node.folder}`, `--host=${node.host}`, `--port=${port}`],
              },
            ],
            ready: async () =>
              (await probeTcp(port, 'HEAD / HTTP/1.0\r\n\r\n', node.host))?.startsWith('HTTP/') === true,
          },
        ],
        form: async (running) => void (await Promise.all(running.map((each) => each.restart()))),
        environment: {
          S3_ENDPOINT: httpUrl(node.host, port),
          S3_ACCESS_KEY_ID: ACCESS_KEY,
          S3_SECRET_ACCESS_KEY: ACCESS_KEY,
          MEDIA_STORAGE: local,
        },
      };
    },
  });
