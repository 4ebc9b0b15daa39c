// The library again, as CommonJS, for what cannot `require` ES modules, for example Jest. Node.js itself takes the
// condition `module-sync`, with `import` and with `require`, so a process has one copy.
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';

const OUT = 'dist/commonjs';
const JOSE = join(OUT, 'jose.js');
const PACKAGED = /^(auth|client|integrations|pglite)\/.*(?<!\.min)\.js$/;

/** Leaves each import as it is. Only `jose` comes along: it has no CommonJS. */
const imports: Plugin = {
  name: 'imports',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path, importer }) => {
      if (kind === 'entry-point') return undefined;
      if (path !== 'jose') return { path, external: true };
      return { path: relative(join(OUT, relative('dist', dirname(importer))), JOSE), external: true };
    });
  },
};

const common: BuildOptions = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minifyWhitespace: true,
};
const files = await readdir('dist', { recursive: true });
await build({
  ...common,
  entryPoints: files.filter((name) => PACKAGED.test(name)).map((name) => join('dist', name)),
  outbase: 'dist',
  outdir: OUT,
  // Jest refuses `import()`.
  supported: { 'dynamic-import': false },
  plugins: [imports],
});
await build({ ...common, stdin: { contents: "export * from 'jose'", resolveDir: '.' }, outfile: JOSE });
await copyFile('node_modules/jose/LICENSE.md', join(OUT, 'jose.LICENSE.md'));
await writeFile(join(OUT, 'package.json'), '{ "type": "commonjs" }\n');
