// The client in one file for `<script type="module">`, and the file that adds DPoP to it. The build fails if the core has
// grown too large. With `--table` it prints what each entry point costs a page: `npm run size`.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bytes of the core, gzipped. */
const LARGEST = 9_800;

const CORE = "import { createAuthClient } from './index.js'; globalThis.used = createAuthClient;";
/** What a page pays only if it imports it. */
const ADDITIONS = {
  'client/dpop': "import { dpop } from './dpop/index.js'; globalThis.more = dpop;",
  createServerAuthClient:
    "import { createServerAuthClient } from './index.js'; globalThis.more = createServerAuthClient;",
  'client/axios': "import { interceptAxios } from './axios/index.js'; globalThis.more = interceptAxios;",
  react: "import * as react from './react/index.js'; globalThis.more = react;",
};

const common = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  external: ['react', 'react/jsx-runtime'],
};

/** The core is in the other file, so that a page has it once. */
const sharedCore = {
  name: 'shared-core',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/auth-client-error\.js$/ }, () => ({ path: './client.min.js', external: true })),
};

await build({
  ...common,
  // No page needs the client for servers.
  stdin: { contents: "export { AuthClientError, createAuthClient } from './index.js';", resolveDir: 'dist/client' },
  outfile: 'dist/client/client.min.js',
});
await build({
  ...common,
  entryPoints: ['dist/client/dpop/index.js'],
  outfile: 'dist/client/client-dpop.min.js',
  plugins: [sharedCore],
});

const core = await sizeOf(CORE);
if (process.argv.includes('--table')) await printTable();
if (core > LARGEST) {
  console.error(`The core of the client is ${core} bytes gzipped, but at most ${LARGEST} are allowed.`);
  process.exit(1);
}

async function printTable() {
  const rows = [
    ['createAuthClient', core, `of at most ${LARGEST.toLocaleString('en')}`],
    ['client.min.js', gzipped(await readFile('dist/client/client.min.js')), 'one file'],
    ['client-dpop.min.js', gzipped(await readFile('dist/client/client-dpop.min.js')), 'next to client.min.js'],
  ];
  for (const [entry, program] of Object.entries(ADDITIONS)) {
    rows.push([entry, (await sizeOf(CORE + program)) - core, 'more than the core']);
  }
  for (const [name, bytes, remark] of rows) {
    console.log(`${name.padEnd(20)} ${bytes.toLocaleString('en').padStart(6)} bytes gzipped, ${remark}`);
  }
}

/** What a bundler makes of a program that uses the client. */
async function sizeOf(contents) {
  const stdin = { contents, resolveDir: 'dist/client' };
  const { outputFiles } = await build({ ...common, stdin, write: false });
  return gzipped(outputFiles[0].contents);
}

function gzipped(bytes) {
  return gzipSync(bytes, { level: 9 }).length;
}
