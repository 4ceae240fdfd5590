import { Secret, TOTP } from 'otpauth';
import { type Api, field, textField } from '../api';
import { step, type Visitor } from './steps';

/** A person sets an authenticator app up, and signs in with the password and a code of it. */
export async function signInWithApp(api: Api, person: Visitor, password: string): Promise<void> {
  const { username } = person;
  const begin = { method: 'POST', path: '/auth/second-factors/totp', as: person };
  const { body: setup } = await step(api, `${username} sets an authenticator app up`, begin);
  const app = new TOTP({ secret: Secret.fromBase32(textField(setup, 'secret')) });
  await step(api, `${username} enters a code of the app, and gets recovery codes`, {
    method: 'POST',
    path: '/auth/second-factors/totp/confirm',
    as: person,
    body: { code: app.generate() },
  });
  const signIn = { method: 'POST', path: '/login', body: { username, password } };
  const { body: refused } = await step(api, 'The password alone does not sign in any more', signIn, {
    status: 401,
  });
  // Each code is good once: that of the next half minute is accepted already.
  const code = app.generate({ timestamp: Date.now() + app.period * 1_000 });
  const token = textField(field(refused, 'second_factor'), 'token');
  const completion = { method: 'POST', path: '/auth/second-factor', body: { token, code } };
  const { body } = await step(api, `${username} signs in with the next code`, completion, { keep: person });
  person.token = textField(body, 'access_token');
}
