/** Usernames and email addresses are case-insensitive: they are stored in lower case. */
export const normalizeName = (name: string): string => name.trim().toLowerCase();
