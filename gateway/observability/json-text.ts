const SPACE = 0x20;
const TILDE = 0x7e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A string as JSON in ASCII; printable ASCII, which is nearly everything, needs no serializer. */
export function quoted(text: string): string {
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (code < SPACE || code > TILDE || code === QUOTE || code === BACKSLASH) return asciiJson(text);
  }
  return `"${text}"`;
}

/** Any value as JSON in ASCII. */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  let ascii = '';
  let copied = 0;
  for (let position = 0; position < json.length; position++) {
    const code = json.charCodeAt(position);
    if (code <= TILDE) continue;
    ascii += `${json.slice(copied, position)}\\u${code.toString(16).padStart(4, '0')}`;
    copied = position + 1;
  }
  return ascii + json.slice(copied);
}
