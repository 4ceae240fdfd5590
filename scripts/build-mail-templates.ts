import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import mjml2html from 'mjml';

const TEMPLATES = join(import.meta.dir, '..', 'workers', 'mail', 'templates');
/** What the templates are made of: no mails of their own. */
const PARTS = ['head', 'header', 'footer'];

/**
 * Turns every template into the HTML that mail programs understand, with its `{{placeholders}}` left in.
 *
 * @returns the text of each `<name>.html.mustache`
 * @throws with the findings when a template breaks a rule of MJML
 */
export async function compileMailTemplates(): Promise<Map<string, string>> {
  const compiled = new Map<string, string>();
  for (const file of (await readdir(TEMPLATES)).filter((name) => name.endsWith('.mjml')).sort()) {
    const name = basename(file, '.mjml');
    if (!PARTS.includes(name)) compiled.set(`${name}.html.mustache`, await compile(join(TEMPLATES, file)));
  }
  return compiled;
}

async function compile(filePath: string): Promise<string> {
  const source = await Bun.file(filePath).text();
  const { html } = await mjml2html(source, {
    filePath,
    ignoreIncludes: false,
    includePath: TEMPLATES,
    validationLevel: 'strict',
    // Else it would link the fonts of another house, which learns by that who reads which mail when.
    fonts: {},
  });
  return `${html
    .trim()
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll(/\n{2,}/g, '\n')}\n`;
}

if (import.meta.main)
  for (const [name, html] of await compileMailTemplates()) {
    await Bun.write(join(TEMPLATES, name), html);
    console.log(`workers/mail/templates/${name}  ${Math.ceil(html.length / 1024)} KB`);
  }
