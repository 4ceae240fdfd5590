import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';

/**
 * Runs the mail catcher, whose inbox lets pages of any origin read mails, and delete them: password resets among them. Here
 * pages of its own origin alone may, and it answers only under names that no foreign site can have (DNS rebinding).
 */
const load = createRequire(import.meta.url);
const http: typeof import('node:http') = load('node:http');
const { createServer } = http;

Reflect.set(http, 'createServer', (inbox: RequestListener) => {
  const server = createServer((request, response) => {
    if (!isOwn(request)) {
      response
        .writeHead(403, { 'content-type': 'text/plain' })
        .end('Pages of other origins may not read mails.\n');
      return;
    }
    keepFromOtherOrigins(response);
    inbox(request, response);
  });
  // Before those of the inbox, which are added later.
  server.on('upgrade', (request, socket) => {
    if (!isOwn(request)) socket.destroy();
  });
  return server;
});

const OWN_NAMES = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;

function isOwn({ headers: { host = '', origin } }: IncomingMessage): boolean {
  return OWN_NAMES.test(host) && (origin === undefined || origin === `http://${host}`);
}

function keepFromOtherOrigins(response: ServerResponse): void {
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name, value) =>
    name.toLowerCase().startsWith('access-control-') ? response : setHeader(name, value);
}

const MailDev: new () => { listen(): void } = load('maildev');
new MailDev().listen();
