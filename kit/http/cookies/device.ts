import type { Browser } from './browser';

/** The cookie by which a browser is recognized when somebody signs in again; its value is made and checked by auth. */
export const DEVICE_COOKIE = 'device';

/** How long a device that is not used is recognized. */
export const DEVICE_SECONDS = 180 * 86_400;

/**
 * `Set-Cookie` with the value that auth has returned.
 *
 * @param path of the route that signs in
 */
export const deviceCookie = (browser: Browser, value: string, path: string): string =>
  browser.writeCookie({ name: DEVICE_COOKIE, value, path, maxAgeSeconds: DEVICE_SECONDS });
