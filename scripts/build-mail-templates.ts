import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import mjml2html from 'mjml';

const TEMPLATES = join(import.meta.dir, '..', 'workers', 'mail', 'templates');
/** Partials included by the templates. */
const PARTIALS = ['head', 'header', 'footer'];

/**
 * Compiles every MJML template to HTML for mail clients; `{{placeholders}}` are preserved.
 *
 * @returns the content of each `<name>.html.mustache`
 * @throws with MJML's findings when a template is invalid
 */
export async function compileMailTemplates(): Promise<Map<string, string>> {
  const compiled = new Map<string, string>();
  for (const file of (await readdir(TEMPLATES)).filter((name) => name.endsWith('.mjml')).sort()) {
    const name = basename(file, '.mjml');
    if (!PARTIALS.includes(name)) compiled.set(`${name}.html.mustache`, await compile(join(TEMPLATES, file)));
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
    // Without this MJML links third-party web fonts, which lets their host track who reads which mail.
    fonts: {},
  });
  return `${html
    .trim()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n')}\n`;
}

if (import.meta.main)
  for (const [name, html] of await compileMailTemplates()) {
    await Bun.write(join(TEMPLATES, name), html);
    console.log(`workers/mail/templates/${name}  ${Math.ceil(html.length / 1024)} KB`);
  }
