import { readFileSync } from 'node:fs';
import { Controller, Get, Header, Inject, NotFoundException, Param, Req, Res, StreamableFile } from '@nestjs/common';
import { Public } from 'nestjs-refresh-token';

const TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The default of the option `cookie.name`. */
const REFRESH_COOKIE = '__Host-refresh_token';

const PAGE = new URL('../page/', import.meta.url);
const CLIENT = new URL('../../client/', import.meta.url);

/** The injection token of whether the page offers to sign in with the passwords that everybody knows. */
export const OFFERS_KNOWN_USERS = Symbol('OFFERS_KNOWN_USERS');

/** The part of the page that names them. */
const KNOWN_USERS = /<div id="known-users">.*?<\/div>/s;

/** The part of a response that Express and Fastify share. */
interface Response {
  header(name: string, value: string): void;
}

/** Serves the page and its modules: its own and the client's. */
@Controller()
@Public()
export class PageController {
  private readonly page: string;
  private readonly files = new Map<string, Buffer>();

  constructor(@Inject(OFFERS_KNOWN_USERS) offersKnownUsers: boolean) {
    const page = readFileSync(new URL('index.html', PAGE), 'utf8');
    this.page = offersKnownUsers ? page : page.replace(KNOWN_USERS, '');
  }

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  index(@Req() { headers }: { headers: { cookie?: string } }): string {
    const session = headers.cookie?.includes(REFRESH_COOKIE) ? 'perhaps' : 'none';
    return this.page.replace('data-session="unknown"', `data-session="${session}"`);
  }

  @Get('page/:name')
  @Header('Cache-Control', 'no-cache')
  file(@Param('name') name: string, @Res({ passthrough: true }) response: Response): StreamableFile {
    return this.send(name, PAGE, response);
  }

  @Get('client/:name')
  @Header('Cache-Control', 'no-cache')
  clientModule(@Param('name') name: string, @Res({ passthrough: true }) response: Response): StreamableFile {
    return this.send(name, CLIENT, response);
  }

  @Get('client/:folder/:name')
  @Header('Cache-Control', 'no-cache')
  clientPart(
    @Param('folder') folder: string,
    @Param('name') name: string,
    @Res({ passthrough: true }) response: Response,
  ): StreamableFile {
    if (!/^\w+$/.test(folder)) throw new NotFoundException();
    return this.send(name, new URL(`${folder}/`, CLIENT), response);
  }

  private send(name: string, folder: URL, response: Response): StreamableFile {
    const type = /^[\w-]+\.(js|css|svg)$/.exec(name)?.[1];
    if (type === undefined) throw new NotFoundException();
    const file = this.read(new URL(name, folder));
    response.header('Content-Type', TYPES[type]);
    return new StreamableFile(file);
  }

  private read(url: URL): Buffer {
    let file = this.files.get(url.pathname);
    if (!file) {
      try {
        file = readFileSync(url);
      } catch {
        throw new NotFoundException();
      }
      this.files.set(url.pathname, file);
    }
    return file;
  }
}
