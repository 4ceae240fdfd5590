import { ValidationFailed } from '#kit/errors/problem';

/** What the script of a page has put into the field `passkey`, to be validated. @throws ValidationFailed */
export function parsePasskey(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (failure) {
    throw new ValidationFailed({ errors: [{ field: 'passkey', message: 'JSON' }], cause: failure });
  }
}
