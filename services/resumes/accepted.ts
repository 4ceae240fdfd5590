import { TypeCompiler } from '@sinclair/typebox/compiler';
import type { FieldError } from '#kit/errors/problem';
import { type JsonResume, requireSize, validatedResume } from './json-resume';
import { InvalidResume, ResumeFields } from './model';
import { changedFields, fieldsOf, withFields } from './rules';

const fieldsCheck = TypeCompiler.Compile(ResumeFields);

/**
 * Accepts a document that can be stored, shown and sent back: by the JSON Resume schema, and with API fields that the API
 * accepts as well.
 *
 * @throws InvalidResume, ResumeTooLarge
 */
export function acceptedResume(document: unknown): JsonResume {
  const resume = validatedResume(document);
  const errors = fieldErrors(resume);
  if (errors.length > 0) throw new InvalidResume({ errors });
  return resume;
}

/**
 * Accepts a change of a stored document. Only what changes is validated: an earlier version may have accepted the rest.
 *
 * @throws InvalidResume, ResumeTooLarge
 */
export function acceptedChange(document: JsonResume, change: Partial<ResumeFields>): JsonResume {
  acceptedResume(withFields({}, changedFields(document, change)));
  const changed = withFields(document, change);
  requireSize(changed);
  return changed;
}

function fieldErrors(resume: JsonResume): FieldError[] {
  const fields = fieldsOf(resume);
  const errors = new Map<string, FieldError>();
  for (const { path, schema, message } of fieldsCheck.Errors(fields)) {
    const field = pointerTo(resume, fields, path);
    if (!errors.has(field))
      errors.set(field, { field, message: typeof schema.error === 'string' ? schema.error : message });
  }
  return [...errors.values()];
}

/** Where a document holds what an API field shows. */
function pointerTo(resume: JsonResume, fields: ResumeFields, path: string): string {
  const [, name = '', index = ''] = path.split('/');
  if (name === 'summary') return '/basics/summary';
  if (name === 'skills') {
    const skill = resume.skills?.findIndex((each) => each.name === fields.skills[Number(index)]) ?? -1;
    return skill === -1 ? '/skills' : `/skills/${skill}/name`;
  }
  return name === 'experience' ? '/work/0/summary' : '/education/0/summary';
}
