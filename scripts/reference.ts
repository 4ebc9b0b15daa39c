// The pages of `docs/reference`, from the docstrings of the code: `npm run reference` renews them.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './reference/docstrings.js';
import { entryPointsPage } from './reference/entry-points.js';
import { errorsPage } from './reference/errors.js';
import { eventsPage } from './reference/events.js';
import { httpApiPage } from './reference/http-api.js';
import { optionsPage } from './reference/options.js';

/** Where the pages are, relative to the package. */
export const REFERENCE = 'docs/reference';

/** Each page by the name of its file, as the sources are now. It needs no build. */
export const PAGES: Readonly<Record<string, () => Promise<string>>> = {
  'options.md': optionsPage,
  'http-api.md': httpApiPage,
  'errors.md': errorsPage,
  'events.md': eventsPage,
  'entry-points.md': entryPointsPage,
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(join(root, REFERENCE), { recursive: true });
  for (const [name, page] of Object.entries(PAGES)) await writeFile(join(root, REFERENCE, name), await page());
}
