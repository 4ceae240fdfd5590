/** Seeded accounts have a password derived from their username: they are for demonstration only. */
export const demoPassword = (username: string) => `${username}-counts-rooks`;

/** The demo account of a development system, created by the seed. */
export const DEMO_PERSON = { username: 'alice', password: demoPassword('alice') } as const;
