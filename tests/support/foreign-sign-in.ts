import type { OpenedPage, PageVisitor } from './page-visitor';

/** Begins at a provider. @returns where the page leads */
export async function leaveFor(
  person: PageVisitor,
  provider: string,
  { from = '/auth/sign-in', typed = {} }: { from?: string; typed?: Record<string, string> } = {},
): Promise<string> {
  const page = await person.submit(from, `/auth/providers/${provider}`, typed);
  const links = await linksOf(page);
  const away = links.find((link) => URL.canParse(link));
  if (page.status !== 200 || away === undefined)
    throw new Error(`The page of the status ${page.status} leads nowhere`);
  return away;
}

/** Follows a link to a provider, which sends the browser back. @returns the path with the query */
export async function signInThere(url: string): Promise<string> {
  const response = await fetch(url, { redirect: 'manual' });
  const { pathname, search } = new URL(response.headers.get('location') ?? '');
  return `${pathname}${search}`;
}

/** Signs in at a provider from beginning to end. @returns the page of the callback */
export const goThrough = async (
  person: PageVisitor,
  provider: string,
  options: Parameters<typeof leaveFor>[2] = {},
): Promise<OpenedPage> => person.open(await signInThere(await leaveFor(person, provider, options)));

async function linksOf({ text }: OpenedPage): Promise<string[]> {
  const links: string[] = [];
  await new HTMLRewriter()
    .on('main a', {
      element: (link) => void links.push((link.getAttribute('href') ?? '').replaceAll('&amp;', '&')),
    })
    .transform(new Response(text))
    .text();
  return links;
}
