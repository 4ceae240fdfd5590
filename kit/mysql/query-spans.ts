import type { Pool } from 'mysql2/promise';
import type { SpanAttributes, SpanEnd } from '../core/span';
import { withSpan } from '../tracing/spans';

/** Longer statements are mostly placeholders. */
const STATEMENT_CHARACTERS = 1_024;

/**
 * Wraps a pool so that each statement within a span becomes a child span. Statements have placeholders, and their values
 * are sent separately: no value ends up in a span.
 */
export function withQuerySpans(pool: Pool, address: { host: string; port: number; database: string }): Pool {
  const shared: SpanAttributes = {
    'db.system.name': 'mysql',
    'db.namespace': address.database,
    'server.address': address.host,
    'server.port': address.port,
  };

  function traced<Client extends object>(client: Client): Client {
    return new Proxy(client, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        if (property === 'query')
          return (...sent: unknown[]) =>
            withSpan(
              () => statementSpan(shared, sent[0]),
              async () => value.apply(target, sent),
            );
        if (property === 'getConnection') return async () => traced(await value.apply(target));
        return value.bind(target);
      },
    });
  }

  return traced(pool);
}

function statementSpan(shared: SpanAttributes, query: unknown): SpanEnd {
  const statement = statementOf(query);
  const summary = summaryOf(statement);
  return {
    name: summary,
    kind: 'client',
    attributes: {
      ...shared,
      'db.operation.name': summary.split(' ', 1)[0] ?? summary,
      'db.query.summary': summary,
      'db.query.text': statement.slice(0, STATEMENT_CHARACTERS),
    },
  };
}

function statementOf(query: unknown): string {
  if (typeof query === 'string') return query;
  const isOptions = typeof query === 'object' && query !== null && 'sql' in query;
  return isOptions && typeof query.sql === 'string' ? query.sql : '';
}

const OPERATION = /^[\s(]*([a-z]+)/i;
const TABLE = /\b(?:from|into|update)\s+`?([\w$]+)/i;

/** Operation and table: `insert posts`. */
function summaryOf(statement: string): string {
  const start = statement.slice(0, STATEMENT_CHARACTERS * 4);
  const operation = OPERATION.exec(start)?.[1]?.toLowerCase() ?? 'query';
  const table = TABLE.exec(start)?.[1];
  return table === undefined ? operation : `${operation} ${table}`;
}
