import type { Caller } from '#kit/auth/caller';
import type { Entry, JsonResume } from './json-resume';
import type { ResumeFields } from './model';

/** The API fields of a JSON Resume document. */
export function fieldsOf(document: JsonResume): ResumeFields {
  return {
    summary: document.basics?.summary ?? '',
    skills: (document.skills ?? []).flatMap(({ name }) => (typeof name === 'string' ? [name] : [])),
    experience: textOrEntries(document.work),
    education: textOrEntries(document.education),
  };
}

/**
 * Updates the API fields of a document. Missing and unchanged fields, and everything the fields do not cover, are
 * preserved: writing the fields back as they were read is a no-op.
 */
export function withFields(document: JsonResume, change: Partial<ResumeFields>): JsonResume {
  const current = fieldsOf(document);
  const changed = <Name extends keyof ResumeFields>(name: Name) =>
    change[name] !== undefined && !Bun.deepEquals(change[name], current[name]) ? change[name] : undefined;
  const summary = changed('summary');
  const skills = changed('skills');
  const experience = changed('experience');
  const education = changed('education');
  return {
    ...document,
    ...(summary !== undefined && { basics: { ...document.basics, summary } }),
    ...(skills !== undefined && { skills: skills.map((name) => skillNamed(document, name)) }),
    ...(experience !== undefined && { work: entriesOf(experience) }),
    ...(education !== undefined && { education: entriesOf(education) }),
  };
}

/** Preserves the level and keywords of an existing skill. */
const skillNamed = (document: JsonResume, name: string): Entry =>
  document.skills?.find((skill) => skill.name === name) ?? { name };

const entriesOf = (value: string | readonly Entry[]): readonly Entry[] =>
  typeof value === 'string' ? [{ summary: value }] : value;

/** The inverse of `entriesOf`. */
function textOrEntries(entries: readonly Entry[] = []): string | Entry[] {
  const [only, ...others] = entries;
  const plain = only !== undefined && others.length === 0 && Object.keys(only).length === 1;
  return plain && typeof only.summary === 'string' ? only.summary : [...entries];
}

const MAX_TITLE_LENGTH = 200;

/** The default title of an imported résumé. */
export function titleOf({ basics }: JsonResume): string {
  const title = [basics?.label, basics?.name].find((text) => text !== undefined && text.trim() !== '');
  return [...(title ?? 'Résumé')].slice(0, MAX_TITLE_LENGTH).join('');
}

export type Visibility = 'private' | 'link' | 'public';

/** The permission to read the résumés of all users. */
export const READ_ALL = 'resumes:read';

/** @param token share token sent by the viewer */
export function mayRead(
  resume: { ownerId: string; visibility: Visibility; shareToken: string | null },
  viewer: Pick<Caller, 'id' | 'permissions'> | null,
  token: string | undefined,
): boolean {
  if (resume.ownerId === viewer?.id || viewer?.permissions.includes(READ_ALL)) return true;
  if (resume.visibility === 'public') return true;
  return (
    resume.visibility === 'link' && resume.shareToken !== null && isEqual(resume.shareToken, token ?? '')
  );
}

/** Compares hashes, so that the timing does not disclose how much of a guess is correct. */
const isEqual = (left: string, right: string): boolean => hash(left) === hash(right);

const hash = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex');
