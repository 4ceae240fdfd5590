import { type Found, SHARD_KEYS, type Sharding, shardingOf, sharedTables } from './shard-keys';

/** A hash of a value's bytes: any type can be spread by it. */
const HASH = 'xxhash';
/** The keyspace id of the first shard, in hexadecimal. */
const FIRST_SHARD = '00';

/**
 * The VSchema of a service's database as a keyspace of Vitess
 * (https://vitess.io/docs/reference/features/vschema/), for `vtctldclient ApplyVSchema`.
 *
 * @param keyspace the name of the database
 */
export function vschemaOf(service: string, keyspace: string): object {
  const tables = { ...SHARD_KEYS[service] };
  for (const table of sharedTables()) tables[table] ??= shardingOf(service, table) ?? 'first';
  const lookups = Object.entries(tables).flatMap(([table, sharding]) =>
    typeof sharding === 'object'
      ? (sharding.found ?? []).map((found) => [
          lookupName(table, found),
          lookupOf(keyspace, table, columnsOf(sharding.by, found)),
        ])
      : [],
  );
  return {
    sharded: true,
    vindexes: { [HASH]: { type: HASH }, ...Object.fromEntries(lookups) },
    tables: Object.fromEntries(
      Object.entries(tables).map(([table, sharding]) => [table, tableOf(table, sharding)]),
    ),
  };
}

function tableOf(table: string, sharding: Sharding): object {
  if (sharding === 'reference') return { type: 'reference' };
  if (sharding === 'first') return { pinned: FIRST_SHARD };
  const { by, found = [], sequence } = sharding;
  return {
    column_vindexes: [
      { columns: [by], name: HASH },
      ...found.map((one) => ({ columns: columnsOf(by, one), name: lookupName(table, one) })),
    ],
    ...(sequence !== undefined && { auto_increment: { column: sequence, sequence: `${table}_seq` } }),
  };
}

const lookupName = (table: string, { column }: Found) => `${table}_by_${column}`;

/** Those that tell the rows of one value apart come after it. */
const columnsOf = (by: string, { column, unique }: Found) => (unique ? [column] : [column, by]);

/** An index over all shards, in a table of the keyspace that `vtctldclient LookupVindex create` makes and fills. */
const lookupOf = (keyspace: string, table: string, columns: readonly string[]) => ({
  type: columns.length === 1 ? 'consistent_lookup_unique' : 'consistent_lookup',
  params: {
    table: `${keyspace}.${table}_by_${columns[0]}`,
    from: columns.join(','),
    to: 'keyspace_id',
  },
  owner: table,
});
