import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Prettier 2 and 3 have these. Prettier 2 returns the values themselves. */
interface Prettier {
  check(text: string, options: object): Promise<boolean> | boolean;
  format(text: string, options: object): Promise<string> | string;
  resolveConfig(path: string, options: object): Promise<object | null>;
  getFileInfo(path: string, options: object): Promise<{ ignored: boolean; inferredParser: string | null }>;
}

/** A file that a schematic has written. */
export interface Written {
  readonly path: string;
  /** `undefined` if the file is new. */
  readonly before: string | undefined;
  readonly after: string;
}

/**
 * Formats written files with the Prettier and the configuration of the application. A file that was not formatted before
 * is left as it is, because a change of all its lines would hide ours. Without Prettier nothing is formatted.
 *
 * @returns the texts that differ, by path
 */
export async function formatted(folder: string, files: Written[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const prettier = await prettierOf(folder);
  if (!prettier) return texts;
  for (const { path, before, after } of files) {
    try {
      const options = await optionsFor(prettier, folder, path);
      if (!options || (before !== undefined && !(await prettier.check(before, options)))) continue;
      const text = await prettier.format(after, options);
      if (text !== after) texts.set(path, text);
    } catch {
      // A configuration or plugin that cannot be loaded: the file stays as it was written.
    }
  }
  return texts;
}

async function prettierOf(folder: string): Promise<Prettier | undefined> {
  try {
    const path = createRequire(join(folder, 'package.json')).resolve('prettier');
    const loaded = (await import(pathToFileURL(path).href)) as { default?: Prettier } & Prettier;
    return loaded.default ?? loaded;
  } catch {
    return undefined;
  }
}

async function optionsFor(prettier: Prettier, folder: string, path: string): Promise<object | undefined> {
  const filepath = join(folder, path);
  const { ignored, inferredParser } = await prettier.getFileInfo(filepath, {
    ignorePath: join(folder, '.prettierignore'),
  });
  if (ignored || !inferredParser) return undefined;
  return { ...(await prettier.resolveConfig(filepath, { editorconfig: true })), filepath };
}
