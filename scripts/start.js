// `npm start`: compiles the sources that have changed, and runs the demo in this process. It neither checks types nor writes
// declarations, which takes most of the time of a build.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';

const CONFIGURATION = 'tsconfig.build.json';
/** Without it a build is complete: it would take what is compiled here for its own. */
const BUILD_INFO = 'dist/.tsbuildinfo';
/** What was compiled, as it was when it was read: an edit that comes meanwhile is seen by the next start. */
const COMPILED = 'dist/.compiled.json';

function stamp(path) {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs} ${size}`;
}

function stampsOf(paths) {
  return Object.fromEntries(paths.map((path) => [path, stamp(path)]));
}

function readCompiled() {
  return existsSync(COMPILED) ? JSON.parse(readFileSync(COMPILED, 'utf8')) : { configuration: {}, sources: {} };
}

function outputOf(source) {
  return source.replace(/^src/, 'dist').replace(/\.ts$/, '.js');
}

async function compile(sources) {
  const { default: ts } = await import('typescript');
  rmSync(BUILD_INFO, { force: true });
  const { config } = ts.readConfigFile(CONFIGURATION, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: sources }, ts.sys, '.');
  // Each file by itself, as `isolatedModules` allows: nothing that it imports is read.
  const alone = { noCheck: true, noResolve: true, noLib: true, types: [], declaration: false, incremental: false };
  const program = ts.createProgram(sources, { ...options, ...alone, tsBuildInfoFile: undefined });
  const errors = program.getSyntacticDiagnostics();
  if (errors.length > 0) {
    console.error(
      ts.formatDiagnostics(errors, { ...ts.sys, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }),
    );
    process.exit(1);
  }
  program.emit();
}

const configuration = stampsOf([CONFIGURATION, 'tsconfig.json']);
const sources = stampsOf(
  readdirSync('src', { recursive: true })
    .map((path) => `src/${path}`)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts')),
);
const known = readCompiled();
const hasOtherOptions = JSON.stringify(known.configuration) !== JSON.stringify(configuration);
const changed = Object.keys(sources).filter(
  (path) => hasOtherOptions || known.sources[path] !== sources[path] || !existsSync(outputOf(path)),
);
if (changed.length > 0) {
  await compile(changed);
  writeFileSync(COMPILED, JSON.stringify({ configuration, sources }));
}
await import('./copy-page.js');
await import('../dist/demo/main.js');
