// `npm start`: compiles what has changed since the last time, and runs the demo in this process. It does not check types,
// which takes most of the time of a build: that is for `npm run build` and `npm run typecheck`.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';

const CONFIGURATION = ['tsconfig.json', 'tsconfig.build.json'];
/** The compiler writes it last. */
const BUILD_INFO = 'dist/.tsbuildinfo';

/** A folder is newer when a file in it has been added, removed or renamed. */
function isCompiled() {
  const compiledAt = statSync(BUILD_INFO, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const inputs = [...CONFIGURATION, 'src', ...readdirSync('src', { recursive: true }).map((path) => `src/${path}`)];
  return inputs.every((path) => statSync(path).mtimeMs < compiledAt);
}

if (!isCompiled()) {
  const tsc = ['node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json', '--noCheck'];
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
await import('./copy-page.js');
await import('../dist/demo/main.js');
