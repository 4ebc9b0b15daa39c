// One file of the client for `<script type="module">`. Prints its size, and fails the build where it has grown too large.
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bytes, gzipped. */
const LARGEST = 9_100;

const {
  outputFiles: [{ contents, path }],
} = await build({
  entryPoints: ['dist/client/index.js'],
  outfile: 'dist/client/client.min.js',
  bundle: true,
  minify: true,
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
