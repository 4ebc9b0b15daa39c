import { readFileSync } from 'node:fs';
import { Controller, Get, Header, NotFoundException, Param, Req, Res, StreamableFile } from '@nestjs/common';
import { Public } from 'nestjs-refresh-token';

const TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The default of the option `cookie.name`. */
const REFRESH_COOKIE = '__Host-refresh_token';

const PAGE = new URL('../page/', import.meta.url);

/** The page, and the modules it is made of. */
@Controller()
@Public()
export class PageController {
  private readonly page = readFileSync(new URL('index.html', PAGE), 'utf8');
  private readonly files = new Map<string, Buffer>();

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  index(@Req() { headers }: { headers: { cookie?: string } }): string {
    const session = headers.cookie?.includes(REFRESH_COOKIE) ? 'perhaps' : 'none';
    return this.page.replace('data-session="unknown"', `data-session="${session}"`);
  }

  @Get('page/:name')
  @Header('Cache-Control', 'no-cache')
  file(
    @Param('name') name: string,
    @Res({ passthrough: true }) response: { header(name: string, value: string): void },
  ) {
    const type = /^[\w-]+\.(js|css|svg)$/.exec(name)?.[1];
    if (type === undefined) throw new NotFoundException();
    response.header('Content-Type', TYPES[type]);
    return new StreamableFile(this.read(name));
  }

  private read(name: string): Buffer {
    let file = this.files.get(name);
    if (!file) {
      try {
        file = readFileSync(new URL(name, PAGE));
      } catch {
        throw new NotFoundException();
      }
      this.files.set(name, file);
    }
    return file;
  }
}
