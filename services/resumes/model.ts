import { type Static, type TString, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { lineOfText, text } from '#kit/text/schema';

export const ResumeNotFound = defineProblem('resume.not-found', 404, 'Résumé not found');
export const TooManyResumes = defineProblem('resume.too-many', 409, 'Résumé limit reached');
export const InvalidResume = defineProblem('resume.invalid', 422, 'Invalid JSON Resume');
export const ResumeTooLarge = defineProblem('resume.too-large', 413, 'Résumé too large');

export const MAX_RESUMES = 100;

const RESUME_ID = '0198c1f2-0a4b-7c3d-8e5f-60718293a4b5';
const USER_ID = '0198c1f2-0a4b-7c3d-8e5f-1029384756af';

export const UserId = Type.String({
  pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
  error: 'A user id',
  examples: [USER_ID],
});

export const TITLE_LIMITS = { max: 200, maxUnits: 1_600 } as const;
export const Title = lineOfText(TITLE_LIMITS, { examples: ['Backend engineer'] });
export const Visibility = Type.Union(
  [Type.Literal('private'), Type.Literal('link'), Type.Literal('public')],
  {
    error: 'private, link or public',
    description: '`link`: visible to everyone who has the `share_url`',
    examples: ['link'],
  },
);

const WORK = [{ name: 'Northlight', position: 'Engineer', startDate: '2021-04' }];
const EDUCATION = [{ institution: 'University of Galway', area: 'Mathematics' }];
const Entries = Type.Array(Type.Record(Type.String(), Type.Unknown()));
const LongText = text({ min: 0, max: 20_000 }, { examples: ['Builds small services that stay up.'] });

const entries = (kind: string, string: TString, example: unknown) =>
  Type.Union([string, Entries], {
    error: 'A string, or entries',
    description: `A string, or entries with the JSON Resume fields of \`${kind}\``,
    examples: [example],
  });

/**
 * The API fields of a document, as they are accepted: by the API and, as what is accepted has to be shown, by the import.
 * Their number is limited by the size of the document.
 */
export const ResumeFields = Type.Object({
  summary: LongText,
  skills: Type.Array(text({ max: 200 }), { error: 'Skill names', examples: [['TypeScript', 'MariaDB']] }),
  experience: entries('work', LongText, WORK),
  education: entries('education', LongText, EDUCATION),
});
export type ResumeFields = Static<typeof ResumeFields>;

/** The same as they are shown, without limits: an earlier version may have accepted more. */
const ShownFields = Type.Object({
  summary: Type.String({ examples: ['Builds small services that stay up.'] }),
  skills: Type.Array(Type.String(), { examples: [['TypeScript', 'MariaDB']] }),
  experience: entries('work', Type.String(), WORK),
  education: entries('education', Type.String(), EDUCATION),
});

export const NewResume = Type.Composite([
  Type.Object({
    user_id: Type.Optional(UserId),
    title: Title,
    visibility: Type.Optional(Visibility),
  }),
  Type.Partial(ResumeFields),
]);
export type NewResume = Static<typeof NewResume>;

/** A missing field is unchanged. */
export const ResumeUpdate = Type.Partial(NewResume, { minProperties: 1 });
export type ResumeUpdate = Static<typeof ResumeUpdate>;

export const Resume = Type.Composite([
  Type.Object({
    id: Type.String({ examples: [RESUME_ID] }),
    user_id: UserId,
    title: Type.String({ examples: ['Backend engineer'] }),
    visibility: Visibility,
    share_url: Type.Union([Type.String(), Type.Null()], {
      description: 'Visible to the owner only, while `visibility` is `link`',
      examples: [`https://rookery.example/resumes/${RESUME_ID}.html?token=Zp1k4vT0aQe7Yh2mXc9uLw`],
    }),
    version: Type.Integer({ description: 'Incremented on every change; also the `ETag`', examples: [3] }),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  }),
  ShownFields,
]);
export type Resume = Static<typeof Resume>;

export const ResumePage = PageOf(Resume);

export const ImportQuery = Type.Object({
  title: Type.Optional(Title),
  visibility: Type.Optional(Visibility),
});
export type ImportQuery = Static<typeof ImportQuery>;

/** Validated against the published JSON Resume schema, not by this one. */
export const JsonResumeBody = Type.Object(
  {},
  {
    additionalProperties: Type.Unknown(),
    description: 'A JSON Resume (https://jsonresume.org/schema)',
    examples: [
      {
        basics: { name: 'Ada Byron', label: 'Backend engineer', email: 'ada@example.com' },
        work: [{ name: 'Northlight', position: 'Engineer', startDate: '2021-04' }],
      },
    ],
  },
);

export const ShareQuery = Type.Object({
  token: Type.Optional(
    Type.String({ maxLength: 100, description: 'Share token, from the `share_url` of a résumé' }),
  ),
});
