// Builds the site of the documentation into `docs/.vitepress/dist`: `npm run docs`. With `dev` it serves the pages instead.
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../docs', import.meta.url));
const run = (...args) => execFileSync('npm', args, { cwd: docs, stdio: 'inherit' });

// Their packages are separate from those of the tests, and fetched when the site is first built.
if (!existsSync(join(docs, 'node_modules/vitepress'))) run('ci', '--no-audit', '--no-fund');
rmSync(join(docs, 'reference/api'), { recursive: true, force: true });
run('run', 'api');
run('run', process.argv[2] === 'dev' ? 'dev' : 'build');
