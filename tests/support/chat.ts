import { SignJWT } from 'jose';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import { eventually } from './eventually';
import { type StartedProcess, startProcess } from './processes';
import { productionEnvironment } from './production';
import { startRegistry } from './registry';
import { testDatabase } from './servers';

const SECRET = 'a token secret of more than 32 characters';
const ISSUER = 'http://issuer.test';
export const INTERNAL_SECRET = 'an internal secret for this test';

export interface Frame {
  readonly type: string;
  readonly seq?: number;
  readonly [field: string]: unknown;
}

/** A client in a room that records every received frame, in order. */
export interface Talker {
  readonly socket: WebSocket;
  readonly frames: readonly Frame[];
  /** The code it was closed with; 1006 when it never opened. */
  readonly closed: Promise<number>;
  /** Frames of the room's sequence. */
  sequence(): Frame[];
  say(message: string, clientId?: string): void;
  sendRaw(text: string): void;
  /** The first frame of a type that matches. */
  got(type: string, matches?: (frame: Frame) => boolean): Promise<Frame>;
  close(): void;
}

const SEQUENCED = new Set(['message', 'edited', 'deleted']);

/** Joins a room; resolves at the first frame, its own `joined`, or when the connection is rejected. */
export async function enterRoom(
  base: string,
  room: string,
  options: { query?: string; headers?: Record<string, string>; protocols?: string[] } = {},
): Promise<Talker> {
  const { query = '', headers = {}, protocols = [] } = options;
  const url = `${base.replace('http', 'ws')}/ws/${encodeURIComponent(room)}${query}`;
  // The browser's type of the constructor has no headers; Bun's constructor accepts them.
  const socket: WebSocket = Reflect.construct(WebSocket, [url, { headers, protocols }]);
  const frames: Frame[] = [];
  const closed = Promise.withResolvers<number>();
  const opened = Promise.withResolvers<void>();
  socket.addEventListener('message', ({ data }) => {
    frames.push(JSON.parse(String(data)));
    opened.resolve();
  });
  socket.addEventListener('close', ({ code }) => {
    closed.resolve(code);
    opened.resolve();
  });
  await opened.promise;
  return {
    socket,
    frames,
    closed: closed.promise,
    sequence: () => frames.filter(({ type }) => SEQUENCED.has(type)),
    say: (message, clientId) =>
      socket.send(JSON.stringify({ message, ...(clientId !== undefined && { client_id: clientId }) })),
    sendRaw: (text) => socket.send(text),
    async got(type, matches = () => true) {
      const find = () => frames.find((frame) => frame.type === type && matches(frame));
      await eventually(() => find() !== undefined);
      return find() as Frame;
    },
    close: () => socket.close(),
  };
}

export interface Person {
  readonly id: string;
  readonly username: string;
  readonly token: string;
  readonly headers: Record<string, string>;
}

/** A person with an access token that the chat processes of `startChat` accept. */
export async function person(
  username: string,
  options: { lifetimeSeconds?: number; permissions?: string[]; appScopes?: string[] } = {},
): Promise<Person> {
  const { lifetimeSeconds = 600, permissions = [], appScopes } = options;
  const id = uuidv7();
  const now = Math.floor(Date.now() / 1000);
  const app = appScopes && { client_id: uuidv7(), scope: appScopes.join(' ') };
  const token = await new SignJWT({ username, sid: uuidv7(), roles: ['user'], permissions, ...app })
    .setProtectedHeader({ alg: 'HS256', typ: ACCESS_TOKEN_TYPE })
    .setSubject(id)
    .setJti(uuidv7())
    .setIssuer(ISSUER)
    .setAudience('rookery')
    .setIssuedAt(now)
    .setExpirationTime(now + lifetimeSeconds)
    .sign(new TextEncoder().encode(SECRET));
  return { id, username, token, headers: { authorization: `Bearer ${token}` } };
}

/**
 * Chat processes on a database of their own, with the registry and the auth service, from which they read revoked
 * tokens.
 */
export async function startChat(environment: Record<string, string> = {}) {
  const [storage, authStorage, registry] = await Promise.all([
    testDatabase(),
    testDatabase(),
    startRegistry(),
  ]);
  const credentials = await productionEnvironment(storage);
  const running: StartedProcess[] = [];
  const start = async (main: string, more: Record<string, string>): Promise<StartedProcess> => {
    const started = await startProcess(main, {
      JWT_ALG: 'HS256',
      JWT_SECRET: SECRET,
      JWT_ISSUER: ISSUER,
      INTERNAL_SECRET,
      REGISTRY_URL: registry.url,
      ...more,
    });
    running.push(started);
    return started;
  };
  const auth = await start('services/auth/main.ts', { AUTH_DATABASE_URL: authStorage.url });
  const startOne = (more: Record<string, string> = {}) =>
    start('services/chat/main.ts', {
      CHAT_DATABASE_URL: storage.url,
      // All clients have the address of this machine.
      CHAT_CONNECTIONS_PER_ADDRESS: '100000',
      ...environment,
      ...more,
    });
  return {
    storage,
    auth,
    start: startOne,
    /** With database and Redis users of its own, in variables instead of URLs. */
    startInProduction: (more: Record<string, string>) =>
      startOne({
        ...credentials.environment,
        JWT_SECRET: SECRET,
        JWT_ISSUER: ISSUER,
        INTERNAL_SECRET,
        CHAT_DATABASE_URL: '',
        CHAT_DB_NAME: storage.address.database,
        ...more,
      }),
    startGateway: (more: Record<string, string> = {}) => start('gateway/main.ts', more),
    async stop() {
      await Promise.all(running.map((one) => one.kill()));
      await registry.close();
      await credentials.drop();
      await Promise.all([storage.drop(), authStorage.drop()]);
    },
  };
}
