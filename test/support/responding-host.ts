import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Injectable,
  type NestInterceptor,
  Post,
  Req,
  Res,
  UseFilters,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { AuthError, AuthExceptionFilter, AuthResponder, AuthRoute, type SignInAnswer } from 'nestjs-refresh-token';
import type { Observable } from 'rxjs';

interface SignInBody {
  user?: string;
  wanted?: SignInAnswer;
  proof?: unknown;
}

/** Whom the host has authenticated, in a way of its own. */
const userOf = ({ user = 'alice' }: SignInBody) => ({ id: `user-${user}`, roles: ['user'] });

/** Routes of a host that answer by `AuthResponder`. */
@Controller('own')
export class RespondingController {
  constructor(private readonly responder: AuthResponder) {}

  @Post('sign-in')
  signIn(@Req() request: Request, @Res() response: Response) {
    const body = (request.body ?? {}) as SignInBody;
    return this.responder.signIn(userOf(body), request, response, body.wanted);
  }

  @Get('sign-in')
  byLink(@Req() request: Request, @Res() response: Response) {
    const { to } = request.query as { to: string };
    return this.responder.signIn(userOf({}), request, response, { redirectTo: to, allowCrossSite: true });
  }

  /** Nest sends what this returns, or what an interceptor makes of it. */
  @Post('passthrough')
  async passthrough(@Req() request: Request, @Res({ passthrough: true }) response: Response) {
    const body = (request.body ?? {}) as SignInBody;
    await this.responder.signIn(userOf(body), request, response, body.wanted);
    return { by: 'the host' };
  }

  @Post('refresh')
  @AuthRoute('refresh')
  refresh(@Req() request: Request, @Res() response: Response) {
    return this.responder.refresh(request, response);
  }

  @Post('refresh-passthrough')
  @HttpCode(202)
  refreshPassthrough(@Req() request: Request, @Res({ passthrough: true }) response: Response) {
    return this.responder.refresh(request, response);
  }

  @Post('step-up')
  @AuthRoute('step-up')
  stepUp(@Req() request: Request, @Res() response: Response) {
    return this.responder.stepUp((request.body as SignInBody).proof, request, response);
  }

  /** A page of the host instead of an error in JSON. */
  @Post('caught')
  async caught(@Req() request: Request, @Res() response: Response) {
    const body = request.body as SignInBody;
    try {
      await this.responder.signIn(userOf(body), request, response, body.wanted);
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      response.status(303).header('Location', `/sign-in?error=${error.code}`).send();
    }
  }

  /** A dead session is replaced at once. */
  @Post('either')
  async either(@Req() request: Request, @Res() response: Response) {
    try {
      await this.responder.refresh(request, response);
    } catch {
      await this.responder.signIn(userOf({}), request, response);
    }
  }

  @Post('answered/:what')
  async answered(@Req() request: Request, @Res() response: Response) {
    response.status(200).send({ by: 'the host' });
    const { what } = request.params;
    if (what === 'refresh') await this.responder.refresh(request, response);
    else await this.responder.signIn(userOf({}), request, response);
  }
}

@Controller('filtered')
@UseFilters(AuthExceptionFilter)
export class FilteredController extends RespondingController {}

/** What is around all routes of the host at this moment. */
export const around: { intercept?: (handled: Observable<unknown>) => Observable<unknown> } = {};

@Injectable()
export class AroundInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return around.intercept?.(next.handle()) ?? next.handle();
  }
}
