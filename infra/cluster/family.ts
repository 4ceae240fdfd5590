import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ChoosePort, createPortChooser, isPortFree } from '../ports';
import { newLog, type Plan, type RunningServer, runPlan, type Server, type StartContext } from '../server';
import type { Network } from './network';
import { type Family, type NodeAddress, nodesOf } from './nodes';

/** A node and where it runs. */
export interface PlannedNode {
  readonly name: string;
  readonly host: string;
  /** Its data, within the folder of the family. */
  readonly folder: string;
  /** Its number, from 0. */
  readonly index: number;
}

export interface FamilyContext extends StartContext {
  /** Of the family, with a folder for each node in it. */
  readonly folder: string;
  readonly network: Network;
  readonly nodes: readonly PlannedNode[];
  /** The first port at or above the preferred one of the stack that is free at every node. */
  readonly choosePort: ChoosePort;
}

/** How a cluster of one kind of server is run. */
export interface FamilyPlan {
  readonly plans: readonly Plan[];
  /** Starts the nodes, which are down, in the order that they need, and makes a cluster of them. */
  readonly form: (nodes: readonly RunningServer[]) => Promise<void>;
  readonly environment: Readonly<Record<string, string>>;
}

/** Creates a cluster of one kind of server: the stack treats it as that server, and each of its nodes by name. */
export function defineFamily(
  name: Family,
  network: Network,
  definition: {
    readonly replacedBy: readonly string[];
    readonly plan: (context: FamilyContext) => FamilyPlan | Promise<FamilyPlan>;
  },
): Server {
  return {
    name,
    replacedBy: definition.replacedBy,
    async start(context) {
      const started = performance.now();
      const folder = join(context.folder, name);
      const addresses = nodesOf(name);
      const planned = addresses.map((node, index) => {
        const nodeFolder = join(folder, node.name);
        mkdirSync(nodeFolder, { recursive: true });
        return { name: node.name, host: network.addressOf(node), folder: nodeFolder, index };
      });
      const choosePort = createPortChooser({
        offset: context.portOffset,
        isFree: (port) => isFreeAtAll(network, planned, port),
      });
      const plan = await definition.plan({ ...context, folder, network, nodes: planned, choosePort });
      const nodes = addresses.map((address, index) =>
        runNode(address, planned[index], plan.plans[index], network, context),
      );
      await formOrStop(plan, nodes);
      return cluster(name, nodes, plan, performance.now() - started);
    },
  };
}

/** Nodes in namespaces of their own share their ports with nobody. */
async function isFreeAtAll(network: Network, nodes: readonly PlannedNode[], port: number) {
  if (!network.isShared) return true;
  return (await Promise.all(nodes.map(({ host }) => isPortFree(port, host)))).every(Boolean);
}

function runNode(
  address: NodeAddress,
  planned: PlannedNode | undefined,
  plan: Plan | undefined,
  network: Network,
  context: StartContext,
): RunningServer {
  if (planned === undefined || plan === undefined) throw new Error(`${address.name} has no plan`);
  const commands = plan.commands.map((command) => network.on(address.name, command));
  const server = commands.pop();
  if (server === undefined) throw new Error(`${address.name} has no command`);
  const onNetwork: Plan = { ...plan, commands: [...commands, server] };
  const run = runPlan(address.name, onNetwork, {
    ...context,
    folder: planned.folder,
    logFile: newLog(context.folder, address.name),
  });
  return { name: address.name, environment: {}, startedInMs: 0, ...run };
}

async function formOrStop(plan: FamilyPlan, nodes: readonly RunningServer[]) {
  try {
    await plan.form(nodes);
  } catch (failure) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw failure;
  }
}

function cluster(
  name: Family,
  nodes: readonly RunningServer[],
  plan: FamilyPlan,
  startedInMs: number,
): RunningServer {
  const all = async (action: (node: RunningServer) => Promise<void>) => {
    await Promise.all(nodes.map(action));
  };
  return {
    name,
    nodes,
    environment: plan.environment,
    startedInMs: Math.round(startedInMs),
    pid: () => nodes.find((node) => node.pid() !== undefined)?.pid(),
    kill: (signal) => all((node) => node.kill(signal)),
    async restart() {
      await all((node) => node.kill('SIGTERM'));
      await plan.form(nodes);
    },
    stop: () => all((node) => node.stop()),
  };
}
