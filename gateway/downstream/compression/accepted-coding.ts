import { isField } from '../../http1/field-lines';
import type { HeaderList } from '../../http1/message';
import { CONTENT_CODINGS, type ContentCoding } from '../../model/content-coding';

/** Clients choose the values, so the memory of them is bounded; browsers send a handful. */
const MAX_MEMOIZED = 500;
const memoized = new Map<string, ContentCoding | null>();

/** The coding of a response by the request's `Accept-Encoding`; null for none. */
export function acceptedCoding(headers: HeaderList): ContentCoding | null {
  let value: string | null = null;
  for (const [name, sent] of headers)
    if (name.length === 15 && isField(name, 'Accept-Encoding'))
      value = value === null ? sent : `${value}, ${sent}`;
  if (value === null) return null;
  const known = memoized.get(value);
  if (known !== undefined) return known;
  const coding = preferredCoding(value);
  if (memoized.size < MAX_MEMOIZED) memoized.set(Buffer.from(value, 'latin1').toString('latin1'), coding);
  return coding;
}

/**
 * RFC 9110, 12.5.3: the coding with the highest weight; of equal ones the first of ours. `*` is every coding that is not
 * listed. One that is weighted lower than a listed `identity` is not used.
 *
 * @returns null for an uncompressed response
 */
export function preferredCoding(acceptEncoding: string): ContentCoding | null {
  const weights = weightsIn(acceptEncoding);
  const others = weights.get('*') ?? 0;
  let best: ContentCoding | null = null;
  let bestWeight = Math.max(0, weights.get('identity') ?? 0);
  // An identity that is as welcome as a coding is only the larger one.
  let mayEqual = bestWeight > 0;
  for (const coding of CONTENT_CODINGS) {
    const weight = weights.get(coding) ?? others;
    if (weight > bestWeight || (mayEqual && weight === bestWeight)) {
      best = coding;
      bestWeight = weight;
      mayEqual = false;
    }
  }
  return best;
}

function weightsIn(acceptEncoding: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const member of acceptEncoding.split(',')) {
    const [name = '', ...parameters] = member.split(';');
    const coding = name.trim().toLowerCase();
    // RFC 9110, 8.4.1.3.
    if (coding !== '') weights.set(coding === 'x-gzip' ? 'gzip' : coding, weightIn(parameters));
  }
  return weights;
}

/** 1 without a weight, 0 for one that is malformed: what is not understood is not accepted. */
function weightIn(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    if (name.trim().toLowerCase() !== 'q') continue;
    const weight = Number(value.trim() || Number.NaN);
    return weight >= 0 && weight <= 1 ? weight : 0;
  }
  return 1;
}
