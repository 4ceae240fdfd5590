import { METHODS } from 'node:http';
import { rawConnection } from '../support/raw-http';
import { type Accepted, acceptedOf, mutant, randomFrom, written } from './support/fuzz';

/**
 * Fuzzes the gateway's reader against Node's: Node must parse every request that ours accepts, written as the gateway
 * writes it, as the same request. `bun tests/conformance/reader-fuzz.ts [seconds] [seed]`; needs node in the PATH.
 */

const NODE_SERVER = `
const answer = (request, response) => {
  let length = 0;
  request.on('data', (bytes) => { length += bytes.length; });
  request.on('end', () => response.end(JSON.stringify([request.method, request.url, request.rawHeaders.length / 2, length])));
};
const server = require('node:http').createServer({ insecureHTTPParser: false, maxHeaderSize: 65536 }, answer);
server.maxHeadersCount = 0;
server.on('checkContinue', answer);
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

async function main(seconds: number, seed: number): Promise<boolean> {
  if (Bun.which('node') === null) {
    console.error('Skipped: node is not installed');
    return true;
  }
  const node = Bun.spawn(['node', '-e', NODE_SERVER], { stdout: 'pipe', stderr: 'inherit' });
  try {
    const port = Number(new TextDecoder().decode((await node.stdout.getReader().read()).value));
    return await compare(port, seconds, seed);
  } finally {
    node.kill();
  }
}

async function compare(port: number, seconds: number, seed: number): Promise<boolean> {
  const random = randomFrom(seed);
  const deadline = performance.now() + seconds * 1_000;
  let mutants = 0;
  let compared = 0;
  let differing = 0;
  while (performance.now() < deadline && differing < 10) {
    const text = mutant(random);
    mutants++;
    for (const accepted of acceptedOf(text, random)) {
      // Node rejects unknown methods; everything else must be the same.
      if (!METHODS.includes(accepted.request.head.method)) continue;
      compared++;
      const seen = await readByNode(port, accepted);
      const ours = JSON.stringify(summaryOf(accepted));
      if (seen === ours) continue;
      differing++;
      console.error({ mutant: text, written: written(accepted), ours, seen });
    }
  }
  console.log(
    `seed ${seed}: ${mutants} mutants, ${compared} accepted and compared, ${differing} differences`,
  );
  return differing === 0;
}

async function readByNode(port: number, accepted: Accepted): Promise<string> {
  const { method } = accepted.request.head;
  // The response to HEAD has no body to compare.
  const sent = method === 'HEAD' ? { ...accepted, request: withMethod(accepted, 'GET') } : accepted;
  const connection = rawConnection(port);
  connection.send(written(sent));
  const [response] = await connection.responses((all) => all.length === 1);
  connection.end();
  if (response?.status !== 200) return `status ${response?.status}`;
  const [, ...rest] = JSON.parse(response.body);
  return JSON.stringify([method, ...rest]);
}

const withMethod = ({ request }: Accepted, method: string) => ({
  ...request,
  head: { ...request.head, method },
});

function summaryOf({ request, body }: Accepted) {
  const { method, target, headers } = request.head;
  const hostAdded = headers.some(([name]) => name.toLowerCase() === 'host') ? 0 : 1;
  return [method, target, headers.length + hostAdded, body.length];
}

const [seconds = '10', seed = String(Math.floor(Math.random() * 2 ** 31))] = process.argv.slice(2);
process.exitCode = (await main(Number(seconds), Number(seed))) ? 0 : 1;
