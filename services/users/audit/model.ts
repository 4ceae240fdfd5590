import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '#kit/http/pagination';

/** A field that changed. Secrets are never among the values, nor is what was personal of somebody who was erased. */
export const Change = Type.Object({
  field: Type.String(),
  before: Type.Optional(Type.Unknown()),
  after: Type.Optional(Type.Unknown()),
});
export type Change = Static<typeof Change>;

export const AuditEntry = Type.Object({
  id: Type.String(),
  at: Type.String({ format: 'date-time' }),
  action: Type.String({ examples: ['user.roles-set'] }),
  actor_id: Type.String(),
  actor_username: Type.Union([Type.String(), Type.Null()], { description: 'Null once erased' }),
  target_type: Type.Union([Type.Literal('user'), Type.Literal('role'), Type.Literal('permission')]),
  target_id: Type.String(),
  target_username: Type.Union([Type.String(), Type.Null()]),
  request_id: Type.String(),
  changes: Type.Array(Change),
});
export type AuditEntry = Static<typeof AuditEntry>;

export const AuditPage = PageOf(AuditEntry);

const Id = Type.String({
  pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
  error: 'An id like those of people and roles',
});

export const AuditQuery = Type.Composite([
  PageQuery,
  Type.Object({ actor: Type.Optional(Id), target: Type.Optional(Id) }),
]);
export type AuditQuery = Static<typeof AuditQuery>;
