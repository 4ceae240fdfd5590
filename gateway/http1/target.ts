import { isIPv6 } from 'node:net';
import { consistsOf, DIGIT, HOST_NAME } from './characters';
import { MalformedMessage } from './malformed-message';

/** A request target in origin-form, and the authority of an absolute-form target. */
export interface Target {
  readonly path: string;
  readonly authority: string | null;
}

/**
 * Converts a request target to origin-form (RFC 9112, 3.2): unchanged, from absolute-form, or `*` for OPTIONS.
 *
 * @throws MalformedMessage
 */
export function originForm(method: string, target: string): Target {
  if (target.charCodeAt(0) === 0x2f) return { path: target, authority: null };
  if (target === '*' && method === 'OPTIONS') return { path: target, authority: null };
  const scheme = target.slice(0, 8).toLowerCase();
  if (scheme.startsWith('http://')) return fromAbsoluteForm(target, 'http://'.length);
  if (scheme === 'https://') return fromAbsoluteForm(target, 'https://'.length);
  throw new MalformedMessage(400, 'The request target must begin with a slash');
}

function fromAbsoluteForm(target: string, start: number): Target {
  let end = start;
  while (end < target.length && target[end] !== '/' && target[end] !== '?') end++;
  const authority = target.slice(start, end);
  if (!isAuthority(authority)) throw new MalformedMessage(400, 'Invalid host in the request target');
  const path = target.slice(end);
  return { path: path.startsWith('/') ? path : `/${path}`, authority };
}

/** Whether `text` is `host` or `host:port`; the host is a name, an IPv4 address or an IPv6 address in brackets. */
export function isAuthority(text: string): boolean {
  const bracketed = text.charCodeAt(0) === 0x5b;
  const hostEnd = bracketed ? text.indexOf(']') + 1 : portStart(text);
  const host = bracketed
    ? isIPv6(text.slice(1, hostEnd - 1))
    : hostEnd > 0 && hostEnd <= 255 && consistsOf(HOST_NAME, text, 0, hostEnd);
  if (!host || hostEnd === text.length) return host;
  return text[hostEnd] === ':' && isPort(text, hostEnd + 1);
}

const MAX_PORT = 65_535;

function isPort(text: string, start: number): boolean {
  const digits = text.length - start;
  if (digits < 1 || digits > 5 || !consistsOf(DIGIT, text, start, text.length)) return false;
  return digits < 5 || Number(text.slice(start)) <= MAX_PORT;
}

function portStart(text: string): number {
  const colon = text.indexOf(':');
  return colon === -1 ? text.length : colon;
}
