import { format, resolveConfig } from 'prettier';

/** A page of the reference, formatted. */
export async function page(title: string, introduction: string, sections: readonly string[]): Promise<string> {
  const text = [
    `# ${title}`,
    '<!-- Generated from the docstrings of the code by `npm run reference`. Do not edit. -->',
    introduction,
    ...sections,
  ].join('\n\n');
  const options = await resolveConfig(new URL('page.md', import.meta.url));
  return format(text, { ...options, parser: 'markdown', proseWrap: 'always' });
}

/** A list of facts; those without a value are left out. */
export function facts(values: Record<string, string | undefined>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `- ${name}: ${value}`)
    .join('\n');
}

/** A link to an error's heading. */
export const errorLink = (code: string) => `[\`${code}\`](errors.md#${code})`;

/** A link to a section of an RFC, from a text like `RFC 6749 §5.2`. */
export function rfcLink(text: string): string {
  return text.replace(/RFC (\d+)(?: §([\d.]+))?/g, (whole, number: string, section?: string) => {
    const anchor = section === undefined ? '' : `#section-${section}`;
    return `[${whole}](https://www.rfc-editor.org/rfc/rfc${number}${anchor})`;
  });
}
