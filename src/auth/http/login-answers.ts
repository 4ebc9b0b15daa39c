import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { FIELDS_OF_LOGIN, FIELDS_OF_STEP_UP } from '../common/request/own-fields.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { AuthRegistration } from '../modules/auth-registration.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { SignInService } from '../sign-in/sign-in.service.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import { hostBodyOf } from './host-body.js';
import { AuthLoginDto, AuthSignInDto, AuthStepUpDto } from './login.dto.js';
import type { OwnAnswer } from './own-answer.js';
import { bodyOf } from './request-body.js';
import { SessionAnswers, type SignInContext } from './session-answers.js';

/** Answers the routes that take credentials: those of the module, or what the host has its own classes for. */
@Injectable()
export class LoginAnswers implements OnModuleInit {
  constructor(
    private readonly signIns: SignInService,
    private readonly answers: SessionAnswers,
    private readonly cookie: RefreshCookie,
    private readonly users: BoundedUserProvider,
    private readonly registration: AuthRegistration,
    private readonly config: RefreshTokenConfig,
  ) {}

  /** @throws AuthConfigurationError if nothing takes what `stepUpDto` describes */
  onModuleInit(): void {
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
    const begin = ({ client, evidence, use }: SignInContext) => {
      if (host) return this.signIns.signInWith(host, { ...wanted, accountName: names[0] }, client, evidence, use);
      const { username, password } = own as AuthLoginDto;
      return this.signIns.signIn(username, password, wanted, client, evidence, use);
    };
    return this.answers.signIn(request, response, transport, false, begin);
  }

  async stepUp(request: HttpRequest, response: HttpResponse): Promise<OwnAnswer> {
    const { stepUpDto: dto } = this.registration;
    const proof = dto
      ? await hostBodyOf(request, { dto, own: FIELDS_OF_STEP_UP })
      : (await bodyOf(request, AuthStepUpDto)).password;
    return this.answers.stepUp(proof, request, response);
  }
}
