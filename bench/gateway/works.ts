/** A kind of request, the same for all proxies. */
export interface Work {
  readonly name: string;
  readonly path: string;
  /** Header lines besides those of the load generator. */
  readonly headers: readonly string[];
}

/** Size of a home timeline of 20 posts as JSON. */
export const HOME_BYTES = 12 * 1024;

/**
 * A small public response, and what most requests of a client are: its home timeline, with an access token.
 *
 * @param acceptEncoding decides whether compression is measured
 */
export const worksOf = (token: string, acceptEncoding: string): Work[] => [
  { name: 'small', path: '/greetings/42', headers: [`Accept-Encoding: ${acceptEncoding}`] },
  {
    name: 'home',
    path: '/posts/home/alice?limit=20',
    headers: [`Accept-Encoding: ${acceptEncoding}`, `Authorization: Bearer ${token}`],
  },
];

/** A body as compressible as posts are: the same fields, with texts of their own. */
export function homeBody(): string {
  const posts: object[] = [];
  const words = 'so many words of which a post has some and then a few others more'.split(' ');
  for (let id = 1; JSON.stringify(posts).length < HOME_BYTES; id++) {
    const word = (step: number) => words[(id * step) % words.length];
    const text = Array.from({ length: 30 }, (_, index) => `${word(index + 3)}${(id * index) % 97}`).join(' ');
    posts.push({
      id: `0192f0c1-${1000 + id}-7000-8000-${100000000000 + id * 7919}`,
      author: { id: `0192f0b1-${2000 + id}-7000-8000-000000000000`, username: `user${id}` },
      text,
      likes: (id * 31) % 17,
      replies: id % 5,
      created_at: new Date(1_700_000_000_000 + id * 86_399_000).toISOString(),
    });
  }
  return JSON.stringify({ posts });
}
