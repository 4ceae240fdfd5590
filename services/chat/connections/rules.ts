import { TypeCompiler } from '@sinclair/typebox/compiler';
import { parseStrictJson } from '#kit/core/strict-json';
import { ValidationFailed } from '#kit/errors/problem';
import { isAtAuthority, isSameOrigin, readOrigin } from '#kit/http/authority';
import { unknownFields, unknownMembers } from '#kit/http/body/unknown-members';
import { createRate, createUsage, take } from '#kit/resilience/gcra';
import { Inbound } from './model';

const inbound = TypeCompiler.Compile(Inbound);
const JWT = /^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Reads a frame as strictly as the body of a request: it is honoured whole or refused.
 *
 * @throws MalformedBody, or ValidationFailed naming the members that are unknown
 */
export function parseInbound(text: string): Inbound {
  const value = parseStrictJson(text);
  const unknown = unknownMembers(Inbound, value);
  if (unknown.length > 0) throw unknownFields(unknown, 'body');
  if (!inbound.Check(value)) throw new ValidationFailed();
  return value;
}

/**
 * Reads the offered subprotocols: the one to select, and possibly a token, as `rookery.token.<jwt>` or as a protocol of
 * its own (`bearer, <jwt>`). Browsers can set no other header of a handshake.
 */
export function readSubprotocols(header: string | null): { protocol: string | null; token: string | null } {
  const offered = (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const withToken = offered.find((name) => tokenAtEndOf(name) !== null);
  const protocol = offered.find((name) => name !== withToken) ?? withToken ?? null;
  return { protocol, token: withToken === undefined ? null : tokenAtEndOf(withToken) };
}

function tokenAtEndOf(name: string): string | null {
  const end = name.split('.').slice(-3).join('.');
  const token = end.slice(Math.max(end.indexOf('eyJ'), 0));
  return JWT.test(token) ? token : null;
}

export interface OriginRule {
  /** Origins like `https://app.example.com`. */
  readonly allowed: readonly string[];
  /** Accept loopback origins on any port. */
  readonly loopback: boolean;
}

/** Browsers always send `Origin`, other clients do not: this keeps foreign pages from connecting on a visitor's behalf. */
export function isAllowedOrigin(rule: OriginRule, headers: Headers): boolean {
  const sent = headers.get('origin');
  if (sent === null) return true;
  const origin = readOrigin(sent);
  if (origin === null) return false;
  if (rule.allowed.some((allowed) => isSameOrigin(allowed, sent))) return true;
  if (rule.loopback && LOOPBACK.has(origin.hostname)) return true;
  // The gateway forwards the requested one; a page can set neither.
  return isAtAuthority(origin, headers.get('x-forwarded-host') ?? headers.get('host') ?? '');
}

/** Limits messages to `perSecond` on average and twice that at once. @returns whether the next message is admitted */
export function createMessageLimit(perSecond: number, now: () => number): () => boolean {
  const rate = createRate(perSecond, 1_000, perSecond * 2);
  const usage = createUsage();
  return () => take(usage, rate, now());
}
