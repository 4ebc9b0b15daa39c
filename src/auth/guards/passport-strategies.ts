import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import passport from 'passport';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { AuthRegistration } from '../modules/auth-registration.js';
import { PassportConfig } from './passport-options.js';

/** A strategy of one `AuthModule`. */
interface OwnStrategy {
  readonly name: string;
  /** The option that sets the name. */
  readonly option: string;
  readonly strategy: passport.Strategy;
  /** One per application. It has no adapter in a context without HTTP. */
  readonly application: HttpAdapterHost;
}

/** Global, so that two copies of this package in one process know each other. */
const OWN = Symbol.for('nestjs-refresh-token:passport-strategies');

/**
 * What Passport has under one of our names. It finds the strategy of the application that the request came to, because
 * several applications in one process share the names.
 */
class StrategyDispatcher extends passport.Strategy {
  /** Weak, because Nest tells nobody of an application that failed to start. */
  readonly [OWN] = new Set<WeakRef<OwnStrategy>>();
  private readonly notice = { given: false };

  constructor(override readonly name: string) {
    super();
  }

  override authenticate(request: object, options?: unknown): void {
    const found = this.strategyFor(request);
    if (!found) return this.fail(401);
    // Passport has set the actions, for example `success`, on this object.
    const attempt = Object.assign(Object.create(found) as passport.Strategy, this);
    attempt.authenticate(request as never, options);
  }

  private strategyFor(request: object): passport.Strategy | undefined {
    const all = membersOf(this[OWN]);
    const found =
      all.find(({ application }) => cameTo(application, request)) ?? (all.length === 1 ? all[0] : undefined);
    if (!found && !this.notice.given) {
      this.notice.given = true;
      const count = `${all.length} applications of this process have it`;
      new Logger('Passport').warn(
        `The strategy '${this.name}' refused a request: ${count}, and it came to none of them.`,
      );
    }
    return found?.strategy;
  }
}

/** Registers the Passport strategies of one `AuthModule`, and removes them when the application has stopped. */
@Injectable()
export class PassportStrategies implements OnModuleInit, OnApplicationShutdown {
  private readonly own: OwnStrategy[] = [];

  constructor(
    private readonly application: HttpAdapterHost,
    private readonly registration: AuthRegistration,
    private readonly config: PassportConfig,
  ) {}

  /** @throws AuthConfigurationError if the host has a strategy with this name */
  use(kind: 'jwt' | 'refreshToken', strategy: passport.Strategy): void {
    const suffix = kind === 'jwt' ? 'jwt' : 'refresh-token';
    const name = this.config[kind] ?? this.registration.strategyName(suffix);
    const own = { name, option: `passport.${kind}`, strategy, application: this.application };
    if (!registered(name)) hold(own);
    assertOurs(own);
    registered(name)![OWN]!.add(new WeakRef(own));
    this.own.push(own);
  }

  onModuleInit(): void {
    for (const own of this.own) {
      const here = membersOf(registered(own.name)![OWN]!).filter(({ application }) => application === this.application);
      if (here.length > 1) {
        throw new AuthConfigurationError(
          `${own.option}: two strategies of this application have the name '${own.name}'. Give each its own name.`,
        );
      }
    }
  }

  /** By now the last request has been answered. */
  onApplicationShutdown(): void {
    for (const own of this.own) {
      const members = registered(own.name)?.[OWN];
      if (!members) continue;
      for (const member of members) if (member.deref() === own) members.delete(member);
      if (membersOf(members).length === 0) passport.unuse(own.name);
    }
  }
}

/** What Passport keeps its strategies in. */
const { _strategies: strategies } = passport as unknown as { _strategies: Record<string, StrategyDispatcher> };

/** What Passport has under this name, ours or another. */
function registered(name: string): { [OWN]?: Set<WeakRef<OwnStrategy>> } | undefined {
  return strategies[name];
}

/**
 * Registers our strategy for this name, so that nobody can replace it: neither this application nor another one of the
 * process would notice, and its routes would accept the tokens of another.
 */
function hold(own: OwnStrategy): void {
  const dispatcher = new StrategyDispatcher(own.name);
  Object.defineProperty(strategies, own.name, {
    configurable: true,
    enumerable: true,
    get: () => dispatcher,
    set: (value: unknown) => {
      if (membersOf(dispatcher[OWN]).length > 0) throw nameTaken(own);
      Object.defineProperty(strategies, own.name, { configurable: true, enumerable: true, writable: true, value });
    },
  });
}

function assertOurs(own: OwnStrategy): void {
  if (!registered(own.name)?.[OWN]) throw nameTaken(own);
}

function nameTaken({ name, option }: OwnStrategy): AuthConfigurationError {
  return new AuthConfigurationError(
    `${option}: the process has another Passport strategy with the name '${name}', and one would replace the other. ` +
      `Give one of them a different name: PassportStrategy(Strategy, 'legacy-jwt'), or ${option.replace('.', ': { ')}: 'nrt-jwt' }.`,
  );
}

function membersOf(members: Set<WeakRef<OwnStrategy>>): OwnStrategy[] {
  return [...members].flatMap((member) => {
    const own = member.deref();
    if (!own) members.delete(member);
    return own ?? [];
  });
}

/** Express sets `app`, Fastify `server`. A request from another framework, or of a socket, came to the HTTP server. */
function cameTo({ httpAdapter }: HttpAdapterHost, request: object): boolean {
  if (!httpAdapter) return false;
  const { app, server, socket } = request as { app?: unknown; server?: unknown; socket?: { server?: unknown } };
  const instance: unknown = httpAdapter.getInstance();
  const httpServer: unknown = httpAdapter.getHttpServer();
  return app === instance || server === instance || (httpServer !== undefined && socket?.server === httpServer);
}
