/** Everybody the seed makes has a password made from their name: these accounts are for trying things out. */
export const demoPassword = (username: string) => `${username}-counts-rooks`;

/** The person everybody may sign in as on a development system; the seed makes her. */
export const DEMO_PERSON = { username: 'alice', password: demoPassword('alice') } as const;
