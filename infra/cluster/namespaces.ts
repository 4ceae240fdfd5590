import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { systemProgram } from '../programs';
import type { Network } from './network';
import { allNodes, type NodeAddress } from './nodes';

/** The last number of the address of the bridge, from which the processes of Rookery reach the nodes. */
const BRIDGE_HOST = 1;

/**
 * Each node has a network namespace of its own, which a veth pair connects to a bridge: unplugging its end from the bridge
 * partitions the node. Needs root. Names and addresses derive from the folder, so that what a killed run left behind is
 * found and removed when the next one starts.
 *
 * @param folder of the stack
 */
export function namespaceNetwork(folder: string): Network {
  const digest = createHash('sha256').update(resolve(folder)).digest();
  // A name of an interface has at most 15 characters.
  const prefix = `rk${digest.toString('hex', 0, 3)}`;
  const subnet = `10.${200 + ((digest[3] ?? 0) % 50)}.${digest[4] ?? 0}`;
  const namespaceOf = (node: string) => `${prefix}-${node}`;
  const outerEnd = ({ host }: NodeAddress) => `${prefix}-${host}`;
  const innerEnd = 'eth0';
  const addressOf = ({ host }: NodeAddress) => `${subnet}.${host}`;

  async function close() {
    const namespaces = (await ip('netns', 'list')).split('\n').map((line) => line.split(' ')[0] ?? '');
    for (const name of namespaces.filter((each) => each.startsWith(`${prefix}-`)))
      await ip('netns', 'delete', name);
    // The end of a pair outlives its namespace for a moment, or as long as a process in it.
    for (const name of (await linkNames()).filter((each) => each === prefix || each.startsWith(`${prefix}-`)))
      await ip('link', 'delete', name).catch(ignoreMissing);
  }

  async function addNode(node: NodeAddress) {
    const namespace = namespaceOf(node.name);
    await ip('netns', 'add', namespace);
    await ip('link', 'add', outerEnd(node), 'type', 'veth', 'peer', 'name', innerEnd, 'netns', namespace);
    await ip('-n', namespace, 'address', 'add', `${addressOf(node)}/24`, 'dev', innerEnd);
    for (const device of ['lo', innerEnd]) await ip('-n', namespace, 'link', 'set', device, 'up');
    await ip('link', 'set', outerEnd(node), 'master', prefix, 'up');
  }

  const nodeNamed = (name: string) => {
    const node = allNodes().find((each) => each.name === name);
    if (node === undefined) throw new Error(`The cluster has no node ${name}`);
    return node;
  };

  return {
    addressOf,
    isShared: false,
    on: (node, { program, args, environment }) => ({
      program: systemProgram('ip', 'iproute2'),
      // It replaces itself with the program: the process keeps its id, and its signals.
      args: ['netns', 'exec', namespaceOf(node), program, ...args],
      ...(environment !== undefined && { environment }),
    }),
    async open() {
      if (process.getuid?.() !== 0) throw new Error('Network namespaces need root');
      await close();
      await ip('link', 'add', prefix, 'type', 'bridge');
      await ip('address', 'add', `${subnet}.${BRIDGE_HOST}/24`, 'dev', prefix);
      await ip('link', 'set', prefix, 'up');
      for (const node of allNodes()) await addNode(node);
    },
    close,
    cut: async (name) => void (await ip('link', 'set', outerEnd(nodeNamed(name)), 'nomaster')),
    join: async (name) => void (await ip('link', 'set', outerEnd(nodeNamed(name)), 'master', prefix)),
  };
}

const linkNames = async () =>
  (JSON.parse(await ip('-json', 'link', 'show')) as { ifname: string }[]).map(({ ifname }) => ifname);

function ignoreMissing(failure: unknown) {
  if (!String(failure).includes('Cannot find device')) throw failure;
}

/** @throws with what `ip` says when it fails */
async function ip(...args: string[]): Promise<string> {
  const child = Bun.spawn([systemProgram('ip', 'iproute2'), ...args], { stdout: 'pipe', stderr: 'pipe' });
  const [output, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`ip ${args.join(' ')}: ${error.trim()}`);
  return output;
}
