import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AuthConfigurationError, AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { FIELDS_OF_CONTINUING, FIELDS_OF_LOGIN, FIELDS_OF_STEP_UP } from '../common/request/own-fields.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { AuthRegistration } from '../modules/auth-registration.js';
import { tokenUseOf } from '../refresh-token/token-use-of.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { MfaTickets } from '../sign-in/mfa-tickets.js';
import { SecondFactorService } from '../sign-in/second-factor.service.js';
import { SignInService } from '../sign-in/sign-in.service.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import { wrongUser } from '../user/checked-user.js';
import { hostBodyOf } from './host-body.js';
import { AuthContinueDto, AuthLoginDto, AuthSignInDto, AuthStepUpDto } from './login.dto.js';
import type { OwnAnswer } from './own-answer.js';
import { bodyOf } from './request-body.js';
import { SessionAnswers, type SignInContext } from './session-answers.js';

/** Answers the routes that take credentials: those of the module, or what the host has its own classes for. */
@Injectable()
export class LoginAnswers implements OnModuleInit {
  constructor(
    private readonly signIns: SignInService,
    private readonly secondFactors: SecondFactorService,
    private readonly tickets: MfaTickets,
    private readonly answers: SessionAnswers,
    private readonly cookie: RefreshCookie,
    private readonly users: BoundedUserProvider,
    private readonly registration: AuthRegistration,
    private readonly config: RefreshTokenConfig,
  ) {}

  /** @throws AuthConfigurationError if nothing takes what `stepUpDto` or `mfaDto` describes */
  onModuleInit(): void {
    if (this.registration.mfaDto && !this.users.canContinueSignIn) {
      throw new AuthConfigurationError(
        'mfaDto describes a second factor, but userProvider has no continueSignIn(id, secondFactor). Add it, or remove mfaDto.',
      );
    }
    if (!this.registration.stepUpDto || this.users.canReauthenticate) return;
    throw new AuthConfigurationError(
      'stepUpDto describes a step-up, but userProvider has no reauthenticate(id, proof). Add it, or remove stepUpDto.',
    );
  }

  async login(request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    const { loginDto: dto, accountFields } = this.registration;
    const host = dto && (await hostBodyOf(request, { dto, own: FIELDS_OF_LOGIN, accountFields }));
    const own: AuthLoginDto | AuthSignInDto = await bodyOf(request, host ? AuthSignInDto : AuthLoginDto);
    const names = this.registration.accountsIn(request.body);
    const transport = own.transport ?? this.config.defaultTransport;
    const wanted = {
      clientId: own.client_id,
      deviceName: own.device_name,
      scope: own.scope,
      transport,
      bind: own.bind ?? undefined,
      isKnownDevice: names.length === 1 && this.cookie.isOfKnownDevice(request, names[0]),
      // A client may want less than the host gives, and no more.
      ...(own.persistent === false && { persistent: false }),
    };
    const begin = ({ client, evidence, use, deviceId }: SignInContext) => {
      const named = { ...wanted, deviceId, accountName: names[0] };
      if (host) return this.signIns.signInWith(host, named, client, evidence, use);
      const { username, password } = own as AuthLoginDto;
      return this.signIns.signIn(username, password, { ...wanted, deviceId }, client, evidence, use);
    };
    try {
      return await this.answers.signIn(request, response, transport, false, begin);
    } catch (error) {
      const leadsNowhere = error instanceof AuthError && error.code === 'mfa_required' && !this.registration.mfaDto;
      if (!leadsNowhere) throw error;
      throw wrongUser(
        'validateCredentials',
        'the user needs a second factor, but no route takes it. Add mfaDto to AuthModule.',
      );
    }
  }

  /** The transport and all else that the first step has chosen holds. */
  async continueLogin(request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    const secondFactor = await hostBodyOf(request, { dto: this.registration.mfaDto!, own: FIELDS_OF_CONTINUING });
    const { mfa_ticket: ticket, transport: repeated } = await bodyOf(request, AuthContinueDto);
    const signIn = this.tickets.read(ticket);
    if (!signIn) throw new AuthError('invalid_mfa_ticket');
    const transport = signIn.request.transport ?? this.config.defaultTransport;
    if ((repeated ?? transport) !== transport) {
      throw new AuthError('invalid_request', 'The first step has chosen the other transport.');
    }
    const clientId = signIn.request.clientId ?? this.config.defaultClientId;
    if ((tokenUseOf(request).clientId ?? clientId) !== clientId) {
      throw new AuthError('invalid_request', 'The first step has named another client.');
    }
    return this.answers.signIn(request, response, transport, false, ({ client, evidence, use, deviceId }) =>
      this.secondFactors.continueSignIn(ticket, secondFactor, client, evidence, use, deviceId),
    );
  }

  async stepUp(request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    const { stepUpDto: dto } = this.registration;
    const proof = dto
      ? await hostBodyOf(request, { dto, own: FIELDS_OF_STEP_UP })
      : (await bodyOf(request, AuthStepUpDto)).password;
    return this.answers.stepUp(proof, request, response);
  }
}
