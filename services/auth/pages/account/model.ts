import { type Static, Type } from '@sinclair/typebox';
import { formOf, typed } from '../model';

export const EndSessionForm = formOf({
  /** Absent: all but this browser's. */
  session_id: Type.Optional(Type.String({ maxLength: 36 })),
});
export type EndSessionForm = Static<typeof EndSessionForm>;

export const EndAppForm = formOf({ app_id: Type.String({ maxLength: 36 }) });
export type EndAppForm = Static<typeof EndAppForm>;

export const PasswordForm = formOf({ current_password: typed(), new_password: typed() });
export type PasswordForm = Static<typeof PasswordForm>;

export const DeletionForm = formOf({
  username: typed(254),
  /** Where the sign-in is not recent. */
  current_password: Type.Optional(typed()),
});
export type DeletionForm = Static<typeof DeletionForm>;
