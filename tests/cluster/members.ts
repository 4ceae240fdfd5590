import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { nodesOf } from '../../infra/cluster/nodes';
import type { ClusterStack } from '../../infra/cluster/start';
import { databaseOf } from '../../scripts/databases';
import { connectToAny } from '../../scripts/parked/rabbit-connection';
import { eventually } from '../support/eventually';
import { masterOf } from './redis-master';

const MEMBERS_MS = 120_000;

/**
 * Resolves once every node is a member of its cluster again, and has what the others have. Until then the loss of another one
 * is a second fault at the same time, which three nodes do not survive.
 */
export async function untilAllAreMembers(stack: ClusterStack): Promise<void> {
  await eventually(() => requireGalera(stack), MEMBERS_MS);
  await untilBrokersAccept((stack.environment.AMQP_URL ?? '').split(','));
  for (const { name } of nodesOf('redis')) await masterOf(stack, name);
}

/** Resolves once each node of RabbitMQ accepts connections: one without a majority does not. */
export async function untilBrokersAccept(urls: readonly string[]): Promise<void> {
  for (const url of urls)
    await eventually(async () => (await connectToAny([url])).connection.close(), MEMBERS_MS);
}

async function requireGalera(stack: ClusterStack): Promise<void> {
  const { standbys = [], ...first } = databaseOf('users', { ...process.env, ...stack.environment });
  const nodes = [first, ...standbys];
  for (const { host, port } of nodes) {
    const connection = await createConnection({
      ...{ host, port, user: first.user, password: first.password, connectTimeout: 2_000 },
    });
    try {
      const [rows] = await connection.query<RowDataPacket[]>(
        "show global status where variable_name in ('wsrep_cluster_size', 'wsrep_local_state_comment')",
      );
      const values = rows.map(({ Value }) => String(Value)).sort();
      if (values.join() !== `${nodes.length},Synced`)
        throw new Error(`A node of MariaDB is not yet a member: ${values}`);
    } finally {
      connection.destroy();
    }
  }
}
