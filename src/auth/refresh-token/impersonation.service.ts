import { Injectable } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { AuthError } from '../common/errors/auth-error.js';
import { unknownOption } from '../common/options/checks.js';
import { duration } from '../common/options/duration.js';
import type { ClientContext } from '../common/request/client-context.js';
import { traced } from '../common/tracing/traced.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import { Impersonators } from './impersonators.js';
import { SessionIssuer } from './session-issuer.js';
import type { SignInRequest } from './sign-in-request.js';
import type { TokenUse } from './token-use.js';

type OfSignIn = 'clientId' | 'deviceName' | 'scope' | 'bind' | 'tags' | 'metadata' | 'idleTtl';

/**
 * The options of one impersonation.
 *
 * @example
 * const options: ImpersonationOptions = { ttl: '15m', actorName: 'Ada of support', metadata: { ticket: '4711' } };
 */
export interface ImpersonationOptions extends Pick<SignInRequest, OfSignIn> {
  /** How long the session lives: `'1s'` to `'12h'`, and no longer than `refreshToken.ttl`. By default `'30m'`. */
  ttl?: string;
  /**
   * How long its access tokens live: `'1s'` to `'24h'`, and no longer than `accessToken.ttl`. By default `'5m'`. An administrator
   * who is disabled acts no longer than this.
   */
  accessTokenTtl?: string;
  /** The name of the administrator in the user's list of sessions. 1 to 255 characters, without control characters. */
  actorName?: string;
}

const OPTIONS: readonly string[] = [
  ...(['ttl', 'accessTokenTtl', 'actorName'] satisfies (keyof ImpersonationOptions)[]),
  ...(['clientId', 'deviceName', 'scope', 'bind', 'tags', 'metadata', 'idleTtl'] satisfies OfSignIn[]),
];
const ttlOf = duration('1s', '12h');
const NAME = /^\P{Cc}{1,255}$/u;

/**
 * Begins sessions in which an administrator acts as a user. Who may do so is for your route to decide.
 *
 * Such a session has both: the id, roles and permissions of the user, and the administrator as `actor`. It is short, and a
 * refresh does not extend it. It ends with the administrator's own session. It is in the list of the user, who can end it.
 *
 * @example
 * const tokens = await impersonation.begin(admin, userId, { ttl: '15m' }, clientContextOf(request));
 */
@Injectable()
export class ImpersonationService {
  constructor(
    private readonly sessions: SessionIssuer,
    private readonly users: BoundedUserProvider,
    private readonly impersonators: Impersonators,
  ) {}

  /**
   * Begins an impersonated session. Its transport is always `'body'`: a cookie would replace the administrator's own session.
   *
   * @param actor the administrator, as the guard has found them
   * @param userId whom they act as
   * @param client IP address and user agent of the request
   * @param evidence the proof that binds the session, from `PresentedBinding.of`
   * @param use the key of this sign-in, from `tokenUseOf`
   * @throws AuthError `forbidden` in a session that is impersonated itself, and if the administrator's session has ended
   * @throws AuthError `invalid_request` if the user is the administrator
   * @throws AuthError `not_found` if there is no such user, or if they are disabled
   * @throws AuthError whatever else `RefreshTokenService.issue` throws
   * @throws TypeError if an option is unknown, or the name is not valid
   * @throws AuthConfigurationError if a duration is not valid
   * @example
   * const { accessToken } = await impersonation.begin(admin, userId, { actorName: 'Ada of support' });
   */
  begin(
    actor: AuthenticatedUser<object>,
    userId: string,
    options: ImpersonationOptions = {},
    client: ClientContext = {},
    evidence: BindingEvidence = {},
    use: TokenUse = {},
  ): Promise<IssuedTokens> {
    return traced('nrt.impersonate', async () => {
      const { ttl, actorName, ...session } = checked(options);
      if (actor.actor) throw new AuthError('forbidden', 'An impersonated session cannot begin another one.');
      if (userId === actor.id) throw new AuthError('invalid_request', 'Users cannot impersonate themselves.');
      const by = { actor: actor.id, actorName, actorSessionId: actor.sessionId };
      if (await this.impersonators.isGone(by)) throw new AuthError('forbidden', 'Your own session has ended.');
      const user = typeof userId === 'string' && userId !== '' ? await this.users.loadUser(userId) : null;
      if (!user) throw new AuthError('not_found', 'There is no such user.');
      return this.sessions.issue(user, { ...session, ttl, transport: 'body' }, client, evidence, use, by);
    });
  }
}

function checked({ ttl = '30m', accessTokenTtl = '5m', actorName, ...others }: ImpersonationOptions) {
  const unknown = unknownOption('impersonation', others, OPTIONS);
  if (unknown !== undefined) throw new TypeError(unknown);
  if (actorName !== undefined && (typeof actorName !== 'string' || !NAME.test(actorName))) {
    throw new TypeError('actorName must have 1 to 255 characters, and no control characters.');
  }
  ttlOf('ttl', ttl);
  return { ...others, ttl, accessTokenTtl, actorName: actorName ?? null };
}
