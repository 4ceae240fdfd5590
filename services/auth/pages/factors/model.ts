import type { Static } from '@sinclair/typebox';
import { formOf, typed } from '../model';

export const ConfirmAppForm = formOf({ code: typed(64) });
export type ConfirmAppForm = Static<typeof ConfirmAppForm>;

/** Forms of one button. */
export const ButtonForm = formOf({});
