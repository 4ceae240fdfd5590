import { Problem } from '#kit/errors/problem';
import { validated } from '#kit/errors/validation';
import type { AuthDeps } from '../../deps';
import { ForgottenPassword, InvalidResetToken, PasswordReset } from '../../password-resets/model';
import { isUsable, requestReset, resetPassword } from '../../password-resets/service';
import { cookiesOf } from '../../sessions/cookies';
import { failureOf } from '../failures';
import type { Visitor } from '../visitor';
import type { ForgotForm, ResetForm } from './model';
import { forgotPage, mailedPage, resetDonePage, resetPage, unusableLinkPage } from './page';

/** Has a link mailed, or shows the form again. */
export async function forgotByForm(deps: AuthDeps, visitor: Visitor, form: ForgotForm): Promise<Response> {
  const email = form.email.trim();
  try {
    await requestReset(deps, validated(ForgottenPassword, { email }), visitor.from);
    return mailedPage(visitor);
  } catch (thrown) {
    return forgotPage(visitor, { email, failure: failureOf(thrown, {}, ['email']) });
  }
}

/** The form of a mailed link. Opening it uses nothing up: mail scanners follow links. */
export const showReset = async (deps: AuthDeps, visitor: Visitor, token: string): Promise<Response> =>
  (await isUsable(deps, token)) ? resetPage(visitor, { token }) : unusableLinkPage(visitor);

/** Sets the new password, or shows the form again. */
export async function resetByForm(
  deps: AuthDeps,
  visitor: Visitor,
  { token, new_password }: ResetForm,
): Promise<Response> {
  try {
    const input = validated(PasswordReset, { token, new_password });
    const device = await resetPassword(deps, input, visitor.from);
    return resetDonePage(visitor, cookiesOf(visitor.browser, { device }));
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === InvalidResetToken.code) return unusableLinkPage(visitor);
    return resetPage(visitor, { token, failure: failureOf(thrown, {}, ['new_password']) });
  }
}
