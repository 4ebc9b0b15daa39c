import { Controller, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { AuthRoute } from '../common/request/auth-route.decorator.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { Public } from '../guards/public.decorator.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { LoginAnswers } from './login-answers.js';
import { NoStore } from './no-store.decorator.js';
import { answerOnce } from './own-answer.js';
import { TlsGuard } from './tls.guard.js';

/** The route of the second step of a login. Only a module with `mfaDto` has it. */
@Controller('auth')
@UseFilters(AuthRouteFilter)
export class MfaController {
  constructor(private readonly logins: LoginAnswers) {}

  @Post('login/continue')
  @AuthRoute('mfa')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(TlsGuard)
  continueLogin(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, () => this.logins.continueLogin(request, response));
  }
}
