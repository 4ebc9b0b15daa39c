// Builds the site of the documentation into `docs/.vitepress/dist`: `npm run docs`. With `dev` it serves the pages instead.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../docs', import.meta.url));
const run = (...args) => execFileSync('npm', args, { cwd: docs, stdio: 'inherit' });

/** npm writes the second file when it has installed what the first one lists. */
function isInstalled() {
  const installed = join(docs, 'node_modules/.package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(docs, 'package-lock.json')).mtimeMs;
}

function assertSite() {
  const site = join(docs, '.vitepress/dist');
  const hasPages = ['index.html', 'reference/api/main.html'].every((page) => existsSync(join(site, page)));
  if (hasPages && readdirSync(join(site, 'assets/chunks')).some((file) => file.includes('localSearchIndex'))) return;
  console.error(`${site} lacks its first page, the API or the index of its search.`);
  process.exit(1);
}

// Their packages are separate from those of the tests, and fetched when the site is first built or when they have changed.
if (!isInstalled()) run('ci', '--no-audit', '--no-fund');
rmSync(join(docs, 'reference/api'), { recursive: true, force: true });
run('run', 'api');
if (process.argv[2] === 'dev') {
  run('run', 'dev');
} else {
  run('run', 'build');
  assertSite();
}
