import { TypeCompiler } from '@sinclair/typebox/compiler';
import { Inbound } from './model';

const inbound = TypeCompiler.Compile(Inbound);
const JWT = /eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** @returns undefined when it is not JSON or not one of the frames clients send */
export function parseInbound(text: string): Inbound | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return inbound.Check(value) ? value : undefined;
}

/**
 * What a client offers as subprotocols: a name to be answered, and perhaps a token, as `rookery.token.<jwt>` or as a
 * name of its own behind another (`bearer, <jwt>`): browsers can set no other header.
 */
export function readProtocols(header: string | null): { protocol: string | null; token: string | null } {
  const offered = (header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const withToken = offered.find((name) => JWT.test(name));
  const protocol = offered.find((name) => name !== withToken) ?? withToken ?? null;
  return { protocol, token: withToken === undefined ? null : (JWT.exec(withToken)?.[0] ?? null) };
}

export interface OriginRule {
  /** Origins like `https://app.example.com`. */
  readonly allowed: readonly string[];
  /** Pages of this machine may connect, whatever their port. */
  readonly loopback: boolean;
}

/** Programs send no `Origin`; browsers always do, so that no page of somebody else uses a visitor's network place. */
export function isAllowedOrigin(rule: OriginRule, headers: Headers): boolean {
  const origin = headers.get('origin');
  if (origin === null) return true;
  if (!URL.canParse(origin)) return false;
  const { host, hostname, origin: normal } = new URL(origin);
  if (rule.allowed.includes(normal)) return true;
  if (rule.loopback && LOOPBACK.has(hostname)) return true;
  // The gateway puts its own address there and the one the client asked for beside it; a page can set neither.
  return host !== '' && host === (headers.get('x-forwarded-host') ?? headers.get('host'));
}

/** Lets through `perSecond` on average and twice that at once. */
export function createRateLimit(perSecond: number, now: () => number): () => boolean {
  const most = perSecond * 2;
  let left = most;
  let lastMs = now();
  return () => {
    const nowMs = now();
    left = Math.min(most, left + ((nowMs - lastMs) / 1000) * perSecond);
    lastMs = nowMs;
    if (left < 1) return false;
    left--;
    return true;
  };
}
