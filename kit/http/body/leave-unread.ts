/**
 * The parser of a route whose handler streams the body: it stops the framework from looking for one, which would buffer
 * the body. Such a route names its share (`route-shares`), because a body may be large, and as slow as its client likes.
 */
export const leaveUnread = (): null => null;
