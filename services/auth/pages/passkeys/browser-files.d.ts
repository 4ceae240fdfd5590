/** Scripts for browsers, imported as text. */
declare module '*.browser.js' {
  const text: string;
  export default text;
}
