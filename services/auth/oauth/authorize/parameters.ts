import { ValidationFailed } from '#kit/errors/problem';
import type { Parameters } from './request';

/** All that the next pages are handed on in their own addresses. */
const MAX_UNITS = 5_000;

/**
 * The parameters of a request; one without a value is none (RFC 6749, 3.1).
 *
 * @param sent a query or a form, validated: no known parameter is repeated
 */
export function parametersIn(sent: object): Parameters {
  const parameters = Object.entries(sent).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
  );
  const units = parameters.reduce((total, [name, value]) => total + name.length + value.length, 0);
  if (units > MAX_UNITS)
    throw new ValidationFailed({ errors: [{ field: 'query', message: `At most ${MAX_UNITS} characters` }] });
  return Object.fromEntries(parameters);
}

/** A path of ours with the parameters of a request. */
export function withQuery(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.append(name, value);
  return `${path}?${query}`;
}
