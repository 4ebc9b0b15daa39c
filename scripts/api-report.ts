// Reports of the public API, one for each entry point of the package: `npm run api` renews those in `docs/api`.
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where the reports are, relative to the package. */
export const REPORTS = 'docs/api';

interface Manifest {
  exports: Record<string, string | { types?: string }>;
}

/**
 * Writes the reports of the sources as they are. It needs no build.
 *
 * @param folder exists already; it gets `main.api.md` and a file for each other entry point, for example
 *   `client-dpop.api.md` for `./client/dpop`
 * @throws Error with the compiler's output if the declarations cannot be emitted
 * @example
 * await writeReports('docs/api');
 */
export async function writeReports(folder: string): Promise<void> {
  // API Extractor reads declarations. They are separate from those of the build, which may be older than the sources.
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', join(root, 'scripts/tsconfig.api.json')]);
  const configs = (await entryPoints()).map(({ name, declarations }) => configOf(name, declarations, folder));
  const additionalEntryPoints = configs.map((config) => config.mainEntryPointFilePath);
  const compilerState = CompilerState.create(configs[0], { additionalEntryPoints });
  for (const config of configs) {
    Extractor.invoke(config, {
      compilerState,
      localBuild: true,
      messageCallback: (message) => (message.handled = true),
    });
  }
}

async function entryPoints(): Promise<{ name: string; declarations: string }[]> {
  const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
  const byDeclarations = new Map<string, string>();
  for (const [entry, target] of Object.entries(exports)) {
    const types = typeof target === 'string' ? undefined : target.types;
    // The first entry with these types is enough.
    if (types !== undefined && !byDeclarations.has(types)) byDeclarations.set(types, entry);
  }
  return [...byDeclarations].map(([types, entry]) => ({
    name: entry === '.' ? 'main' : entry.slice('./'.length).replaceAll('/', '-'),
    declarations: join(root, types.replace('./dist/', 'dist/declarations/')),
  }));
}

function configOf(name: string, declarations: string, folder: string): ExtractorConfig {
  const unreported = { default: { logLevel: ExtractorLogLevel.None } };
  return ExtractorConfig.prepare({
    packageJsonFullPath: join(root, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: declarations,
      newlineKind: 'lf',
      compiler: { tsconfigFilePath: join(root, 'scripts/tsconfig.api.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: folder,
        reportTempFolder: folder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: unreported,
        extractorMessageReporting: unreported,
        tsdocMessageReporting: unreported,
      },
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fresh = await mkdtemp(join(tmpdir(), 'api-'));
  await writeReports(fresh);
  // The report of an entry point that no longer exists goes too.
  await rm(join(root, REPORTS), { recursive: true, force: true });
  await mkdir(join(root, REPORTS));
  await cp(fresh, join(root, REPORTS), { recursive: true });
  await rm(fresh, { recursive: true });
}
