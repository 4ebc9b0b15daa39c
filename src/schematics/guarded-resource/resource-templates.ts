/** The values for the files of a guarded resource. */
export interface Resource {
  /** The name in kebab case, for files and routes. */
  readonly file: string;
  readonly className: string;
  /** The role that the guarded route requires. */
  readonly role: string;
  /** The extension of relative imports. */
  readonly extension: string;
}

export const controller = ({
  file,
  className,
  role,
}: Resource) => `import { Controller, Get, UseGuards } from '@nestjs/common';
import {
  CurrentUser,
  JwtAuthGuard,
  Roles,
  RolesGuard,
} from 'nestjs-refresh-token';
import type { AuthenticatedUser } from 'nestjs-refresh-token';

/** Every route needs an access token. */
@Controller('${file}')
@UseGuards(JwtAuthGuard, RolesGuard)
export class ${className}Controller {
  @Get()
  findMine(@CurrentUser() user: AuthenticatedUser) {
    return { owner: user.id };
  }

  @Get('all')
  @Roles('${role}')
  findAll() {
    return [];
  }
}
`;

export const moduleOf = ({ file, className, extension }: Resource) => `import { Module } from '@nestjs/common';
import { ${className}Controller } from './${file}.controller${extension}';

@Module({ controllers: [${className}Controller] })
export class ${className}Module {}
`;

export const spec = ({
  file,
  className,
  role,
  extension,
}: Resource) => `import type { ExecutionContext, INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AuthError, JwtAuthGuard } from 'nestjs-refresh-token';
import { ${className}Controller } from './${file}.controller${extension}';

describe('${className}Controller', () => {
  let app: INestApplication;
  let url: string;
  let roles: string[] | undefined;

  beforeEach(async () => {
    // Replaces the check of the access token. RolesGuard is the real one.
    const guard = {
      canActivate: (context: ExecutionContext) => {
        if (!roles) throw new AuthError('unauthorized');
        context.switchToHttp().getRequest<{ user?: object }>().user = {
          id: '1',
          roles,
        };
        return true;
      },
    };
    const module = await Test.createTestingModule({
      controllers: [${className}Controller],
    })
      .overrideGuard(JwtAuthGuard)
      .useValue(guard)
      .compile();
    app = module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = \`\${await app.getUrl()}/${file}\`;
  });

  afterEach(() => app.close());

  it('knows whose request it is', async () => {
    roles = ['user'];
    const answer = await fetch(url);
    expect(await answer.json()).toEqual({ owner: '1' });
  });

  it('asks for an access token', async () => {
    roles = undefined;
    expect((await fetch(url)).status).toBe(401);
  });

  it('asks for the role', async () => {
    roles = ['user'];
    expect((await fetch(\`\${url}/all\`)).status).toBe(403);
    roles = ['${role}'];
    expect((await fetch(\`\${url}/all\`)).status).toBe(200);
  });
});
`;
