/**
 * Whether a page is asked for: browsers name HTML when a person follows a link or sends a form, and at no other time.
 *
 * @param accept the field of the request
 */
export const asksForPage = (accept: string | null): boolean => accept?.includes('text/html') === true;
