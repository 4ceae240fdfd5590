import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';

/** A changed field. Never contains secrets, nor the personal data of a deleted user. */
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
  actor_username: nullable(Type.String(), { description: 'Null after the user was deleted' }),
  target_type: Type.Union([Type.Literal('user'), Type.Literal('role'), Type.Literal('permission')]),
  target_id: Type.String(),
  target_username: nullable(Type.String()),
  request_id: Type.String(),
  changes: Type.Array(Change),
});
export type AuditEntry = Static<typeof AuditEntry>;

export const AuditPage = PageOf(AuditEntry);

const Id = Type.String({
  pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
  error: 'A UUID in lower case',
});

export const AuditQuery = Type.Composite([
  PageQuery,
  Type.Object({ actor: Type.Optional(Id), target: Type.Optional(Id) }),
]);
export type AuditQuery = Static<typeof AuditQuery>;
