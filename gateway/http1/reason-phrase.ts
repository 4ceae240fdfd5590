import { STATUS_CODES } from 'node:http';

/** RFC 9110, 15: the reason phrase carries nothing a program may rely on, so that of an unknown status is empty. */
export const reasonPhrase = (status: number): string => STATUS_CODES[status] ?? '';
