import { hkdfSync } from 'node:crypto';
import { jwt } from '@elysiajs/jwt';

/** Long enough to open a page with many pictures, short enough that a link passed on is soon worthless. */
const LIFETIME_SECONDS = 15 * 60;
/** Keeps such a token from being taken for any other kind of JWT (RFC 8725, section 3.11). */
const TOKEN_TYPE = 'file-url+jwt';
/** Characters of a checksum that tell one version from another in a URL. */
const FINGERPRINT_LENGTH = 16;

/** A file, as far as its addresses depend on it. */
export interface Addressed {
  readonly id: string;
  readonly visibility: 'public' | 'private';
  readonly checksum: string;
}

export interface FileUrls {
  /** Where the content is; for a private file an address that opens it to whoever has it, for 15 minutes. */
  contentUrl(
    file: Addressed,
    part?: { size?: string; version?: number },
  ): Promise<{ url: string; expiresAt: Date | null }>;
  /** Whether the token of an address opens this file, now: as it is shown, or that one version of it. */
  opens(
    token: string,
    file: { readonly id: string; readonly version?: number | undefined },
  ): Promise<boolean>;
}

/**
 * @param publicUrl where people reach the gateway, without a slash at the end
 */
export function createFileUrls(options: { publicUrl: string; internalSecret: string }): FileUrls {
  // A key of its own for this one use (RFC 5869).
  const secret = new Uint8Array(
    hkdfSync('sha256', options.internalSecret, 'rookery', 'addresses of files', 32),
  );
  const { tokens } = jwt({ name: 'tokens', secret, alg: 'HS256', typ: TOKEN_TYPE, aud: 'media' }).decorator;
  return {
    async contentUrl({ id, visibility, checksum }, part = {}) {
      const query = new URLSearchParams({ v: checksum.slice(0, FINGERPRINT_LENGTH) });
      if (part.version !== undefined) query.set('version', String(part.version));
      const expiresAt = visibility === 'public' ? null : new Date(endOfNextToken());
      if (expiresAt !== null)
        query.set(
          'token',
          await tokens.sign({ sub: subjectOf(id, part.version), exp: expiresAt.getTime() / 1000 }),
        );
      const path = `/files/${id}/content${part.size === undefined ? '' : `/${part.size}`}`;
      return { url: `${options.publicUrl}${path}?${query}`, expiresAt };
    },
    async opens(token, { id, version }) {
      const claims = await tokens.verify(token, {
        algorithms: ['HS256'],
        typ: TOKEN_TYPE,
        audience: 'media',
        requiredClaims: ['sub', 'exp'],
      });
      return claims !== false && claims.sub === subjectOf(id, version);
    },
  };
}

const subjectOf = (id: string, version: number | undefined): string =>
  version === undefined ? id : `${id}/${version}`;

const endOfNextToken = () => (Math.floor(Date.now() / 1000) + LIFETIME_SECONDS) * 1000;
