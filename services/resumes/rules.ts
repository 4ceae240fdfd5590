import type { Entry, JsonResume } from './json-resume';
import type { ResumeFields } from './model';

/** The fields of a résumé as the API shows them, out of its document. */
export function fieldsOf(document: JsonResume): ResumeFields {
  return {
    summary: document.basics?.summary ?? '',
    skills: (document.skills ?? []).flatMap(({ name }) => (typeof name === 'string' ? [name] : [])),
    experience: textOrEntries(document.work),
    education: textOrEntries(document.education),
  };
}

/**
 * Writes fields into a document. What is left out, what stays the same, and all that the fields do not speak of, is
 * kept as it is: reading the fields and writing them back changes nothing.
 */
export function withFields(document: JsonResume, change: Partial<ResumeFields>): JsonResume {
  const present = fieldsOf(document);
  const changes = <Name extends keyof ResumeFields>(name: Name) =>
    change[name] !== undefined && !Bun.deepEquals(change[name], present[name]) ? change[name] : undefined;
  const summary = changes('summary');
  const skills = changes('skills');
  const experience = changes('experience');
  const education = changes('education');
  return {
    ...document,
    ...(summary !== undefined && { basics: { ...document.basics, summary } }),
    ...(skills !== undefined && { skills: skills.map((name) => skillNamed(document, name)) }),
    ...(experience !== undefined && { work: entriesOf(experience) }),
    ...(education !== undefined && { education: entriesOf(education) }),
  };
}

/** With its level and its keywords, where it is known already. */
const skillNamed = (document: JsonResume, name: string): Entry =>
  document.skills?.find((skill) => skill.name === name) ?? { name };

const entriesOf = (value: string | readonly Entry[]): readonly Entry[] =>
  typeof value === 'string' ? [{ summary: value }] : value;

/** The reverse of `entriesOf`. */
function textOrEntries(entries: readonly Entry[] = []): string | Entry[] {
  const [only, ...others] = entries;
  const plain = only !== undefined && others.length === 0 && Object.keys(only).length === 1;
  return plain && typeof only.summary === 'string' ? only.summary : [...entries];
}

const LONGEST_TITLE = 200;

/** What an imported résumé is called where its owner does not say. */
export function titleOf({ basics }: JsonResume): string {
  const title = [basics?.label, basics?.name].find((text) => text !== undefined && text.trim() !== '');
  return [...(title ?? 'Résumé')].slice(0, LONGEST_TITLE).join('');
}

export type Visibility = 'private' | 'link' | 'public';

/** Who asks to see a résumé, and what they hold. */
export interface Viewer {
  /** Null: nobody who is signed in. */
  readonly id: string | null;
  readonly permissions: readonly string[];
  readonly token: string | undefined;
}

/** May read all résumés of everybody. */
export const READ_ALL = 'resumes:read';

export function maySee(
  resume: { ownerId: string; visibility: Visibility; shareToken: string | null },
  viewer: Viewer,
): boolean {
  if (resume.ownerId === viewer.id || viewer.permissions.includes(READ_ALL)) return true;
  if (resume.visibility === 'public') return true;
  return (
    resume.visibility === 'link' &&
    resume.shareToken !== null &&
    isSame(resume.shareToken, viewer.token ?? '')
  );
}

/** Compares hashes, so that the time it takes tells nothing of how much of a guess was right. */
const isSame = (left: string, right: string): boolean => hash(left) === hash(right);

const hash = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex');
