import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';

/** A client of socket.io or of the package ws. */
interface Client {
  readonly handshake?: object;
  emit?(event: string, payload: unknown): unknown;
  send?(text: string): unknown;
}

/**
 * For WebSocket gateways: sends an `AuthError` to the client as the event `exception` with `{ error, error_description
 * }`. Without it, Nest only reports an internal server error.
 *
 * @example
 * @UseFilters(AuthSocketFilter)
 * @UseGuards(JwtAuthGuard)
 * @WebSocketGateway()
 * export class ChatGateway {}
 */
@Catch(AuthError)
export class AuthSocketFilter implements ExceptionFilter<AuthError> {
  catch(error: AuthError, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<Client>();
    const refusal = error.getResponse();
    if (client.handshake) client.emit?.('exception', refusal);
    else client.send?.(JSON.stringify({ event: 'exception', data: refusal }));
  }
}
