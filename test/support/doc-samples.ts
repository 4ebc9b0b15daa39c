import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './root.js';

/** A page of the documentation. */
export interface Page {
  /** Relative to the root of the repository, for example `docs/guides/guards.md`. */
  path: string;
  text: string;
}

/** A fenced block of a page. */
export interface Sample {
  page: string;
  /** The nearest heading above it. */
  heading: string;
  /** The line of its first line of code, in the Markdown file; the first line of the file is 1. */
  line: number;
  language: string;
  text: string;
}

/** The first page names the files of the application that the other pages change. */
export const START_PAGE = 'docs/getting-started.md';

/** README.md and everything in docs/, without the reports of the public API. */
export async function readPages(): Promise<Page[]> {
  const names = await readdir(join(root, 'docs'), { recursive: true });
  const paths = names
    .filter((name) => name.endsWith('.md') && !/(^|[/\\])(api|node_modules)[/\\]/.test(name))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`);
  return Promise.all(
    ['README.md', ...paths.sort()].map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })),
  );
}

/** The fenced blocks of a page, in their order. A block in a list loses its indentation. */
export function samplesOf({ path, text }: Page): Sample[] {
  const samples: Sample[] = [];
  let heading = '';
  let open: { indent: string; fence: string; sample: Sample; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (open) {
      if (line.trim() === open.fence) {
        open.sample.text = open.lines.join('\n');
        samples.push(open.sample);
        open = undefined;
      } else {
        open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart());
      }
      continue;
    }
    const title = /^#{1,6} (.+)$/.exec(line);
    if (title) heading = title[1];
    const fence = /^(\s*)(`{3,})(\S*)/.exec(line);
    if (fence) {
      const sample = { page: path, heading, line: index + 2, language: fence[3], text: '' };
      open = { indent: fence[1], fence: fence[2], sample, lines: [] };
    }
  }
  if (open) throw new Error(`${placeOf(open.sample)}: the block has no end.`);
  return samples;
}

/** For messages. */
export function placeOf({ page, heading, line }: Pick<Sample, 'page' | 'heading' | 'line'>): string {
  return `${page}:${line} ("${heading}")`;
}

export const isTypeScript = ({ language }: Sample) => language === 'ts' || language === 'typescript';

/** The file of the application that a block is; `undefined` for a fragment. */
export function fileOf({ text }: Sample): string | undefined {
  return /^\/\/ (src\/\S+\.ts)\s*$/m.exec(text.split('\n', 1)[0])?.[1];
}

/** Why a block is compiled and not run; `''` if it gives no reason, `undefined` if it runs. */
export function reasonNotToRun({ text }: Sample): string | undefined {
  const lines = text.split('\n', 2);
  const reason = /^\/\/ not run(?:: *(.*))?$/;
  return lines
    .map((line) => reason.exec(line))
    .find((match) => match !== null)
    ?.map((group) => group ?? '')[1];
}

/** The files of the application that a page has in blocks, by their paths. */
export function filesOf(page: Page): Map<string, Sample> {
  const files = samplesOf(page).filter((sample) => isTypeScript(sample) && fileOf(sample) !== undefined);
  return new Map(files.map((sample) => [fileOf(sample)!, sample]));
}
