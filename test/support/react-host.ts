import { Controller, Get, Header, Query } from '@nestjs/common';
import { build } from 'esbuild';
import { TooFrequent } from 'nestjs-refresh-token/risk';
import { join } from 'node:path';
import { clientHost } from './client-host.js';
import { root } from './root.js';

/** The page in `test/browser/react-page.ts` with React's development build, which warns of mistakes. */
export async function bundled(nodeModules = join(root, 'node_modules')): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'test/browser/react-page.ts')],
    bundle: true,
    format: 'esm',
    write: false,
    // It maps the names of the package to its sources.
    tsconfig: join(root, 'tsconfig.json'),
    alias: { react: join(nodeModules, 'react'), 'react-dom': join(nodeModules, 'react-dom') },
    define: { 'process.env.NODE_ENV': '"development"' },
  });
  return outputFiles[0].text;
}

/**
 * A host whose page `/react` has a client in React. Add `?strict` for the strict mode, `?idle` to mount it later.
 *
 * @param html what the server has rendered into `/react?rendered`
 */
export function reactHost(script: () => Promise<string>, html: () => string = () => '') {
  @Controller()
  class ReactController {
    @Get('react')
    @Header('Content-Type', 'text/html')
    page(@Query('rendered') rendered?: string) {
      const content = rendered === undefined ? '' : html();
      return `<!doctype html><title>page</title><div id="root">${content}</div><script type="module" src="/react.js"></script>`;
    }

    @Get('react.js')
    @Header('Content-Type', 'text/javascript')
    script() {
      return script();
    }
  }

  // The fourth refresh within an hour asks for the password.
  const risk = { rules: [new TooFrequent({ moreThan: 3, verdict: 'step_up' })] };
  return clientHost({ controllers: [ReactController], options: { risk } });
}
