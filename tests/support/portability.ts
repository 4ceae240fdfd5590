import type {
  PortabilityServiceDefinition,
  Record as RecordMessage,
} from '#contracts/gen/portability/v1/portability';
import type { GrpcService } from '#kit/grpc/server';
import { directClient } from './direct-client';

const clientOf = (service: GrpcService) => directClient<PortabilityServiceDefinition>(service);

/** Everything that a service exports of a user: the records of each collection, in order, with their files. */
export async function exportAll(
  service: GrpcService,
  userId: string,
): Promise<Record<string, RecordMessage[]>> {
  const client = clientOf(service);
  const { collections } = await client.listCollections({});
  const exported: Record<string, RecordMessage[]> = {};
  for (const { name } of collections) {
    const records: RecordMessage[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.exportRecords({ user_id: userId, collection: name, cursor });
      records.push(...page.records);
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    exported[name] = records;
  }
  return exported;
}

/** The records of each collection, parsed. */
export const recordsIn = (exported: Readonly<Record<string, readonly RecordMessage[]>>) =>
  Object.fromEntries(
    Object.entries(exported).map(([name, records]) => [
      name,
      records.map(({ json }) => JSON.parse(json) as Record<string, unknown>),
    ]),
  );

/**
 * Imports what `exportAll` returned, in the service's order.
 *
 * @returns how often each outcome or code occurred, for each importable collection
 */
export async function importAll(
  service: GrpcService,
  userId: string,
  exported: Readonly<Record<string, readonly RecordMessage[]>>,
): Promise<Record<string, Record<string, number>>> {
  const client = clientOf(service);
  const { collections } = await client.listCollections({});
  const outcomes: Record<string, Record<string, number>> = {};
  for (const { name, importable } of collections) {
    if (!importable) continue;
    const counts: Record<string, number> = {};
    for (const record of exported[name] ?? []) {
      const { results } = await client.importRecords({
        user_id: userId,
        collection: name,
        records: [record],
      });
      const outcome = results[0]?.code ?? results[0]?.outcome ?? 'none';
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    outcomes[name] = counts;
  }
  return outcomes;
}
