import { expect } from 'bun:test';
import axe from 'axe-core';
import puppeteer, {
  type Browser,
  type ConsoleMessage,
  type ElementHandle,
  type HTTPRequest,
  type HTTPResponse,
  type Page,
} from 'puppeteer-core';

/** Bounds for a slow machine; each condition is awaited and no time is. */
const TIMEOUT_MS = 60_000;

/** A change between them loads no page anew, as one of `isMobile` would. */
const SIZES = {
  phone: { width: 390, height: 844, deviceScaleFactor: 2 },
  desktop: { width: 1280, height: 800, deviceScaleFactor: 1 },
} as const;
export type Size = keyof typeof SIZES;
export type Scheme = 'light' | 'dark';
export interface Look {
  readonly size: Size;
  readonly scheme: Scheme;
}

/** Somebody with a browser profile of their own. */
export interface Person {
  readonly page: Page;
  /** Looks at the page on another screen. */
  look(look: Look): Promise<void>;
  /** Opens a path of the system, or a whole URL. @returns the response of the page that was reached in the end */
  open(path: string): Promise<HTTPResponse>;
  /** Types into the field of a label, in place of what it holds. */
  fill(label: string, text: string): Promise<void>;
  /** Presses a button, or follows a link, by its name and with the keyboard alone, and waits for the page that it leads to. */
  press(name: string): Promise<void>;
  /** The same for what may lead away from pages: it is not waited for. */
  pressOnly(name: string): Promise<void>;
  /** Answers all requests to another origin, which is not reached. */
  answer(origin: string, respond: (url: string) => Response): Promise<void>;
  /** The text of the main heading. */
  heading(): Promise<string>;
  /** What a reader sees of the page. */
  text(): Promise<string>;
  /**
   * Fails for whatever axe finds that is serious or critical, and for errors in the console since the last check; violations of
   * the Content-Security-Policy are errors.
   *
   * @param name of the page, for the failure
   */
  check(name?: string): Promise<void>;
  /** The second half of `check` alone. */
  faultless(name?: string): Promise<void>;
  close(): Promise<void>;
}

export interface Chromium {
  readonly browser: Browser;
  /** @param url of the system */
  person(url: string, look?: Partial<Look>): Promise<Person>;
  close(): Promise<void>;
}

/** Starts Debian's Chromium (`infra/install.sh tests`). */
export async function openBrowser(): Promise<Chromium> {
  const executablePath = Bun.which('chromium');
  if (executablePath === null) throw new Error('Chromium is missing: run sh infra/install.sh tests');
  const browser = await puppeteer.launch({
    executablePath,
    // Its sandbox does not start for root, which tests in containers often are.
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-gpu'],
    timeout: TIMEOUT_MS,
    protocolTimeout: TIMEOUT_MS,
  });
  return {
    browser,
    async person(url, { size = 'desktop', scheme = 'light' } = {}) {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      page.setDefaultTimeout(TIMEOUT_MS);
      const person = personOf(page, { url, close: () => context.close() });
      await person.look({ size, scheme });
      return person;
    },
    close: () => browser.close(),
  };
}

function personOf(page: Page, { url, close }: { url: string; close: () => Promise<void> }): Person {
  const faults: string[] = [];
  page.on('console', (message) => {
    if (isFault(message)) faults.push(message.text());
  });
  page.on('pageerror', (failure) => faults.push(String(failure)));
  async function faultless(name = page.url()): Promise<void> {
    // What the page has logged before this arrives before it.
    await page.evaluate(() => undefined);
    expect({ [name]: faults.splice(0) }).toEqual({ [name]: [] });
  }
  const loaded = () => page.waitForNavigation({ waitUntil: 'load' });
  return {
    page,
    async look({ size, scheme }) {
      await page.setViewport(SIZES[size]);
      await page.emulateMediaFeatures([
        { name: 'prefers-color-scheme', value: scheme },
        // No colour is looked at while it changes.
        { name: 'prefers-reduced-motion', value: 'reduce' },
      ]);
    },
    async open(path) {
      const response = await page.goto(new URL(path, url).href, { waitUntil: 'load' });
      if (response === null) throw new Error(`${path} is the page that was open already`);
      return response;
    },
    async fill(label, text) {
      const field = await labelled(page, label);
      await field.focus();
      await field.evaluate((input) => input.select());
      await page.keyboard.press('Backspace');
      await page.keyboard.sendCharacter(text);
    },
    async press(name) {
      await (await named(page, name)).focus();
      await Promise.all([loaded(), page.keyboard.press('Enter')]);
    },
    async pressOnly(name) {
      await (await named(page, name)).focus();
      await page.keyboard.press('Enter');
    },
    async answer(origin, respond) {
      await page.setRequestInterception(true);
      page.on('request', (request) => void answerOrGoOn(request, origin, respond));
    },
    async heading() {
      const heading = await page.waitForSelector('h1');
      return (await heading?.evaluate((element) => element.textContent)) ?? '';
    },
    async text() {
      const main = await page.waitForSelector('main');
      return (await main?.evaluate((element) => element.textContent)) ?? '';
    },
    async check(name = page.url()) {
      if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
      const found = await page.evaluate(RUN_AXE);
      expect({ [name]: found }).toEqual({ [name]: [] });
      await faultless(name);
    },
    faultless,
    close,
  };
}

async function answerOrGoOn(
  request: HTTPRequest,
  origin: string,
  respond: (url: string) => Response,
): Promise<void> {
  if (new URL(request.url()).origin !== origin) return request.continue();
  const response = respond(request.url());
  await request.respond({
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  });
}

/** The field of a label. */
async function labelled(page: Page, label: string): Promise<ElementHandle<HTMLInputElement>> {
  const found = await page.evaluateHandle(
    (text) => [...document.querySelectorAll('label')].find((one) => one.textContent === text)?.control,
    label,
  );
  const field = found.asElement() as ElementHandle<HTMLInputElement> | null;
  if (field === null) throw new Error(`${page.url()} has no field ${label}`);
  return field;
}

/** A button or a link, by its name. */
async function named(page: Page, name: string): Promise<ElementHandle<HTMLElement>> {
  const found = await page.evaluateHandle(
    (text) =>
      [...document.querySelectorAll<HTMLElement>('button, a')].find(
        (one) => (one.ariaLabel ?? one.textContent.replaceAll(/\s+/g, ' ').trim()) === text,
      ),
    name,
  );
  const control = found.asElement() as ElementHandle<HTMLElement> | null;
  if (control === null) throw new Error(`${page.url()} has nothing to press called ${name}`);
  return control;
}

/** A page with an error status is logged as a failed load; its content says what is wrong. */
const isFault = (message: ConsoleMessage): boolean =>
  ['error', 'warn'].includes(message.type()) &&
  !/^Failed to load resource: the server responded with a status of 4\d\d/.test(message.text());

const RUN_AXE = `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
  violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join('; ')))`;
