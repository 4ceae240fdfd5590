import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { Timestamp } from '../rooms/model';

export const InvitationNotFound = defineProblem('chat.invitation-not-found', 404, 'Invitation not found');
export const TooManyInvitations = defineProblem('chat.too-many-invitations', 429, 'Too many invitations');

export const Invitation = Type.Object({
  id: Type.String(),
  room: Type.String(),
  private: Type.Boolean(),
  invited_by: Type.Object({ id: Type.String(), username: Type.String() }),
  created_at: Timestamp,
});
export type Invitation = Static<typeof Invitation>;
export const InvitationPage = PageOf(Invitation);

export const SentInvitation = Type.Object({ username: Type.String(), created_at: Timestamp });
export type SentInvitation = Static<typeof SentInvitation>;
export const SentInvitationPage = PageOf(SentInvitation);

export const InvitationParams = Type.Object({ invitation_id: Type.String({ maxLength: 36 }) });
