import { Controller, Get, type INestApplication, type Type, UseFilters } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { Args, Field, ObjectType, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MessagePattern } from '@nestjs/microservices';
import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import {
  type AuthenticatedUser,
  AuthExceptionFilter,
  CurrentUser,
  JwtAuthGuard,
  NotImpersonated,
  Permissions,
  PermissionsGuard,
  Public,
  Roles,
  RolesGuard,
  Scopes,
  ScopesGuard,
} from 'nestjs-refresh-token';
import { AuthSocketFilter, SocketSessions } from 'nestjs-refresh-token/sockets';
import type { IncomingMessage } from 'node:http';

/** What every context offers: for any user, for a role, for a scope, for a permission, for the user alone, for everybody. */
export type Operation = 'mine' | 'admins' | 'scoped' | 'permitted' | 'personal' | 'open';

/** The id of the user where the handler was reached with one; `null` where with none. */
const idOf = (user?: AuthenticatedUser) => ({ id: user?.id ?? null });

@Controller('http')
export class HttpController {
  @Get('mine')
  mine(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Roles('admin')
  @Get('admins')
  admins(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Scopes('reports:read')
  @Get('scoped')
  scoped(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Permissions('users:write')
  @Get('permitted')
  permitted(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @NotImpersonated()
  @Get('personal')
  personal(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Public()
  @Get('open')
  open(@CurrentUser() user?: AuthenticatedUser) {
    return idOf(user);
  }
}

@ObjectType()
class Whose {
  @Field(() => String, { nullable: true })
  id: string | null;
}

/** One thing after another, until nobody listens any more. */
async function* endless(field: string, user?: AuthenticatedUser) {
  for (;;) {
    yield { [field]: idOf(user) };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

@Resolver()
export class GraphqlResolver {
  @Query(() => Whose)
  mine(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Roles('admin')
  @Query(() => Whose)
  admins(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Scopes('reports:read')
  @Query(() => Whose)
  scoped(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Permissions('users:write')
  @Query(() => Whose)
  permitted(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @NotImpersonated()
  @Query(() => Whose)
  personal(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Public()
  @Query(() => Whose)
  open(@CurrentUser() user?: AuthenticatedUser) {
    return idOf(user);
  }

  @Subscription(() => Whose, { name: 'mine' })
  mineAgain(@CurrentUser() user: AuthenticatedUser) {
    return endless('mine', user);
  }

  @Roles('admin')
  @Subscription(() => Whose, { name: 'admins' })
  adminsAgain(@CurrentUser() user: AuthenticatedUser, @Args('unused', { nullable: true }) _unused?: string) {
    return endless('admins', user);
  }

  @Scopes('reports:read')
  @Subscription(() => Whose, { name: 'scoped' })
  scopedAgain(@CurrentUser() user: AuthenticatedUser) {
    return endless('scoped', user);
  }

  @Permissions('users:write')
  @Subscription(() => Whose, { name: 'permitted' })
  permittedAgain(@CurrentUser() user: AuthenticatedUser) {
    return endless('permitted', user);
  }

  @NotImpersonated()
  @Subscription(() => Whose, { name: 'personal' })
  personalAgain(@CurrentUser() user: AuthenticatedUser) {
    return endless('personal', user);
  }

  @Public()
  @Subscription(() => Whose, { name: 'open' })
  openAgain(@CurrentUser() user?: AuthenticatedUser) {
    return endless('open', user);
  }
}

@UseFilters(AuthSocketFilter)
@WebSocketGateway()
export class Gateway {
  @SubscribeMessage('mine')
  mine(@CurrentUser() user: AuthenticatedUser) {
    return { event: 'mine', data: idOf(user) };
  }

  @Roles('admin')
  @SubscribeMessage('admins')
  admins(@CurrentUser() user: AuthenticatedUser) {
    return { event: 'admins', data: idOf(user) };
  }

  @Scopes('reports:read')
  @SubscribeMessage('scoped')
  scoped(@CurrentUser() user: AuthenticatedUser) {
    return { event: 'scoped', data: idOf(user) };
  }

  @Permissions('users:write')
  @SubscribeMessage('permitted')
  permitted(@CurrentUser() user: AuthenticatedUser) {
    return { event: 'permitted', data: idOf(user) };
  }

  @NotImpersonated()
  @SubscribeMessage('personal')
  personal(@CurrentUser() user: AuthenticatedUser) {
    return { event: 'personal', data: idOf(user) };
  }

  @Public()
  @SubscribeMessage('open')
  open(@CurrentUser() user?: AuthenticatedUser) {
    return { event: 'open', data: idOf(user) };
  }
}

/** Lets nobody in without a token. */
@UseFilters(AuthSocketFilter)
@WebSocketGateway({ path: '/closed' })
export class ClosedGateway implements OnGatewayConnection {
  constructor(private readonly sockets: SocketSessions) {}

  async handleConnection(client: never, request?: IncomingMessage) {
    await this.sockets.admit(client, request);
  }

  @SubscribeMessage('mine')
  mine(@CurrentUser() user: AuthenticatedUser) {
    return { event: 'mine', data: idOf(user) };
  }
}

@Controller()
export class MessageController {
  @MessagePattern('mine')
  mine(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Roles('admin')
  @MessagePattern('admins')
  admins(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Scopes('reports:read')
  @MessagePattern('scoped')
  scoped(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Permissions('users:write')
  @MessagePattern('permitted')
  permitted(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @NotImpersonated()
  @MessagePattern('personal')
  personal(@CurrentUser() user: AuthenticatedUser) {
    return idOf(user);
  }

  @Public()
  @MessagePattern('open')
  open(@CurrentUser() user?: AuthenticatedUser) {
    return idOf(user);
  }
}

/** The guards for the whole application, whatever its contexts are. */
export const GLOBAL = [
  { provide: APP_GUARD, useExisting: JwtAuthGuard },
  { provide: APP_GUARD, useExisting: RolesGuard },
  { provide: APP_GUARD, useExisting: ScopesGuard },
  { provide: APP_GUARD, useExisting: PermissionsGuard },
  { provide: APP_FILTER, useClass: AuthExceptionFilter },
];

export type Configure = (app: INestApplication) => void;
export type Provided = Type | (typeof GLOBAL)[number];
