import { cookieJar } from './cookie-jar';

/** A page as somebody with a browser gets it. */
export interface OpenedPage {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The fields that the page's form of an action has, with their values. */
  fieldsOf(action: string): Promise<Record<string, string>>;
}

/** Opens pages and sends their forms as a browser without JavaScript does, but follows no redirect. */
export interface PageVisitor {
  open(path: string): Promise<OpenedPage>;
  /** Sends fields as they are. */
  send(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<OpenedPage>;
  /** Opens a page, fills in its form of an action, and sends it. */
  submit(page: string, action: string, typed?: Record<string, string>): Promise<OpenedPage>;
  /** The `Cookie` field that it would send to a path. */
  cookies(path: string): string | undefined;
}

/** As the gateway has it, which has ended TLS. */
const HOST = 'rookery.example';

/** @param app called in process */
export function pageVisitor(app: { handle(request: Request): Promise<Response> }): PageVisitor {
  const jar = cookieJar();
  const pathOf = (path: string) => path.split('?')[0] ?? path;

  async function ask(path: string, init: RequestInit & { headers?: Record<string, string> }) {
    const response = await app.handle(
      new Request(`http://${HOST}${path}`, {
        ...init,
        headers: {
          accept: 'text/html',
          'x-forwarded-proto': 'https',
          ...jar.fieldFor(pathOf(path)),
          ...init.headers,
        },
      }),
    );
    jar.receive(pathOf(path), response.headers);
    return openedPage(response);
  }

  const send: PageVisitor['send'] = (path, fields, headers = {}) =>
    ask(path, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        // Of a page that tells nobody its address.
        origin: 'null',
        'sec-fetch-site': 'same-origin',
        ...headers,
      },
    });

  return {
    open: (path) => ask(path, {}),
    send,
    async submit(page, action, typed = {}) {
      const opened = await ask(page, {});
      return send(action, { ...(await opened.fieldsOf(action)), ...typed });
    },
    cookies: (path) => jar.fieldFor(path).cookie,
  };
}

async function openedPage(response: Response): Promise<OpenedPage> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    async fieldsOf(action) {
      const fields: Record<string, string> = {};
      await new HTMLRewriter()
        .on(`form[action="${action}"] input`, {
          element(input) {
            const name = input.getAttribute('name') ?? '';
            if (name !== '') fields[name] = decoded(input.getAttribute('value') ?? '');
          },
        })
        .transform(new Response(text))
        .text();
      if (Object.keys(fields).length === 0)
        throw new Error(`A page with the status ${response.status} has no form of ${action}`);
      return fields;
    },
  };
}

/** What the pages escape. */
const decoded = (attribute: string): string =>
  attribute.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&amp;', '&');
