const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A string as JSON; printable ASCII, which is nearly everything, needs no serializer. */
export function quoted(text: string): string {
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return JSON.stringify(text);
  }
  return `"${text}"`;
}
