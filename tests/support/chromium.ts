import { expect } from 'bun:test';
import axe from 'axe-core';
import puppeteer, {
  type Browser,
  type ConsoleMessage,
  type ElementHandle,
  type HTTPResponse,
  type Page,
} from 'puppeteer-core';

/** Bounds for a slow machine; each condition is awaited and no time is. */
const TIMEOUT_MS = 60_000;

const SIZES = {
  phone: { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  desktop: { width: 1280, height: 800, deviceScaleFactor: 1 },
} as const;
export type Size = keyof typeof SIZES;
export type Scheme = 'light' | 'dark';

/** Somebody with a browser profile of their own. */
export interface Person {
  readonly page: Page;
  /** Opens a path of the system, or a whole URL. @returns the response of the page that was reached in the end */
  open(path: string): Promise<HTTPResponse>;
  /** Types into the field of a label, in place of what it holds. */
  fill(label: string, text: string): Promise<void>;
  /** Presses a button, or follows a link, by its name, and waits for the page that it leads to. */
  press(name: string): Promise<void>;
  /** The text of the main heading. */
  heading(): Promise<string>;
  /** What a reader sees of the page. */
  text(): Promise<string>;
  /** Fails for whatever axe finds that is serious or critical, and for errors in the console since the last check. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface Chromium {
  readonly browser: Browser;
  /** @param url of the system */
  person(url: string, look?: { size?: Size; scheme?: Scheme }): Promise<Person>;
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
      await page.setViewport(SIZES[size]);
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      return personOf(page, { url, close: () => context.close() });
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
  const loaded = () => page.waitForNavigation({ waitUntil: 'load' });
  return {
    page,
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
      await page.keyboard.type(text);
    },
    async press(name) {
      const control = await named(page, name);
      // By the keyboard: whoever has no mouse gets as far.
      await control.focus();
      await Promise.all([loaded(), page.keyboard.press('Enter')]);
    },
    heading: () => page.$eval('h1', (heading) => heading.textContent ?? ''),
    text: () => page.$eval('main', (main) => main.textContent ?? ''),
    async check() {
      expect(await page.evaluate(`${axe.source};${RUN_AXE}`)).toEqual([]);
      expect(faults.splice(0)).toEqual([]);
    },
    close,
  };
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
        (one) => (one.ariaLabel ?? one.textContent) === text,
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
