/** The person everybody may sign in as on a development system; the seed makes her. */
export const DEMO_PERSON = { username: 'alice', password: 'alice-counts-rooks' } as const;
