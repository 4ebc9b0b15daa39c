// `npm start`: compiles the sources that have changed, and runs the demo in this process. It neither checks types nor writes
// declarations, which takes most of the time of a build.
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';

const CONFIGURATION = 'tsconfig.build.json';
/** Written at the end of a build, and at the end of what is compiled here. */
const STAMPS = ['dist/.tsbuildinfo', 'dist/.compiled'];

const writtenAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** All of them if the compiler's options have changed. */
function changedSources() {
  const compiledAt = Math.max(...STAMPS.map(writtenAt));
  const sources = readdirSync('src', { recursive: true }).map((path) => `src/${path}`);
  const isNew = (path) => writtenAt(path) >= compiledAt;
  const hasNewOptions = [CONFIGURATION, 'tsconfig.json'].some(isNew);
  return sources.filter((path) => path.endsWith('.ts') && (hasNewOptions || isNew(path)));
}

async function compile(sources) {
  const { default: ts } = await import('typescript');
  // A build would take what is written here for its own.
  rmSync(STAMPS[0], { force: true });
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
  writeFileSync(STAMPS[1], '');
}

const sources = changedSources();
if (sources.length > 0) await compile(sources);
await import('./copy-page.js');
await import('../dist/demo/main.js');
