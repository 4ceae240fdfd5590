import type { Caller } from '#kit/auth/caller';
import { truncate } from '#kit/text/graphemes';
import { isBlank, toLine } from '#kit/text/visible';
import type { Entry, JsonResume } from './json-resume';
import { type ResumeFields, TITLE_LIMITS } from './model';

/** The API fields of a JSON Resume document. */
export function fieldsOf(document: JsonResume): ResumeFields {
  return {
    summary: document.basics?.summary ?? '',
    // Tools write an empty name for a skill without one.
    skills: (document.skills ?? []).flatMap(({ name }) =>
      typeof name === 'string' && !isBlank(name) ? [name] : [],
    ),
    experience: textOrEntries(document.work),
    education: textOrEntries(document.education),
  };
}

/** The fields that a change really changes. */
export function changedFields(document: JsonResume, change: Partial<ResumeFields>): Partial<ResumeFields> {
  const current = fieldsOf(document);
  const changed = <Name extends keyof ResumeFields>(name: Name) =>
    change[name] === undefined || Bun.deepEquals(change[name], current[name]) ? {} : { [name]: change[name] };
  return {
    ...changed('summary'),
    ...changed('skills'),
    ...changed('experience'),
    ...changed('education'),
  };
}

/**
 * Updates the API fields of a document. Missing and unchanged fields, and everything the fields do not cover, are
 * preserved: writing the fields back as they were read is a no-op.
 */
export function withFields(document: JsonResume, change: Partial<ResumeFields>): JsonResume {
  const { summary, skills, experience, education } = changedFields(document, change);
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

/** The default title of an imported résumé: a title that could have been sent. */
export function titleOf({ basics }: JsonResume): string {
  const lines = [basics?.label, basics?.name].map((text = '') => toLine(text).normalize('NFC'));
  const title = lines.find((line) => !isBlank(line)) ?? 'Résumé';
  return truncate(title, TITLE_LIMITS.max, TITLE_LIMITS.maxUnits);
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
