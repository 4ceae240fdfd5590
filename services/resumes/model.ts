import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/pagination';

export const ResumeNotFound = defineProblem(
  'resume.not-found',
  404,
  'There is no such résumé, or it is not shared',
);
export const TooManyResumes = defineProblem('resume.too-many', 409, 'A person has at most 100 résumés');
export const InvalidResume = defineProblem('resume.invalid', 422, 'This is not a JSON Resume');
export const ResumeTooLarge = defineProblem('resume.too-large', 413, 'A résumé has at most 64 KiB');

export const RESUMES_EACH = 100;

const RESUME_ID = '0198c1f2-0a4b-7c3d-8e5f-60718293a4b5';
const USER_ID = '0198c1f2-0a4b-7c3d-8e5f-1029384756af';

export const UserId = Type.String({
  pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
  error: 'The id of a person',
  examples: [USER_ID],
});

const Title = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '\\S',
  error: 'One to 200 characters, not only blanks',
  examples: ['Backend engineer'],
});
const Visibility = Type.Union([Type.Literal('private'), Type.Literal('link'), Type.Literal('public')], {
  error: 'private, link or public',
  description: '`link`: for everybody who has its `share_url`',
  examples: ['link'],
});

const LONGEST_TEXT = 20_000;
const entries = (kind: string, example: Record<string, unknown>) =>
  Type.Union(
    [
      Type.String({ maxLength: LONGEST_TEXT }),
      Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 100 }),
    ],
    {
      error: 'A text, or at most 100 entries',
      description: `A text, or entries with the fields that JSON Resume gives to \`${kind}\``,
      examples: [[example]],
    },
  );

const Fields = Type.Object({
  summary: Type.String({ maxLength: LONGEST_TEXT, examples: ['Builds small services that stay up.'] }),
  skills: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
    maxItems: 200,
    error: 'At most 200 names of skills',
    examples: [['TypeScript', 'MariaDB']],
  }),
  experience: entries('work', { name: 'Northlight', position: 'Engineer', startDate: '2021-04' }),
  education: entries('education', { institution: 'University of Galway', area: 'Mathematics' }),
});
export type ResumeFields = Static<typeof Fields>;

export const NewResume = Type.Composite([
  Type.Object({
    user_id: Type.Optional(UserId),
    title: Title,
    visibility: Type.Optional(Visibility),
  }),
  Type.Partial(Fields),
]);
export type NewResume = Static<typeof NewResume>;

/** What is left out stays. */
export const ResumeChange = Type.Partial(NewResume, { minProperties: 1 });
export type ResumeChange = Static<typeof ResumeChange>;

export const Resume = Type.Composite([
  Type.Object({
    id: Type.String({ examples: [RESUME_ID] }),
    user_id: UserId,
    title: Title,
    visibility: Visibility,
    share_url: Type.Union([Type.String(), Type.Null()], {
      description: 'Shown to its owner while it is shared by link',
      examples: [`https://rookery.example/resumes/${RESUME_ID}.html?token=Zp1k4vT0aQe7Yh2mXc9uLw`],
    }),
    version: Type.Integer({ description: 'Grows with every change; also the `ETag`', examples: [3] }),
    created_at: Type.String({ format: 'date-time' }),
    updated_at: Type.String({ format: 'date-time' }),
  }),
  Fields,
]);
export type Resume = Static<typeof Resume>;

export const ResumePage = PageOf(Resume);

export const ImportQuery = Type.Object({
  title: Type.Optional(Title),
  visibility: Type.Optional(Visibility),
});
export type ImportQuery = Static<typeof ImportQuery>;

/** Checked against the published schema, which says more than could be said here. */
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

/** How somebody who is not its owner shows that a résumé was shared with them. */
export const ShareQuery = Type.Object({
  token: Type.Optional(Type.String({ maxLength: 100, description: 'Of a résumé that is shared by link' })),
});
