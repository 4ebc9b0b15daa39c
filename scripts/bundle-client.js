// One file of the client for `<script type="module">`. Prints its size, and fails the build where it has grown too large.
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bytes, gzipped. */
const LARGEST = 6_000;

/** What the parts of the client call each other, and nobody outside: neither hosts nor a tab with another build. */
const INNER =
  /^(accessToken|adopt|afterRefusal|age|announce|authRepeated|authUrl|catchUp|changed|clockOffset|current|endedAt|expired|forget|headersFor|insist|isOlderThan|learn|leave|left|listeners|origins|post|prove|remember|remembered|renew|requests|signIn|signOut|state|untilDue)$/;

const {
  outputFiles: [{ contents, path }],
} = await build({
  // No page needs the client for servers.
  stdin: {
    contents: "export { AuthClientError, createAuthClient, interceptAxios } from './index.js';",
    resolveDir: 'dist/client',
  },
  outfile: 'dist/client/client.min.js',
  bundle: true,
  minify: true,
  mangleProps: INNER,
  format: 'esm',
  target: 'es2022',
  write: false,
});
const size = gzipSync(contents, { level: 9 }).length;
console.log(`The client is ${size} bytes gzipped, of at most ${LARGEST}.`);
if (size > LARGEST) {
  console.error('It is too large: every page that uses it would pay.');
  process.exit(1);
}
await writeFile(path, contents);
